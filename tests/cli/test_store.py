"""The store from the command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

Bpflow = Callable[..., Any]


def test_a_file_is_of_the_version_already(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("migrate-store").code == 2
    assert list(workspace.glob("*.db")) == []
    assert bpflow("start", "purchase", "--input", "what=Мел").code == 0
    assert bpflow("migrate-store").out == "the store is of version 1 already\n"
    refused = bpflow("migrate-store", "--partitions", "4")
    assert (refused.code, "only a store on PostgreSQL can be divided" in refused.err) == (1, True)
    with closing(sqlite3.connect(workspace / "bpflow.db")) as db:
        db.execute("pragma user_version = 99")
    for command in (("migrate-store",), ("instances",)):
        refused = bpflow(*command)
        assert (refused.code, "was written by a newer bpflow (version 99)" in refused.err) == (1, True)


def test_a_database_on_a_server_is_made_divided_and_used(bpflow: Bpflow, workspace: Path, database: str) -> None:
    made = bpflow("migrate-store", "--partitions", "2", "--db", database)
    assert made.out == "a new store was made, of version 1\nits tables are divided into 2 partitions now; they were into 1\n"
    assert bpflow("migrate-store", "--db", database).out == "the store is of version 1 already\nits tables are divided into 2 partitions\n"
    assert bpflow("deploy", "--db", database).code == 0
    started = bpflow("start", "purchase", "--input", "what=Мел", "--db", database)
    assert (started.code, started.err) == (0, "")
    assert "Покупаем?" in bpflow("tasks", "--db", database).out
    assert bpflow("migrate-store", "--partitions", "2000", "--db", database).code == 1
    assert bpflow("migrate-store", "--partitions", "many", "--db", database).code == 2
