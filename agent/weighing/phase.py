"""What the platform is doing, as one word."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """What the platform is doing."""

    STARTING = "starting"
    NOT_EMPTY = "not-empty"
    EMPTY = "empty"
    LOADING = "loading"
    STABLE = "stable"
    UNLOADING = "unloading"
