"""`bpflow demo`: a workspace at work. Documents are imported, people take them in hand and answer their tasks, a virtual clock runs.

The law of this file: the people of the demo are played by rules that depend on nothing but the database: what somebody does with a task
follows from its document, its step and how often it was asked. So a demo that was killed goes on from where it stood, and ends as one
that nobody disturbed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bpflow.cli.names import Names
from bpflow.cli.output import Output
from bpflow.cli.show import happened, how_it_goes
from bpflow.diagnostics import Message, Refused, say
from bpflow.expressions.data import Document, User
from bpflow.graph import Outcome
from bpflow.runtime import Engine, TaskView, VirtualClock
from bpflow.services.working_calendar import zone_of
from bpflow.source import read_file
from bpflow.stores.contract import DocumentRow
from bpflow.stores.entries import TaskEntry
from bpflow.values import Field as FormField

FIRST_DAYS = timedelta(days=400)
"""How long the virtual clock runs at most."""


class DemoFile(BaseModel):
    """`data/demo.yaml` of a workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="The document type.")
    file: str = Field(description="The CSV file with the documents.")
    at: datetime = Field(description="When the virtual clock begins.")
    set: dict[str, Any] = Field(description="The change by which people take a document in hand.")
    a_day: int = Field(6, alias="a-day", description="How many documents are taken a working day.")
    stage: str = Field(description="The field that says where a document has got to.")
    calendar: str = Field(description="Whose calendar is shown at the end.")


def read_demo(folder: Path) -> DemoFile:
    """The settings of the demo. Refused if the workspace has none."""
    path = folder / "data" / "demo.yaml"
    if not path.is_file():
        raise Refused(say('there is no demo in this workspace: "{file}" is missing', file=path))
    tree = read_file(path, str(path)).tree
    return DemoFile.model_validate(tree)


@dataclass(slots=True)
class Day:
    """What happened on a working day of the demo."""

    taken: int = 0
    answered: int = 0
    fired: int = 0


