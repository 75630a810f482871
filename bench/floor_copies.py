"""Copies of the floor's W1 on PostgreSQL, 1, 2 and 4 at once on the same server, each with a database of its own: what the machine gives.

usage: python -m bench.floor_copies [N]      FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from bench.at_once import Place, show
from bench.peer import Figures, fresh_database


def copy(place: Place) -> float:
    """One of the copies. `floor.py` is as it is: its database gets another name, and its figures are read instead of printed."""
    sys.argv = ["floor.py", "W1", "pg"]
    floor: Any = importlib.import_module("bench.floor")
    found: dict[str, float] = {}

    def fresh() -> str:
        address = fresh_database(f"floor_{place.number}")
        place.ready.wait()
        return address

    floor.pg_fresh = fresh
    floor.emit = lambda workload, metric, value, unit: found.__setitem__(metric, value)
    floor.w1(place.instances)
    return found["instances"]


if __name__ == "__main__":
    show(Figures("floor", "W1 at once"), copy, int(sys.argv[1]) if len(sys.argv) > 1 else 200, lambda: "")
