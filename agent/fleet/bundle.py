"""A support bundle: what helps to find a fault, and nothing else. It is redacted by construction.

Each value in it is named here. A setting that is new, a fact of a parcel or a line of a log gets in only when somebody
writes it down in this file; nothing is searched for secrets and cut out.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firmware_config.settings import Settings

# Section -> keys that are no secret and name no person. Of files only whether one is named.
SETTINGS = {
    "station": ("id", "site", "proof", "pool_jobs", "sscc_low", "weight_step_g"),
    "keep": ("addresses_days", "ended_days"),
    "scale": ("driver", "rate_sps", "capacity_g", "division_g", "min_load_g", "legal_zero", "left_on_s"),
    "camera": ("driver", "role", "width_px", "height_px", "rate_hz"),
    "scanner": ("driver", "baud"),
    "printer": ("driver", "role", "model", "media", "port", "doubt_after_s"),
    "signals": ("driver", "green_pin", "amber_pin", "red_pin", "buzzer_pin", "button_pin", "long_press_s"),
}
STATUS = ("boot", "link", "live_g", "rolls", "store", "finishable_alone", "disk_free_mb")


def settings_shown(settings: Settings) -> dict[str, Any]:
    """Return the settings that may leave the station; of the broker its address without name and password."""
    whole = msgspec.to_builtins(settings)
    shown: dict[str, Any] = {}
    for section, keys in SETTINGS.items():
        table = whole[section]
        tables = table if isinstance(table, list | tuple) else [table]
        shown[section] = [{key: one[key] for key in keys if key in one} for one in tables]
    url = urlsplit(settings.broker.url)
    shown["broker"] = {"tls": url.scheme == "mqtts", "host": url.hostname or "",
                       "certificate": bool(settings.broker.cert_file), "ca": bool(settings.broker.ca_file)}
    return shown


def status_shown(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may leave the station of its status: codes and counts; no parcel, no job, no sentence."""
    shown = {key: status[key] for key in STATUS if key in status}
    shown["broken"] = [{"device": one["device"], "code": one["code"]} for one in status.get("broken", ())]
    shown["code"] = status.get("view", {}).get("code", "")
    shown["refused"] = [{"code": one["code"], "count": one["count"]} for one in status.get("refused", ())]
    states = [one["state"] for one in status.get("parcels", ())]
    shown["parcels"] = {state: states.count(state) for state in sorted(set(states))}
    return shown


def pack(
    settings: Settings, status: Mapping[str, Any], reported: Mapping[str, Any],
    findings: Iterable[tuple[str, str, str]], versions: Mapping[str, str],
) -> bytes:
    """Return the bundle, ZIP of JSON: settings, status, configuration, doctor's (code, level, text), versions."""
    parts: dict[str, object] = {
        "settings.json": settings_shown(settings), "status.json": status_shown(status),
        "doctor.json": [{"code": code, "level": level, "text": text} for code, level, text in findings],
        "configuration.json": {key: reported.get(key) for key in
                               ("state", "want", "have", "candidate", "errors", "hash", "good", "since", "agent")},
        "versions.json": dict(versions),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, json.dumps(part, indent=2, sort_keys=True))
    return stream.getvalue()
