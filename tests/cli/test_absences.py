"""Absences on the command line: who is away, entering it, taking it back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]


@pytest.fixture
def away(bpflow: Bpflow, workspace: Path) -> Path:
    """A database in which Ivanov is away for good and all, and Sidorov was."""
    assert bpflow("deploy").code == 0
    said = bpflow("absent", "ivanov", "--from", "2026-01-05", "--reason", "отпуск", "--by", "petrova")
    assert (said.code, said.out) == (0, "Иванов Пётр is away from 05.01.2026 until further notice\n")
    said = bpflow("absent", "sidorov", "--from", "2020-01-05", "--to", "2020-01-06", "--substitute", "petrova", "--lang", "ru")
    assert (said.code, said.out) == (0, "Сидоров Олег отсутствует с 05.01.2020 по 06.01.2020\n")
    return workspace


def test_the_next_task_goes_to_who_acts_for_him(bpflow: Bpflow, away: Path) -> None:
    assert bpflow("start", "purchase", "--input", "what=бумага").code == 0
    (task,) = json.loads(bpflow("tasks", "--json").out)
    assert task["people"] == [{"who": "user:petrova", "in_place_of": "user:ivanov", "claimed_of": None}]


def test_who_is_away_is_listed(bpflow: Bpflow, away: Path) -> None:
    said = bpflow("absences").out
    assert "Иванов Пётр" in said
    assert "Петрова Анна" in said
    assert "Сидоров" not in said
    assert "Сидоров Олег" in bpflow("absences", "--past").out
    (data,) = json.loads(bpflow("absences", "--user", "sidorov", "--past", "--json").out)
    assert (data["from"], data["to"], data["substitute"], data["by_directory"]) == ("2020-01-05", "2020-01-06", "petrova", False)


def test_he_is_there_again(bpflow: Bpflow, away: Path) -> None:
    said = bpflow("present", "ivanov", "--from", "2026-01-07")
    assert (said.code, said.out) == (0, "no longer: Иванов Пётр is away from 05.01.2026 until further notice\n")
    (data,) = json.loads(bpflow("absences", "--user", "ivanov", "--past", "--json").out)
    assert data["to"] == "2026-01-06"
    assert bpflow("present", "ivanov").code == 1
    assert bpflow("absences").out == "nobody is away\n"


def test_what_the_directory_says_is_listed_and_stays(bpflow: Bpflow, away: Path) -> None:
    path = away / "directory.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Сидоров Олег}", "Сидоров Олег, absences: [{from: 2026-02-01}]}"), encoding="utf-8")
    assert "the directory" in bpflow("absences", "--user", "sidorov").out
    said = bpflow("present", "sidorov", "--from", "2026-02-03")
    assert (said.code, "is written in the file of the directory" in said.err) == (1, True)


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("somebody", "--from", "2026-01-05"), 2),
        (("ivanov",), 2),
        (("ivanov", "--from", "завтра"), 1),
        (("ivanov", "--from", "2026-01-05", "--to", "2026-01-04"), 1),
    ],
)
def test_what_cannot_be_is_refused(bpflow: Bpflow, away: Path, arguments: tuple[str, ...], code: int) -> None:
    assert bpflow("absent", *arguments).code == code
    assert len(json.loads(bpflow("absences", "--past", "--json").out)) == 2
