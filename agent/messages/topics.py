"""Every topic of the contract, in one place. Nothing else in the tree spells one."""

from __future__ import annotations

ROOT = "pack/v1"
OMS_STATE = f"{ROOT}/oms/state"


def station(station_id: str, leaf: str) -> str:
    """Return the topic `leaf` of one station: `job/assign`, `rcpt`, `presence`, `evt/parcel`, ..."""
    return f"{ROOT}/st/{station_id}/{leaf}"


def site(site_id: str, leaf: str) -> str:
    """Return the topic `leaf` of one site: `job/offer`."""
    return f"{ROOT}/site/{site_id}/{leaf}"


def subscriptions(station_id: str, site_id: str) -> tuple[str, ...]:
    """Return the filters of the station's work; at most 8, and no wildcard over a retained topic (AWS IoT Core)."""
    return (
        station(station_id, "job/+"),
        station(station_id, "rcpt"),
        station(station_id, "sync/rsp"),
        site(site_id, "job/offer"),
        OMS_STATE,
    )


def leaf_of(topic: str, *, station_id: str, site_id: str) -> str:
    """Return what `topic` is to this station: `job/assign`, `rcpt`, ..., `site/job/offer`, `oms/state`, or nothing."""
    ours = station(station_id, "")
    if topic.startswith(ours):
        return topic.removeprefix(ours)
    return "site/job/offer" if topic == site(site_id, "job/offer") else "oms/state" if topic == OMS_STATE else ""
