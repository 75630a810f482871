"""Stores, chosen by a URL."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from bpflow.diagnostics import say
from bpflow.stores.contract import Store, StoreError


def open_store(url: str) -> Store:
    """The store at `sqlite:///file.db`, `sqlite:////absolute/file.db` (with `?sync=normal`), a plain path, or `:memory:`. Raises StoreError."""
    from bpflow.stores.sqlite import SqliteStore

    if "://" not in url:
        return SqliteStore(url)
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "sqlite" or parts.netloc:
        raise StoreError(say('"{url}" names no store; one looks like sqlite:///bpflow.db', url=url))
    if unknown := options.keys() - {"sync"}:
        raise StoreError(say('"{url}": there is no option "{option}"; there is: sync', url=url, option=min(unknown)))
    if options.get("sync", "full") not in ("full", "normal"):
        raise StoreError(say('"{url}": sync is full or normal', url=url))
    return SqliteStore(unquote(parts.path[1:]) or ":memory:", sync=options.get("sync", "full"))