@dataclass(slots=True)
class Demo:
    """The people of the demo, and the clock that they live by."""

    engine: Engine
    clock: VirtualClock
    plan: DemoFile
    folder: Path
    out: Output
    zone: tzinfo = field(init=False)
    days: dict[date, Day] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        workspace = self.engine.workspace
        assert workspace is not None
        self.zone = zone_of(workspace.settings.timezone)

    # ── the story ──────────────────────────────────────────────────────────────────────────────────────────────────
    def run(self) -> None:
        """From the import to the last answer; a demo that stands in the middle goes on."""
        self.engine.deploy_workspace()
        if not self.engine.documents(self.plan.type, 1):
            self.bring_in()
        else:
            self.clock.set(self.engine.store.last_at() or self.plan.at)
            self.out.note(say("going on from {at}", at=self.local(self.clock.now()).strftime("%d.%m.%Y %H:%M")))
        end = self.plan.at + FIRST_DAYS
        while True:
            self.count().fired += self.engine.work().timers
            if self.act():
                continue
            following = self.next_moment()
            if following is None or following > end:
                break
            self.clock.set(following)

    def bring_in(self) -> None:
        """The documents of the file, all in one transaction."""
        with self.out.progress(say("importing")) as progress:
            imported = self.engine.import_documents(self.plan.type, (self.folder / "data" / self.plan.file).read_bytes(), progress=progress)
        self.out.line(say("{count} documents imported from {file}", count=len(imported.created), file=self.plan.file))
        for rejected in imported.rejected:
            self.out.line(say("line {line}: {reason}", line=rejected.line, reason=rejected.reason), "yellow")

    def act(self) -> bool:
        """Everybody does what is due to be done by now: takes documents in hand, answers tasks. True if anybody did anything."""
        now = self.clock.now()
        done = 0
        for at, row in self.to_take():
            if at <= now:
                by = row.fields.get("responsible")
                self.engine.set_document(row.ref, self.plan.set, by=by.id if isinstance(by, User) else None)
                self.count().taken += 1
                done += 1
        for task in self.tasks():
            if self.answers_at(task) <= now:
                self.answer(task)
                self.count().answered += 1
                done += 1
        return done > 0

    def next_moment(self) -> datetime | None:
        """When the next thing happens: a timer, an answer, a document taken in hand."""
        moments = [self.engine.next_due(), *(at for at, _ in self.to_take()), *(self.answers_at(task) for task in self.tasks())]
        return min((at for at in moments if at is not None), default=None)

    def count(self) -> Day:
        return self.days.setdefault(self.local(self.clock.now()).date(), Day())

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    # ── what people do, and when ───────────────────────────────────────────────────────────────────────────────────
    def to_take(self) -> Iterator[tuple[datetime, DocumentRow]]:
        """The documents that nobody has changed yet, with the moment at which their people take them: some every working day."""
        for number, row in enumerate(self.engine.documents(self.plan.type)):
            if row.version == 1:
                day = self.working_day(self.local(self.plan.at).date(), number // self.plan.a_day)
                yield datetime.combine(day, time(9, 5 * (number % self.plan.a_day)), self.zone), row

    def working_day(self, day: date, further: int) -> date:
        while further > 0:
            found = self.engine.world.calendar.answer("next_working_day", (day, str(self.zone)))
            assert isinstance(found, date)
            day, further = found, further - 1
        return day

    def tasks(self) -> list[TaskEntry]:
        """The open tasks, each once, in an order that restarts do not change."""
        seen: dict[str, TaskEntry] = {}
        for task in self.engine.tasks():
            seen.setdefault(task.id, task)
        return sorted(seen.values(), key=lambda task: (self.key(task.instance), task.token, task.visit))

    def key(self, instance: int) -> str:
        """What an instance is about, whatever its number: the fields of its document that never change."""
        if instance not in self.keys:
            row = self.engine.store.instance(instance)
            assert row is not None
            self.keys[instance] = str(row.document.id) if row.document else str(instance)
        return self.keys[instance]

    def chance(self, *of: object) -> float:
        """A number from 0 to 1 that looks random and is always the same."""
        digest = hashlib.sha256("/".join(map(str, of)).encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def answers_at(self, task: TaskEntry) -> datetime:
        """When somebody answers: most within hours, some only after days, and then within working hours."""
        chance = self.chance("when", self.key(task.instance), task.node, task.visit)
        hours = 1 + chance * 20 if chance < 0.85 else 60 + (chance - 0.85) * 1600
        at = self.local(task.opened + timedelta(hours=hours)).replace(microsecond=0, second=0)
        if at.hour >= 18:
            at = (at + timedelta(days=1)).replace(hour=9)
        at = at.replace(hour=max(at.hour, 9))
        if self.engine.world.calendar.answer("is_working_day", (at.date(), str(self.zone))) is not True:
            at = datetime.combine(self.working_day(at.date(), 1), at.timetz())
        return at

    def answer(self, task: TaskEntry) -> None:
        """The person to whom the task came chooses an outcome and fills its form."""
        view = self.engine.task(task.id)
        outcome = self.choose(view, task)
        values = self.form(outcome, view, task)
        who = task.party.partition(":")[2] if task.party.startswith("user:") else self.member(view)
        comment = say("Decided").text(self.out.language) if outcome.comment == "required" else None
        self.engine.answer(task.id, by=who, outcome=outcome.name, values=values, comment=comment)

    def form(self, outcome: Outcome, view: TaskView, task: TaskEntry) -> dict[str, object]:
        """The values of the fields that are asked for, one after the other."""
        values: dict[str, object] = {}
        for number, (name, f) in enumerate(outcome.fields):
            one = self.engine.form(task.id, outcome=outcome.name, values=values).fields[number]
            value = one.choices[0][0] if one.choices else self.fill(name, f, view, task)
            if one.shown and value is not None:
                values[name] = [value] if f.many and one.choices else value
        return values

    def member(self, view: TaskView) -> str:
        directory = self.engine.world.directory
        members = directory.answer("members", (view.people[0].party,)) if directory else None
        assert isinstance(members, list) and isinstance(members[0], User)
        return members[0].id

    def choose(self, view: TaskView, task: TaskEntry) -> Outcome:
        """Mostly the first outcome; the more often a step has come round, the more so."""
        chance = self.chance("what", self.key(task.instance), task.node, task.visit)
        first = 0.55 + 0.02 * task.visit
        others = view.outcomes[1:]
        if chance < first or not others:
            return view.outcomes[0]
        return others[min(int((chance - first) / (1 - first) * len(others)), len(others) - 1)]

    def fill(self, name: str, f: FormField, view: TaskView, task: TaskEntry) -> object:
        """A value that fits the field: a date in the coming days, the first choice that chance takes, what the form offers."""
        chance = self.chance("field", self.key(task.instance), task.node, task.visit, name)
        if name in view.prefill and f.kind not in ("date", "datetime", "user"):
            return view.prefill[name]
        match f.kind:
            case "date" | "datetime":
                day = self.working_day(self.local(self.clock.now()).date(), 1 + int(chance * 6))
                return day if f.kind == "date" else datetime.combine(day, time(10 + int(chance * 7919) % 7), self.zone)
            case "choice":
                return f.choices[int(chance * len(f.choices))][0]
            case "boolean":
                return chance < 0.5
            case "integer" | "number" | "money":
                return int(f.min or 1)
            case "user":
                return self.colleague(chance)
        return f"{int(chance * 9000) + 1000}" if f.required else None

    def colleague(self, chance: float) -> str:
        """One of the people among whom documents are shared out."""
        people = {row.fields.get("responsible") for row in self.engine.documents(self.plan.type)}
        ids = sorted(person.id for person in people if isinstance(person, User))
        return ids[int(chance * len(ids))]


# ── what is shown at the end ────────────────────────────────────────────────────────────────────────────────────────
def show_all(demo: Demo) -> None:
    """For a person: the days, where every document has got to, a calendar, a timeline."""
    names = Names(demo.engine, demo.out.language)
    show_days(demo)
    show_documents(demo, names)
    show_calendar(demo, names)
    show_timeline(demo, names)


def show_days(demo: Demo) -> None:
    weeks: dict[date, Day] = {}
    for day, done in sorted(demo.days.items()):
        week = weeks.setdefault(day - timedelta(days=day.weekday()), Day())
        week.taken, week.answered, week.fired = week.taken + done.taken, week.answered + done.answered, week.fired + done.fired
    rows = [(f"{week:%d.%m.%Y}", str(d.taken), str(d.answered), str(d.fired)) for week, d in weeks.items() if d.taken or d.answered or d.fired]
    if rows:
        demo.out.line()
        demo.out.table((say("week from"), say("taken in hand"), say("tasks answered"), say("timers fired")), rows, right=(1, 2, 3))


def show_documents(demo: Demo, names: Names) -> None:
    """A row a document, and how many ended how."""
    rows, ends = [], Counter[str]()
    for row in demo.engine.documents(demo.plan.type):
        ran = demo.engine.instances(document=row.ref)
        result = ran[-1].result or how_it_goes(ran[-1], names.language) if ran else "–"
        stage = names.value(row.fields.get(demo.plan.stage))
        who = names.value(row.fields.get("responsible"))
        ends[f"{stage} ({result})"] += 1
        rows.append((names.of(row.ref), who, stage, result, names.when(ran[-1].ended) if ran else "", str(answers(demo, ran[-1].id)) if ran else ""))
    demo.out.line()
    demo.out.table((say("document"), say("responsible"), say("stage"), say("result"), say("ended"), say("answers")), rows, right=(5,))
    demo.out.line()
    for end, count in sorted(ends.items()):
        demo.out.line(f"{count:>4}  {end}")


def answers(demo: Demo, instance: int) -> int:
    return sum(1 for line in demo.engine.timeline(instance) if line.kind == "answered")


def show_calendar(demo: Demo, names: Names) -> None:
    entries = demo.engine.calendar(demo.plan.calendar)
    headline(demo, say("Calendar of {person}: {count} entries, the first of them", person=names.person(demo.plan.calendar), count=len(entries)))
    for entry in entries[:12]:
        demo.out.line(f"  {names.when(entry.at)}  {entry.title}")


def show_timeline(demo: Demo, names: Names) -> None:
    """The document that took the most answers and got to its end."""
    ran = [row for row in demo.engine.instances(limit=1000) if row.document is not None]
    if not ran:
        return
    busiest = max(ran, key=lambda row: (answers(demo, row.id), -row.id))
    assert isinstance(busiest.document, Document)
    headline(demo, say("Timeline of {document}, instance {instance}", document=names.of(busiest.document), instance=busiest.id))
    for line in demo.engine.timeline(busiest.id):
        who = f", {names.person(line.by)}" if line.by else ""
        demo.out.line(f"  {names.when(line.at)}  {demo.out.text(happened(line))}{who}")


def headline(demo: Demo, text: Message) -> None:
    demo.out.line()
    demo.out.line(text, "bold")


def database(db: str | None, fresh: bool) -> str:
    """Where the demo is kept: `demo.db` in this folder unless said otherwise; with `fresh`, an earlier one is taken away."""
    path = Path(db or "demo.db")
    if fresh and "://" not in str(db):
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            file.unlink(missing_ok=True)
    return db or str(path)


def run(folder: Path, url: str, out: Output) -> int:
    """The demo of the workspace in `folder`, on the database at `url`. A database in which it has run already is shown, or gone on with."""
    from bpflow.runtime import open_engine

    plan = read_demo(folder)
    clock = VirtualClock(plan.at)
    with open_engine(url, folder, clock) as engine:
        demo = Demo(engine, clock, plan, folder, out)
        demo.run()
        show_all(demo)
    return 0
