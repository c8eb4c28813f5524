"""Printer models, labels and their measures, as brother_ql knows them."""

from __future__ import annotations

import functools
from typing import Any

from agent.devices import DeviceError


@functools.cache
def model_named(name: str) -> Any:  # noqa: ANN401 (brother_ql is not typed)
    """brother_ql's Model of a QL printer. Raises DeviceError `printer.unknown-model` with the names there are."""
    from brother_ql.models import ALL_MODELS

    known = {model.identifier: model for model in ALL_MODELS if model.identifier.startswith("QL-")}
    if name not in known:
        raise DeviceError("printer.unknown-model", f"no printer model is called {name!r}.",
                          f"The models are {', '.join(known)}.")  # fmt: skip
    return known[name]


@functools.cache
def label_named(media: str) -> Any:  # noqa: ANN401 (brother_ql is not typed)
    """brother_ql's Label of this name. Raises DeviceError `printer.unknown-media` with the names there are."""
    from brother_ql.labels import ALL_LABELS

    known = {label.identifier: label for label in ALL_LABELS if not label.identifier.startswith("pt")}
    if media not in known:
        raise DeviceError("printer.unknown-media", f"no label is called {media!r}.",
                          f"The labels are {', '.join(known)}.")  # fmt: skip
    return known[media]


def is_label(media: str) -> bool:
    """Whether brother_ql knows a label of this name."""
    try:
        label_named(media)
    except DeviceError:
        return False
    return True


@functools.cache
def models_of(series: int, code: int) -> tuple[str, ...]:
    """The models that answer with these two status bytes; some old ones share theirs."""
    from brother_ql.models import ALL_MODELS

    return tuple(model.identifier for model in ALL_MODELS if (model.series_code, model.model_code) == (series, code))


@functools.cache
def media_name(width_mm: int, length_mm: int) -> str:
    """The label's name for what the printer measures, a millimetre more or less; `90x17` style when none has it.

    The printer says 104x164 for `103x164` and 102x153 for `102x152`.
    """
    from brother_ql.labels import ALL_LABELS

    best = [
        (abs(label.tape_size[0] - width_mm) + abs(label.tape_size[1] - length_mm), label.identifier)
        for label in ALL_LABELS
        if not label.identifier.startswith("pt") and bool(label.tape_size[1]) == bool(length_mm)
        and abs(label.tape_size[0] - width_mm) <= 1 and abs(label.tape_size[1] - length_mm) <= 1
    ]  # fmt: skip
    if best:
        return str(min(best, key=lambda found: found[0])[1])
    return f"{width_mm}x{length_mm}" if length_mm else str(width_mm)


@functools.cache
def printable_dots(media: str) -> tuple[int, int]:
    """Width and height in dots of what can be printed on this label; height 0 on endless media."""
    width, height = label_named(media).dots_printable
    return int(width), int(height)


@functools.cache
def columns(row_bytes: int, width_mm: int, length_mm: int) -> tuple[int, int]:
    """Where the label's printable area begins in a row, and how many dots it has; the whole row if unknown."""
    try:
        label = label_named(media_name(width_mm, length_mm))
    except DeviceError:
        return 0, row_bytes * 8
    width = int(label.dots_printable[0])
    wide_head_dots = 44 if row_bytes == 162 else 0
    return row_bytes * 8 - width - int(label.offset_r) - wide_head_dots, width


def is_two_color(label: Any) -> bool:  # noqa: ANN401 (brother_ql is not typed)
    """Whether this label is a black/red one."""
    from brother_ql.labels import Color

    return bool(label.color == Color.BLACK_RED_WHITE)
