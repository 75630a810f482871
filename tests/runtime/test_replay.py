"""Long random walks through the real process: after every event the replay gives what is stored, and the index is what the state says."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.jumping import steps_around
from bpflow.expressions.data import User
from bpflow.graph import Outcome
from bpflow.loading import LoadedWorkspace, load_workspace
from bpflow.runtime import Engine, TaskView, VirtualClock, open_engine
from bpflow.values import Field
from tests.runtime.looking import check_index, check_replay, stored

FOLDER = Path(__file__).parents[2] / "processes"
FAR = datetime(2200, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def outreach() -> LoadedWorkspace:
    return load_workspace(FOLDER)


class Walk:
    """Somebody who does anything that can be done, at random, and after each deed looks whether all is as it should be."""

    def __init__(self, db: Path, workspace: LoadedWorkspace, seed: int) -> None:
        self.db, self.workspace, self.chance = db, workspace, random.Random(seed)
        self.clock = VirtualClock(datetime.fromisoformat("2026-03-02T09:00+03:00"))
        self.engine = self.open()
        self.engine.deploy_workspace()
        self.deeds: Counter[str] = Counter()
        self.kind = workspace.documents["company"]
        self.people = [id for id in workspace.directory.people if id not in ("nikitin",)]
        self.checked: dict[int, int] = {}

    def open(self) -> Engine:
        return open_engine(str(self.db), self.workspace, self.clock)

    def walk(self, steps: int) -> None:
        for number in range(3):
            fields = {"name": f"Компания {number}", "industry": "ЖКХ", "status": "Импортирован", "responsible": self.chance.choice(self.people)}
            self.engine.create_document("company", fields)
        deeds = (
            [self.answer] * 6
            + [self.wait] * 4
            + [self.work] * 2
            + [self.change] * 4
            + [self.start] * 2
            + [self.reopen, self.cancel, self.repair, self.suspend, self.resume, self.resume, self.jump]
        )
        for _ in range(steps):
            deed = self.chance.choice(deeds)
            try:
                deed()
                self.deeds[deed.__name__] += 1
            except Refused:
                self.deeds[f"{deed.__name__} refused"] += 1
            self.look()

    def look(self) -> None:
        """All instances that have changed since, by the deed itself or by what it has led to."""
        for row in self.engine.instances():
            if self.checked.get(row.id) != row.revision:
                check_replay(self.engine, row.id)
                self.checked[row.id] = row.revision
            check_index(self.engine, row.id, FAR)
            cached = self.engine.runner.cache.get(row.id)
            assert cached is None or (cached.revision, cached.state) == (row.revision, stored(self.engine, row.id).state)
            if row.status not in ("running", "suspended"):
                assert self.engine.tasks(instance=row.id) == []

    # ── deeds ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self) -> None:
        tasks = self.engine.tasks()
        if not tasks:
            return
        task = self.chance.choice(tasks)
        view = self.engine.task(task.id)
        outcome = self.chance.choice(view.outcomes)
        values = {name: value for name, f in outcome.fields if (value := self.value(f, view, name, outcome)) is not None}
        by = task.party.partition(":")[2] if self.chance.random() < 0.9 else self.chance.choice(self.people)
        self.engine.answer(task.id, by=by, outcome=outcome.name, values=values, comment="Так" if outcome.comment == "required" else None)

    def value(self, f: Field, view: TaskView, name: str, outcome: Outcome) -> object:
        if self.chance.random() < 0.05:
            return None
        day = self.clock.now() + timedelta(hours=self.chance.uniform(-30, 200))
        match f.kind:
            case "datetime":
                return day
            case "date":
                return day.date()
            case "choice":
                return self.chance.choice(f.choices)[0]
            case "user":
                return self.chance.choice(self.people)
        return f"{self.chance.randrange(10_000)}"

    def wait(self) -> None:
        due = self.engine.next_due()
        self.clock.forward(timedelta(hours=self.chance.uniform(0, 40)))
        if due is not None and self.chance.random() < 0.7:
            self.clock.set(due)
        self.engine.work()

    def work(self) -> None:
        self.engine.work(limit=self.chance.randrange(1, 3))

    def change(self) -> None:
        row = self.chance.choice(self.engine.documents())
        stages = [choice for choice, _ in dict(self.kind.fields)["status"].choices]
        changes: list[dict[str, object]] = [
            {"meeting_at": self.clock.now() + timedelta(hours=self.chance.uniform(-5, 60))},
            {"meeting_at": None},
            {"responsible": self.chance.choice(self.people)},
            {"address": f"ул. Мира, {self.chance.randrange(100)}"},
            {"status": self.chance.choice(stages)},
            {"status": "Импортирован"},
            {"status": "В обработке"},
        ]
        self.engine.set_document(row.ref, self.chance.choice(changes), by=self.chance.choice([None, *self.people]))

    def start(self) -> None:
        row = self.chance.choice(self.engine.documents())
        running = [one for status in ("running", "suspended") for one in self.engine.instances(status=status, document=row.ref)]
        assert len(running) < 2
        if not running:
            self.engine.set_document(row.ref, {"status": "В обработке"})
            self.engine.start("zhkkh-outreach", document=row.ref, by=self.chance.choice(self.people))

    def cancel(self) -> None:
        running = self.engine.instances(status="running")
        if running and self.chance.random() < 0.3:
            self.engine.cancel(self.chance.choice(running).id, by="sokolova", why="Проба")

    def suspend(self) -> None:
        running = self.engine.instances(status="running")
        if running:
            self.engine.suspend(self.chance.choice(running).id, by="sokolova", why="Проба")

    def resume(self) -> None:
        suspended = self.engine.instances(status="suspended")
        if suspended:
            self.engine.resume(self.chance.choice(suspended).id, by="sokolova", why="Проба")

    def jump(self) -> None:
        """To anywhere, or to where it can be: then that is where it stands, or it has failed there."""
        running = self.engine.instances(status="running")
        if not running or self.chance.random() < 0.7:
            return
        id = self.chance.choice(running).id
        held = stored(self.engine, id)
        assert held.state is not None
        token = self.chance.choice(list(held.state.tokens.values()))
        known = list(steps_around(held.program, held.state.tokens, held.state.scopes, token))
        to = self.chance.choice(known if self.chance.random() < 0.8 else [step.path for step in held.program.graph.steps])
        done = self.engine.jump(id, token.id, to, by="sokolova", why="Проба")
        assert to in known
        assert [line.kind for line in done.lines].count("jumped") == 1

    def repair(self) -> None:
        incidents = self.engine.incidents()
        if incidents:
            incident = self.chance.choice(incidents)
            self.deeds["incident"] += 1
            (self.engine.retry if self.chance.random() < 0.5 else self.engine.skip)(incident.instance, incident.id, by="sokolova")

    def reopen(self) -> None:
        self.engine.close()
        self.engine = self.open()


@pytest.mark.parametrize("seed", range(8))
def test_a_random_walk_can_be_replayed(tmp_path: Path, outreach: LoadedWorkspace, seed: int) -> None:
    walk = Walk(tmp_path / "walk.db", outreach, seed)
    try:
        walk.walk(160)
        assert walk.deeds["answer"] > 10
        assert walk.deeds["change"] > 10
        assert walk.engine.verify_history(replay=True).flaws == []
    finally:
        walk.engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_long_random_walk_can_be_replayed(tmp_path: Path, outreach: LoadedWorkspace, seed: int) -> None:
    walk = Walk(tmp_path / "walk.db", outreach, seed)
    try:
        walk.walk(600)
    finally:
        walk.engine.close()


def test_what_an_instance_looks_like_does_not_depend_on_who_has_it_in_memory(tmp_path: Path, outreach: LoadedWorkspace) -> None:
    """The views of an engine that has worked are those of one that has just been opened."""
    walk = Walk(tmp_path / "walk.db", outreach, 77)
    walk.walk(120)
    fresh = walk.open()
    for row in walk.engine.instances():
        assert fresh.instance(row.id) == walk.engine.instance(row.id)
        assert fresh.timeline(row.id) == walk.engine.timeline(row.id)
        assert fresh.visited(row.id) == walk.engine.visited(row.id)
        for task in walk.engine.tasks(instance=row.id):
            assert fresh.task(task.id) == walk.engine.task(task.id)
            assert User(task.party.partition(":")[2]) in [a.party for a in fresh.task(task.id).people]
    fresh.close()
    walk.engine.close()
