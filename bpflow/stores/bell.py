"""A bell: one waits for it, any other rings it, from a thread or a signal alike."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """Rung while nobody waits, it wakes whoever waits next."""

    def __init__(self) -> None:
        self._hears, self._rings = os.pipe()  # and no lock: a signal may come while one is held
        os.set_blocking(self._hears, False)
        os.set_blocking(self._rings, False)

    def ring(self) -> None:
        """Wakes whoever waits; of several rings one is enough."""
        with suppress(BlockingIOError):
            os.write(self._rings, b".")

    def wait(self, seconds: float, *also: int) -> bool:
        """Waits for it, at most so long, or until there is something to read from one of the files `also`; says whether anything came."""
        heard = select.select([self._hears, *also], [], [], max(0.0, seconds))[0]
        if self._hears in heard:
            os.read(self._hears, 4096)
        return bool(heard)

    def __del__(self) -> None:
        os.close(self._hears)  # not before: whoever still may ring has it, and the number of a closed file is given to another
        os.close(self._rings)
