"""The chain of a history: every row has a link, a digest of the row and of the link before it, and the state has a seal.

    origin = H(digest of the definition) → link 1 = H(origin, row 1) → link 2 = H(link 1, row 2) → …      seal = H(last link, state)

The law of this file: who changes, leaves out, adds or moves a row, or changes a state, must compute every link after it and the seal anew. With a
key, which is not in the database, he cannot; without one he can, and is found by the heads of the chains where those are kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from struct import Struct

from bpflow.diagnostics import say
from bpflow.engine.codec import micros
from bpflow.stores.contract import Store, StoreError
from bpflow.stores.purged import PurgedRow

SIZE = 16
"""The bytes of a link and of a seal."""
KEY, KEY_FILE = "BPFLOW_HISTORY_KEY", "BPFLOW_HISTORY_KEY_FILE"
"""The variables of the environment with the key, or with the name of the file in which it stands."""
SHORTEST = 16
"""The least bytes of a key: one that can be guessed is none."""
_place = Struct("<4q").pack
_what_is_left = Struct("<6q").pack


class Chain:
    """Makes links and seals, with a key or without. StoreError if the key is too short."""

    __slots__ = ("_link", "_other", "_seal", "keyed")

    def __init__(self, key: bytes | None = None) -> None:
        if key is not None and len(key) < SHORTEST:
            raise StoreError(say("the key of the histories is too short: it has {length} bytes, and needs {least}", length=len(key), least=SHORTEST))
        self.keyed = key is not None
        secret = blake2b(key).digest() if key is not None else b""
        # A copy of one that has taken the key in is cheaper than a new one; `person` keeps what is digested for one purpose from serving another.
        self._link, self._seal, self._other = (blake2b(key=secret, person=kind, digest_size=SIZE).copy for kind in (b"link", b"seal", b"other"))

    def origin(self, digest: str) -> bytes:
        """What stands before the first link: of the digest of the definition."""
        return self._of(b"definition " + digest.encode())

    def link(self, before: bytes, owner: int, instance: int, revision: int, at: int, data: bytes) -> bytes:
        """The link of a row of history; `at` in microseconds."""
        new = self._link()
        new.update(before + _place(owner, instance, revision, at) + data)
        return new.digest()

    def seal(self, link: bytes, root: bytes) -> bytes:
        """What binds the root of a state to the last link."""
        new = self._seal()
        new.update(link + root)
        return new.digest()

    def seal_of(self, row: PurgedRow) -> bytes:
        """The seal of what is left of a purged instance."""
        numbers = _what_is_left(row.owner, row.instance, row.definition, row.revision, micros(row.ended), micros(row.at))
        return self._of(b"purged " + numbers + row.link)

    @property
    def mark(self) -> bytes:
        """By which a store knows the key again; it does not tell it."""
        return self._of(b"mark")

    def _of(self, data: bytes) -> bytes:
        new = self._other()
        new.update(data)
        return new.digest()


def chain_on(store: Store, key: bytes | None) -> Chain:
    """The chain of the histories of a store. StoreError if they are chained with another key, with one and none is given, or without and one is."""
    chain = Chain(key)
    known = store.chain_mark()
    if key is not None and known is None:
        known = store.chain_mark(chain.mark)
        if known is None:
            raise StoreError(say("there are histories in this database that are chained without a key: a key is given from the beginning, or never"))
    if known is not None and key is None:
        raise StoreError(say("the histories of this database are chained with a key: give it by {variable} or {file}", variable=KEY, file=KEY_FILE))
    if known is not None and known != chain.mark:
        raise StoreError(say("the histories of this database are chained with another key than the one that is given"))
    return chain


def key_in(environment: Mapping[str, str]) -> bytes | None:
    """The key that the environment gives, itself or by the name of its file. StoreError if that cannot be read."""
    file = environment.get(KEY_FILE)
    if not file:
        return environment[KEY].encode() if environment.get(KEY) else None
    try:
        return Path(file).read_bytes().strip()
    except OSError as error:
        raise StoreError(say('the key of the histories cannot be read from "{file}": {reason}', file=file, reason=error.strerror or str(error))) from error
