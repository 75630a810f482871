"""Stores, chosen by a URL."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from bpflow.diagnostics import say
from bpflow.stores.contract import Store, StoreError


def open_store(url: str) -> Store:
    """The store at `sqlite:///file.db`, `sqlite:////absolute/file.db` (with `?sync=normal`), a plain path, `:memory:`, or
    `postgresql://user@host/database`. Raises StoreError."""
    from bpflow.stores.sqlite import SqliteStore

    if url.startswith(("postgresql://", "postgres://")):
        return _postgres(url)
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


def _postgres(url: str) -> Store:
    try:
        from bpflow.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        raise StoreError(say('"{url}" needs what is not installed: run `pip install "bpflow[postgres]"`', url=url.partition("://")[0])) from error
    return PostgresStore(url)
