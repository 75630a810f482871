"""Versions of stores: numbered files of SQL, each of which brings a store from one version to the next.

The law of this file: an empty store is made at once, of the newest version; one of an older version is migrated only when somebody asks for
it, for other programs may be at work on it that know the older one; one of a newer version is left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


class Migrated(NamedTuple):
    """From which version to which a store was brought (0: it was empty), and into how many partitions it was and is divided (1: into none)."""

    before: int
    after: int
    was: int = 1
    partitions: int = 1


def files(folder: Path) -> list[Path]:
    """The migrations of a kind of store, in their order: 0001.sql, 0002.sql, …"""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9].sql"))


def fits(name: str, found: int, newest: int, older: bool = False) -> bool:
    """Whether the store is of the newest version; False if it is empty, or `older` is allowed. StoreError if it is of another."""
    if found > newest:
        raise StoreError(say('"{path}" was written by a newer bpflow (version {version})', path=name, version=found))
    if 0 < found < newest and not older:
        hint = say('"bpflow migrate-store" brings it there; first stop all programs that work with it, and make a copy')
        raise StoreError(say('"{path}" is of version {found}, and this bpflow needs {newest}: {hint}', path=name, found=found, newest=newest, hint=hint))
    return found == newest
