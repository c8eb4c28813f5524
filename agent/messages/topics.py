"""Every topic of the contract, in one place. Nothing else in the tree spells one."""

from __future__ import annotations

ROOT = "pack/v1"
OMS_STATE = f"{ROOT}/oms/state"


def station(station_id: str, leaf: str) -> str:
    """Return the topic `leaf` of one station: `job/assign`, `rcpt`, `presence`, `evt/parcel`, ..."""
    return f"{ROOT}/st/{station_id}/{leaf}"


def site(site_id: str, leaf: str) -> str:
    """Return the topic `leaf` of one site: `job/offer`, `catalogue`."""
    return f"{ROOT}/site/{site_id}/{leaf}"


def subscriptions(station_id: str, site_id: str) -> tuple[str, ...]:
    """Return the filters of the station's work; at most 8, and no wildcard over a retained topic (AWS IoT Core)."""
    return (
        station(station_id, "job/+"),
        station(station_id, "rcpt"),
        station(station_id, "sync/rsp"),
        site(site_id, "job/offer"),
        site(site_id, "catalogue"),
        OMS_STATE,
    )


def fleet_subscriptions(station_id: str, site_id: str) -> tuple[str, ...]:
    """Return the filters of what the fleet's admin says: configuration, retained, and commands."""
    return (*(config(scope) for scope in ("fleet", f"site/{site_id}", f"station/{station_id}")),
            station(station_id, "cmd/+/req"))


def config(scope: str) -> str:
    """Return the topic of the configuration layer of `fleet`, `site/ID` or `station/ID`."""
    return f"{ROOT}/cfg/{scope}"


def scope_of(topic: str) -> str:
    """Return the scope of a topic of configuration; empty for any other topic."""
    return topic.removeprefix(f"{ROOT}/cfg/") if topic.startswith(f"{ROOT}/cfg/") else ""


def command_of(topic: str, *, station_id: str) -> str:
    """Return the name of the command that is asked for on a topic of this station; empty for any other topic."""
    ours = station(station_id, "cmd/")
    return topic.removeprefix(ours).removesuffix("/req") if topic.startswith(ours) and topic.endswith("/req") else ""


def leaf_of(topic: str, *, station_id: str, site_id: str) -> str:
    """Return what `topic` is to this station: `job/assign`, `rcpt`, ..., `site/job/offer`, `oms/state`, or nothing."""
    ours = station(station_id, "")
    if topic.startswith(ours):
        return topic.removeprefix(ours)
    sites = site(site_id, "")
    return "oms/state" if topic == OMS_STATE else f"site/{topic.removeprefix(sites)}" if topic.startswith(sites) else ""
