"""Time zones, by their names in the IANA database."""

from __future__ import annotations

import zoneinfo

from bpflow.diagnostics import Message, say

USUAL_ZONE = "Europe/Moscow"
"""The zone of whoever names none."""


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone of the IANA database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def unknown_zone(name: str) -> Message:
    """That there is no such time zone."""
    return say('there is no time zone "{name}"', name=name)
