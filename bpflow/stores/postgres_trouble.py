"""What PostgreSQL could not do, in the words of whoever runs bpflow.

The law of this file: what may be tried again as it was is a Conflict, and nothing of it was written; what is the fault of our own statements
stays what it is; a value that the server does not take is refused, and the next may be taken; everything else is a StoreError that says what to
do. Who reads it is never told a password.
"""

from __future__ import annotations

import psycopg

from bpflow.diagnostics import Refused, say
from bpflow.stores.contract import Conflict, StoreError

CONFLICTS = frozenset({"40001", "40P01", "23505", "22012"})
"""Serialization failure, deadlock, a key that is there already, and the division by zero of a row that is not as it was read."""
_OF_VALUES = frozenset({"22", "23", "54"})
"""Classes of what is wrong with the values of a statement, and not with the server: data, constraints, limits."""
_DOWN = frozenset({"57P01", "57P02", "57P03"})


def cannot_connect(name: str, error: psycopg.Error) -> StoreError:
    """Why there is no connection. Of that libpq gives nothing but the text, in the language of the server."""
    reason = " ".join(str(error).split())
    if 'database "' in reason and "does not exist" in reason:
        return StoreError(say('"{url}": there is no such database; make it with `createdb`', url=name))
    if "authentication failed" in reason or "no password supplied" in reason or ('role "' in reason and "does not exist" in reason):
        return StoreError(say('"{url}": the server does not let this user in: {reason}', url=name, reason=reason))
    return StoreError(say('"{url}": there is no connection: {reason}', url=name, reason=reason))


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is over."""
    state = error.sqlstate or ""
    return not state or state.startswith("08") or state in _DOWN


def trouble(name: str, error: psycopg.Error, committing: bool = False) -> Exception:
    """What went wrong. `committing`: where the connection is lost, it is not known whether the commit was done before."""
    state, reason = error.sqlstate or "", error.diag.message_primary or str(error)
    if state in CONFLICTS:
        return Conflict(reason)
    if is_lost(error):
        if committing:
            return StoreError(say('the connection to "{url}" was lost while something was being written: see whether it was', url=name))
        return StoreError(say('the connection to "{url}" was lost; nothing was changed', url=name))
    if state[:2] in _OF_VALUES:
        return Refused(say('"{url}" does not take what was to be written; nothing was changed: {reason}', url=name, reason=reason))
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
    return error if state.startswith("42") else StoreError(say('"{path}" cannot be used as a database: {reason}', path=name, reason=reason))
