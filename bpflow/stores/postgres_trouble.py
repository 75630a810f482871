"""What PostgreSQL could not do, in the words of whoever runs bpflow.

The law of this file: what may be tried again as it was is a Conflict, and nothing of it was written; everything else is a StoreError that
says what to do.
"""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bpflow.diagnostics import say
from bpflow.stores.contract import Conflict, StoreError

CONFLICTS = frozenset({"40001", "40P01", "23505", "22012"})
"""Serialization failure, deadlock, a key that is there already, and what `expects` in a statement says."""
_DOWN = frozenset({"57P01", "57P02", "57P03"})


def shown(url: str) -> str:
    """The address without its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return url.partition("://")[0] + "://…"
    host, port = str(parts.get("host") or ""), parts.get("port")
    where = f"{parts['user']}@" if parts.get("user") else ""
    where += ("" if host.startswith("/") else host) + (f":{port}" if port else "")
    return f"postgresql://{where}/{parts.get('dbname') or ''}"


def cannot_connect(url: str, error: psycopg.Error) -> StoreError:
    """Why there is no connection."""
    reason, name = " ".join(str(error).split()), shown(url)
    if "does not exist" in reason and "database" in reason:
        return StoreError(say('"{url}": there is no such database; make it with `createdb`', url=name))
    if "authentication failed" in reason or "no password supplied" in reason or ("role" in reason and "does not exist" in reason):
        return StoreError(say('"{url}": the server does not let this user in: {reason}', url=name, reason=reason))
    return StoreError(say('"{url}": the server cannot be reached: {reason}', url=name, reason=reason))


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is over."""
    state = error.sqlstate or ""
    return not state or state.startswith("08") or state in _DOWN


def trouble(url: str, error: psycopg.Error, committing: bool = False) -> StoreError | Conflict:
    """What went wrong. `committing`: it is not known whether a commit was done before the connection was lost."""
    state, name = error.sqlstate or "", shown(url)
    if state in CONFLICTS:
        return Conflict(str(error))
    if is_lost(error):
        if committing:
            return StoreError(say('the connection to "{url}" was lost while something was being written: see whether it was', url=name))
        return StoreError(say('the connection to "{url}" was lost; nothing was changed', url=name))
    reason = error.diag.message_primary or str(error)
    match state:
        case "53100":
            return StoreError(say('there is no room left to write "{path}"; nothing was changed', path=name))
        case "55P03" | "57014":
            return StoreError(say('"{path}" is being written by another program, and has not become free', path=name))
        case "25006":
            return StoreError(say('"{path}" may not be written', path=name))
        case "42501":
            return StoreError(say('"{url}": this user may not do that: {reason}', url=name, reason=reason))
        case "42P01" | "3F000" | "42703":
            return StoreError(say('"{url}" is not what this bpflow expects ({reason}); run `bpflow migrate-store`', url=name, reason=reason))
    return StoreError(say('"{path}" cannot be used as a database: {reason}', path=name, reason=reason))
