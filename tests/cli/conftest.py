"""A small workspace, and the command line in this process or in one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from bpflow.cli import main

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "bpflow.yaml": "timezone: Europe/Moscow\nlanguage: ru\n",
    "directory.yaml": """
        departments:
          sales: {title: Отдел продаж, head: petrova}
        people:
          ivanov: {name: Иванов Пётр, department: sales, substitute: petrova}
          petrova: {name: Петрова Анна, department: sales}
          sidorov: {name: Сидоров Олег}
    """,
    "documents/deal.yaml": """
        type: deal
        title: Сделка
        title-field: name
        fields:
          name: {type: string, title: Название, required: true}
          amount: {type: money, title: Сумма}
          responsible: {type: user, title: Ответственный}
          stage: {type: choice, title: Стадия, choices: {new: Новая, won: Выиграна, lost: Проиграна}}
          signed_at: {type: datetime, title: Подписана}
    """,
    "purchase.yaml": """
        bpflow: 1
        id: purchase
        title: Закупка
        timezone: Asia/Vladivostok
        inputs:
          what: {type: string, title: Что, required: true}
          pieces: {type: integer, title: Сколько}
        steps:
          - id: decide
            activity: request-info
            title: Покупаем?
            to: user("ivanov")
            text: Нужно $(what), штук $(pieces).
            due: 2h
            outcomes:
              buy:
                title: Купить
                comment: none
                fields:
                  price: {type: money, title: Цена, required: true, min: 1}
                  colours: {type: choice, title: Цвета, many: true, choices: {red: Красный, blue: Синий, green: Зелёный}}
                  by_day: {type: datetime, title: К сроку}
                  buyer: {type: user, title: Покупатель, required: true}
                steps:
                  - {activity: calendar-event, title: Купить $(what), at: "coalesce(decide.by_day, now)", to: decide.buyer}
                  - activity: notify
                    to: decide.buyer
                    title: Пора
                    text: 'Купите $(what). Цена $(decide.price), цвета: $(decide.colours), к сроку $(decide.by_day)'
              refuse:
                title: Отказать
                comment: required
                next: refused
          - {activity: end, result: bought}
          - {id: refused, activity: end, result: refused}
    """,
    "stuck.yaml": """
        bpflow: 1
        id: stuck
        title: Застрянет
        inputs:
          n: {type: integer, required: true}
        variables:
          m: {type: integer, default: 0}
        steps:
          - id: which
            activity: condition
            title: Куда?
            branches:
              - {title: Налево, when: n == 1, steps: [{activity: end, result: left}]}
              - {title: Направо, when: n == 2, steps: [{activity: end, result: right}]}
              - {title: Прямо, when: n == 3, next: go-on}
          - {id: share, activity: set-variables, title: Делим, set: {m: $(10 // (n - 3))}}
          - {activity: end, result: through}
    """,
    "deal-flow.yaml": """
        bpflow: 1
        id: deal-flow
        title: Сделка до конца
        document: deal
        start:
          - {on: document-changed, when: document.stage == "won"}
        steps:
          - {id: rest, activity: pause, title: Отдых, for: 1s}
          - id: sign
            activity: request-info
            title: Подписать
            to: document.responsible
            due: none
            show: [amount]
            outcomes:
              done: {title: Готово, fill: [signed_at, amount], required: [signed_at]}
    """,
}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything, on both outputs."""
        return self.out + self.err


class Terminal(io.StringIO):
    """An input that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workspace; the current one."""
    folder = tmp_path / "office"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def bpflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs one command in this process; `typed`: the lines that a person types at a terminal, `piped`: the input otherwise."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "BPFLOW_DB", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: Any, typed: list[str] | None = None, piped: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{line}\n" for line in typed)) if typed is not None else io.StringIO(piped))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the program in a process of its own."""

    def call(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **options.pop("env", {})}
        code = "import sys; from bpflow.cli import main; sys.exit(main())"
        return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=environment, cwd=ROOT, **options)

    return call
