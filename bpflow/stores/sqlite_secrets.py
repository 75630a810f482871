"""Secrets in SQLite: the only table in which their values are."""

from __future__ import annotations

PUT = "insert into secret (owner, handle, instance, at, value) values (?, ?, ?, ?, ?)"
GET = "select value from secret where handle = ?"
