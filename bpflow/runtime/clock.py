"""What time it is: the machine's clock, or one that tests and scenarios move by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved. `at` is an instant with a zone."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        """Moves the clock to an instant; never backwards."""
        self._at = max(self._at, at.astimezone(UTC))

    def forward(self, by: timedelta) -> None:
        """Moves the clock on."""
        self.set(self._at + by)
