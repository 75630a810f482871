"""Services that are asked in threads, so that one that is slow holds up nobody but those who ask it too.

The law of this file: a thread asks and does nothing else; what is read before and written afterwards the worker does. Of each service only
so many calls are under way at a time; all others wait in the store.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from bpflow.expressions.data import Value
from bpflow.services.request import Request
from bpflow.stores.contract import OutboxRow
from bpflow.stores.leases import Busy, slot_of

Said: TypeAlias = dict[str, Value] | Exception
"""What a service has said: its results, or what it has raised."""


@dataclass(slots=True)
class Asking:
    """Calls under way. `most`: of one service at a time · `ring`: what is called when an answer has come."""

    ask: Callable[[OutboxRow, Request], Said]
    most: int
    ring: Callable[[], None]
    going: dict[int, OutboxRow] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _said: deque[tuple[OutboxRow, Said]] = field(default_factory=deque)

    @property
    def busy(self) -> Busy:
        """What of the outbox is not to be read now."""
        return Busy([service for service, count in self._counts.items() if count >= self.most], self.going)

    @property
    def slots(self) -> set[int]:
        """The slots of which calls are under way."""
        return {slot_of(row.owner) for row in self.going.values()}

    def may(self, row: OutboxRow) -> bool:
        """Whether the service has a place for one more."""
        return self._counts[row.call.service] < self.most

    def begin(self, row: OutboxRow, request: Request) -> None:
        """Asks, in a thread."""
        self.going[row.id] = row
        self._counts[row.call.service] += 1
        threading.Thread(target=self._run, args=(row, request), name=f"bpflow-call-{row.id}", daemon=True).start()

    def _run(self, row: OutboxRow, request: Request) -> None:
        said: Said
        try:
            said = self.ask(row, request)
        except BaseException as error:  # a service that ends its thread has not answered
            said = RuntimeError(f"{type(error).__name__}: {error}")
        self._said.append((row, said))
        self.ring()

    def answers(self) -> Iterator[tuple[OutboxRow, Said]]:
        """The answers that have come, each until it is `over`."""
        while self._said:
            yield self._said[0]

    def over(self) -> None:
        """The first answer is dealt with."""
        row, _ = self._said.popleft()
        del self.going[row.id]
        self._counts[row.call.service] -= 1
