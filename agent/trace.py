"""The trace: one line for what happened or was asked for, as `packbench run -v` logs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agent.station.values import Job

if TYPE_CHECKING:
    from agent.station.events import Event
    from agent.station.records import Effect


def brief(thing: Event | Effect) -> str:
    """Return one line of the trace: the name, and every field that is set, cut to a readable length."""
    left_out = ("at_ms", "delivery", "jobs", "prints", "known")
    fields = {name: value for name in thing.__struct_fields__ if name not in left_out
              and (value := getattr(thing, name)) not in ("", (), None)}
    words = " ".join(f"{name}={_short(value)}" for name, value in fields.items())
    return f"{type(thing).__name__} {words}".strip()


def _short(value: object) -> str:
    if isinstance(value, Job):
        return f"{value.job}/{value.rev}"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = str(msgspec.to_builtins(value))
    return text if len(text) <= 160 else text[:157] + "..."
