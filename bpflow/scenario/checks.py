"""What scenarios name that is not there: steps, outcomes, fields, people, results; and values that nothing can have.

The law of this file: it finds what can be told without playing. In something that is to be refused only the step and the person
are looked at: a wrong outcome, field or value is the very point of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bpflow.definition.directory import near_entry
from bpflow.definition.entries import Absence
from bpflow.definition.types import Given
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, say
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Graph
from bpflow.graph.written import span_of
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.scenario.known import OWN, Known, bare
from bpflow.scenario.model import (
    Answer,
    Answered,
    Away,
    Beginning,
    CalendarEntry,
    Change,
    Claim,
    Command,
    Delegate,
    Ends,
    Entry,
    Expect,
    Facts,
    Move,
    Notice,
    Refusal,
    Scenario,
    Sent,
    ServiceCall,
    Tick,
    means_none,
    parts,
)
from bpflow.scenario.reading import LoadedScenarios
from bpflow.source import Table
from bpflow.values import Field, InvalidValue

Findings = Iterator[Diagnostic]


def check_loaded(file: LoadedScenarios, workspace: LoadedWorkspace) -> Findings:
    """All findings about scenarios that have been read: of their text, their shape, and what their process and workspace do not have."""
    loaded = workspace.processes.get(file.process)
    yield from (*file.findings, *_process(file, workspace, loaded), *_titles(file.scenarios))
    if loaded is not None and loaded.graph is not None:
        for scenario in file.scenarios:
            known = _known(scenario, loaded.graph, workspace)
            yield from _Examination(known, file.complete, workspace).scenario(scenario)


def _known(scenario: Scenario, graph: Graph, workspace: LoadedWorkspace) -> Known:
    """What the scenario may name; its documents are numbered as they stand."""
    types = {**{type.type: type for type in graph.documents}, **workspace.documents}
    names = [(str(type), str(name)) for type, several in scenario.documents.items() for name in several]
    named = {name: Document(type, number) for number, (type, name) in enumerate(names, 1)}
    if graph.document is not None:
        named[OWN] = Document(graph.document, len(named) + 1)
    return Known(graph, workspace.directory, types, named)


def _process(file: LoadedScenarios, workspace: LoadedWorkspace, loaded: Loaded | None) -> Findings:
    tree = file.source.tree
    if loaded is None and isinstance(tree, Table) and isinstance(tree.get("process"), str):
        span = file.source.span_at(("process",))
        message = say('there is no process "{name}" in this workspace', name=file.process)
        yield Diagnostic(span, "unknown-process", message, did_you_mean(file.process, workspace.processes))


def _titles(scenarios: Iterable[Scenario]) -> Findings:
    first: dict[str, Span] = {}
    for scenario in scenarios:
        span = scenario.value_span("title")
        title = str(scenario.title)
        if title in first:
            yield Diagnostic(span, "duplicate-id", say("the scenario in line {line} has this title already", line=first[title].line))
        first.setdefault(title, span)


class _Examination:
    """The examination of one scenario. Where parts of the file could not be read, nothing is said to be missing."""

    def __init__(self, known: Known, complete: bool, workspace: LoadedWorkspace) -> None:
        self.known, self.complete, self.workspace = known, complete, workspace
        self.own = known

    def scenario(self, scenario: Scenario) -> Findings:
        yield from self._instant(scenario.at, scenario.value_span("at"))
        yield from self._documents(scenario)
        yield from self._given(scenario.document, self.known.fields, self._no_document_field)
        if self.complete:
            yield from self._lacking(scenario)
        yield from self._services(scenario.service)
        for process in scenario.processes:
            yield from self._is_process(process, span_of(process))
        yield from self._given(scenario.inputs, dict(self.known.graph.inputs), lambda name: say('the process has no input "{name}"', name=name))
        yield from self._absences(scenario.absent)
        yield from self._person(scenario.by, scenario.value_span("by"))
        for entry in scenario.play:
            yield from self._entry(entry)
        if scenario.ends:
            yield from self._ends(scenario.ends)

    # ── the beginning ───────────────────────────────────────────────────────────────────────────────────────────────
    def _documents(self, scenario: Scenario) -> Findings:
        """The other documents: of types that there are, each name once, with the fields that they must have."""
        seen = {OWN}
        for type, several in scenario.documents.items():
            if type not in self.known.types:
                message = say('there is no document type "{type}"', type=type)
                yield Diagnostic(span_of(type), "unknown-type", message, did_you_mean(type, self.known.types))
                continue
            fields = dict(self.known.types[type].fields)
            for name, given in several.items():
                if name in seen:
                    yield Diagnostic(span_of(name), "duplicate-id", say('there is a document "{name}" already', name=name))
                seen.add(str(name))
                yield from self._given(given, fields, lambda field, type=type: say('"{type}" has no field "{field}"', type=type, field=field))  # type: ignore[misc]
                for lacking in self._empty(fields, given) if self.complete else ():
                    yield Diagnostic(span_of(name), "missing-key", say('the document needs "{field}"', field=lacking))

    def _services(self, services: Iterable[Given]) -> Findings:
        """Services that nothing calls, and answers that are none."""
        for one in services:
            if one.name not in self._all_services():
                message = say('the process calls no service "{name}"', name=one.name)
                yield Diagnostic(one.name_place, "uncalled-service", message, did_you_mean(one.name, self._all_services()))
            if not all(isinstance(raw, Mapping) or means_none(raw) for raw in listed_answers(one.raw)):
                message = say("write the fields of the result, none, or {form}", form="{error: name, message: text}")
                yield Diagnostic(one.place, "wrong-kind", message)

    def _all_services(self) -> set[str]:
        """The services of all processes that may play."""
        graphs = [loaded.graph for loaded in self.workspace.processes.values() if loaded.graph is not None]
        return {service for graph in graphs for service in Known(graph, self.known.directory).services}

    @staticmethod
    def _empty(fields: Mapping[str, Field], given: Iterable[Given]) -> Iterator[str]:
        """The fields that must be filled and are not."""
        there = {one.name for one in given if not means_none(one.raw)}
        yield from (name for name, field in fields.items() if field.required and field.default is None and name not in there)

    def _is_process(self, name: str | None, span: Span) -> Findings:
        if name is not None and name not in self.workspace.processes:
            message = say('there is no process "{name}" in this workspace', name=name)
            yield Diagnostic(span, "unknown-process", message, did_you_mean(name, self.workspace.processes))

    def _look_at(self, process: str | None) -> bool:
        """Turns to another process, or back to the scenario's own. False where nothing is known of it."""
        loaded = self.workspace.processes.get(process) if process is not None else None
        if process is None:
            self.known = self.own
        elif loaded is not None and loaded.graph is not None:
            self.known = Known(loaded.graph, self.own.directory, self.own.types, self.own.named)
        return process is None or (loaded is not None and loaded.graph is not None)

    def _lacking(self, scenario: Scenario) -> Findings:
        """Fields without which the document cannot be created, and a document for a process that has none."""
        span = scenario.key_span("document") if scenario.document else scenario.place
        if self.known.document is None:
            if scenario.document:
                yield Diagnostic(span, "unknown-key", say('the process "{name}" has no document', name=self.known.graph.process))
            return
        for name in self._empty(self.known.fields, scenario.document):
            yield Diagnostic(span, "missing-key", say('the document needs "{field}"', field=name))

    def _absences(self, absent: Mapping[str, Iterable[Absence]]) -> Findings:
        for name, absences in absent.items():
            yield from self._person(name, span_of(name))
            for absence in absences:
                yield from self._person(absence.substitute, span_of(name))
                if absence.last is not None and absence.last < absence.first:
                    yield Diagnostic(span_of(name), "absence-dates", say("the absence ends before it begins, on {first}", first=absence.first))

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────
    def _entry(self, entry: Entry) -> Findings:
        if entry.expect:
            yield from self._expect(entry.expect)
        yield from self._act(entry)
        yield from self._services(entry.service)
        yield from self._absences(entry.absent)
        if entry.refused:
            yield from self._act(entry.refused)
        if entry.wait is not None:
            yield from self._read(lambda raw: self.known.moment(raw), entry.wait, entry.value_span("wait"), "bad-duration")

    def _act(self, act: Entry | Refusal) -> Findings:
        """What somebody does. In what is to be refused the forms are not looked at."""
        strictly = isinstance(act, Entry)
        for filled in (act.answer, act.command, act.move):
            if filled is not None:
                yield from self._is_process(filled.process, filled.value_span("process"))
                yield from self._person(filled.by, filled.value_span("by"))
                if self._look_at(filled.process):
                    yield from self._filled(filled, strictly)
                self._look_at(None)
        for hand in (act.claim, act.release, act.delegate, act.tick):
            if hand is not None:
                yield from self._hand(hand)
        if act.reassign is not None:
            for key, person in (("from", act.reassign.from_), ("to", act.reassign.to), ("by", act.reassign.by)):
                yield from self._person(person, act.reassign.value_span(key))
        if act.start is not None:
            yield from self._start(act.start, strictly)
        if act.change is not None and strictly:
            yield from self._change(act.change)
        if act.message is not None:
            yield from self._message(act.message, strictly)

    def _hand(self, hand: Claim | Tick) -> Findings:
        yield from self._is_process(hand.process, hand.value_span("process"))
        yield from self._person(hand.by, hand.value_span("by"))
        if isinstance(hand, Delegate):
            yield from self._person(hand.to, hand.value_span("to"))
        if self._look_at(hand.process):
            yield from self._task(hand.task, hand.value_span("task"))
            yield from self._item(hand) if isinstance(hand, Tick) else ()
        self._look_at(None)

    def _start(self, start: Beginning, strictly: bool) -> Findings:
        yield from self._is_process(start.process, start.value_span("process"))
        yield from self._person(start.by, start.value_span("by"))
        yield from self._is_document(start.of, start.value_span("of"))
        if self._look_at(start.process) and strictly:
            yield from self._given(start.inputs, dict(self.known.graph.inputs), lambda name: say('the process has no input "{name}"', name=name), always=True)
        self._look_at(None)

    def _answer(self, answer: Answer, strictly: bool) -> Findings:
        yield from self._task(answer.task, answer.value_span("task"))
        if strictly:
            yield from self._form(answer)

    def _item(self, tick: Tick) -> Findings:
        task = self.known.tasks.get(str(tick.task))
        if task is not None and not task.checklist:
            yield Diagnostic(tick.value_span("task"), "wrong-value", say('the task "{step}" has no checklist', step=tick.task))
        elif task is not None and str(tick.item).isdecimal() and not 1 <= int(tick.item) <= len(task.checklist):
            message = say("the checklist has no item {number}; it has {count}", number=tick.item, count=len(task.checklist))
            yield Diagnostic(tick.value_span("item"), "wrong-value", message)

    def _filled(self, filled: Answer | Command | Move, strictly: bool) -> Findings:
        match filled:
            case Answer():
                yield from self._answer(filled, strictly)
            case Command():
                yield from self._command(filled, strictly)
            case Move():
                yield from self._move(filled, strictly)

    def _move(self, move: Move, strictly: bool) -> Findings:
        name = str(move.stage)
        yield from self._stage(name, move.value_span("stage"))
        fields = self.known.moves.get(name)
        if strictly and fields is not None:
            yield from self._given(move.values, fields, lambda field: say('no move to "{stage}" has a field "{field}"', stage=name, field=field))

    def _stage(self, name: str, span: Span) -> Findings:
        if name not in self.known.moves:
            hint = did_you_mean(name, self.known.moves) or _listed(list(self.known.moves))
            yield Diagnostic(span, "unknown-stage", say('there is no stage "{name}"', name=name), hint)

    def _command(self, command: Command, strictly: bool) -> Findings:
        known, name = self.known.commands, str(command.name)
        if name not in known:
            message = say('the process has no command "{name}"', name=name)
            yield Diagnostic(command.value_span("name"), "unknown-command", message, did_you_mean(name, known) or _listed(sorted(known)))
        elif strictly:
            yield from self._given(command.values, known[name], lambda field: say('the command "{name}" has no field "{field}"', name=name, field=field))

    def _message(self, message: Sent, strictly: bool) -> Findings:
        """A message that nobody in the workspace receives, and values that no receiver can take."""
        known, name = self._all_messages(), str(message.name)
        if name not in known:
            said = say('no process of this workspace receives a message "{name}"', name=name)
            yield Diagnostic(message.value_span("name"), "unknown-message", said, did_you_mean(name, known) or _listed(sorted(known)))
        elif (fields := known[name]) is not None and strictly:
            yield from self._given(message.values, fields, lambda field: say('the message "{name}" has no field "{field}"', name=name, field=field))

    def _all_messages(self) -> dict[str, dict[str, Field] | None]:
        """The messages that any process receives, with the fields that all of its receivers together declare."""
        found: dict[str, dict[str, Field] | None] = {}
        for loaded in self.workspace.processes.values():
            for name, fields in Known(loaded.graph, self.own.directory).messages.items() if loaded.graph is not None else ():
                before = found.get(name, {})
                found[name] = {**before, **fields} if before is not None and fields is not None else None
        return found

    def _change(self, change: Change) -> Findings:
        yield from self._person(change.by, change.value_span("by"))
        yield from self._is_document(change.of, change.value_span("of"))
        document = self.known.named.get(str(change.of) if change.of is not None else OWN)
        if document is None and change.of is None:
            yield Diagnostic(change.place, "unknown-key", say('the process "{name}" has no document', name=self.known.graph.process))
        elif document is not None:
            yield from self._given(change.document, self._fields_of(document.type), self._no_document_field)

    def _is_document(self, name: str | None, span: Span) -> Findings:
        if name is not None and str(name) not in self.known.named:
            message = say('the scenario has no document "{name}"', name=name)
            yield Diagnostic(span, "unknown-document", message, did_you_mean(name, self.known.named))

    def _fields_of(self, type: str) -> Mapping[str, Field]:
        return dict(self.known.types[type].fields) if type in self.known.types else {}

    def _form(self, answer: Answer) -> Findings:
        """The outcome, and the values of its form."""
        task = self.known.tasks.get(str(answer.task))
        if task is None:
            return
        outcomes = {outcome.name: outcome for outcome in task.form.outcomes}
        chosen, span = outcomes.get(str(answer.outcome)), answer.value_span("outcome")
        buttons = [name for name, outcome in outcomes.items() if outcome.button]
        if chosen is None:
            message = say('"{step}" has no outcome "{name}"', step=answer.task, name=answer.outcome)
            yield Diagnostic(span, "unknown-outcome", message, did_you_mean(answer.outcome, outcomes) or _listed(buttons))
            return
        if not chosen.button:
            message = say('nobody can choose "{name}": only the deadline does', name=answer.outcome)
            yield Diagnostic(span, "unknown-outcome", message, _listed(buttons))
            return
        fields = dict(chosen.fields)
        yield from self._given(answer.values, fields, lambda name: say('the outcome "{outcome}" has no field "{field}"', outcome=chosen.name, field=name))

    # ── what must be so ─────────────────────────────────────────────────────────────────────────────────────────────
    def _expect(self, expect: Expect) -> Findings:
        yield from self._is_process(expect.process, expect.value_span("process"))
        if self._look_at(expect.process):
            yield from self._said(expect)
        self._look_at(None)

    def _said(self, expect: Expect) -> Findings:
        for name, key in ((None if means_none(expect.task) else expect.task, "task"), (expect.closed, "closed")):
            if name is not None:
                yield from self._task(name, expect.value_span(key))
        if expect.waiting is not None and expect.waiting not in self.known.activities:
            yield from self._step(expect.waiting, expect.value_span("waiting"))
        if expect.due is not None and not means_none(expect.due):
            yield from self._instant(expect.due, expect.value_span("due"))
        if expect.stage is not None:
            yield from self._stage(str(expect.stage), expect.value_span("stage"))
        yield from self._people(expect.to, expect.value_span("to"))
        yield from self._people(expect.in_place_of, expect.value_span("in-place-of"))
        for answered in parts(expect.answered, Answered):
            yield from self._answered(str(expect.task), answered)
        yield from self._facts(expect)

    def _answered(self, step: str, answered: Answered) -> Findings:
        yield from self._person(answered.by, answered.value_span("by"))
        yield from self._person(answered.in_place_of, answered.value_span("in-place-of"))
        task = self.known.tasks.get(step)
        outcomes = [outcome.name for outcome in task.form.outcomes] if task else []
        if task is not None and answered.outcome is not None and answered.outcome not in outcomes:
            message = say('"{step}" has no outcome "{name}"', step=step, name=answered.outcome)
            hint = did_you_mean(answered.outcome, outcomes) or _listed(outcomes)
            yield Diagnostic(answered.value_span("outcome"), "unknown-outcome", message, hint)

    def _ends(self, ends: Ends) -> Findings:
        yield from self._facts(ends)

    def _result(self, facts: Facts) -> Findings:
        results = self.known.results
        if facts.result is not None and not means_none(facts.result) and facts.result not in results:
            message = say('the process never ends with "{result}"', result=facts.result)
            yield Diagnostic(facts.value_span("result"), "unknown-result", message, did_you_mean(facts.result, results) or _listed(sorted(results)))

    def _facts(self, expected: Facts) -> Findings:
        yield from self._result(expected)
        yield from self._given(expected.document, self.own.fields, self._no_document_field)
        for one in expected.documents:
            yield from self._counted(one)
        yield from self._given(expected.variables, self.known.variables, lambda name: say('the process has no variable "{name}"', name=name), always=True)
        for one in expected.outputs:
            if one.name not in self.known.outputs:
                message = say('the process has no output "{name}"', name=one.name)
                yield Diagnostic(one.name_place, "unknown-field", message, did_you_mean(one.name, self.known.outputs))
        for call in parts(expected.call, ServiceCall):
            if call.service not in self._all_services():
                message = say('the process calls no service "{name}"', name=call.service)
                yield Diagnostic(call.value_span("service"), "uncalled-service", message, did_you_mean(call.service, self._all_services()))
        for away in parts(expected.absence, Away):
            yield from self._away(away)
        for entry in parts(expected.calendar, CalendarEntry):
            yield from self._people(entry.to, entry.value_span("to"))
            if entry.at is not None:
                yield from self._instant(entry.at, entry.value_span("at"))
        for notice in parts(expected.notice, Notice):
            yield from self._people(notice.to, notice.value_span("to"))

    def _away(self, away: Away) -> Findings:
        """People who are known, and days that are days."""
        yield from self._person(away.user, away.value_span("user"))
        if not means_none(away.substitute):
            yield from self._person(away.substitute, away.value_span("substitute"))
        for key, day in (("from", away.from_), ("to", away.to)):
            if not means_none(day):
                yield from self._read(lambda raw: self.known.value(Field("date"), raw), str(day), away.value_span(key), "wrong-value")

    def _counted(self, one: Given) -> Findings:
        """Documents that are counted, or told by their fields."""
        named = self.known.named.get(one.name)
        type = named.type if named else one.name
        if type not in self.known.types:
            known = {*self.known.types, *self.known.named}
            message = say('there is no document type "{type}"', type=type)
            yield Diagnostic(one.name_place, "unknown-type", message, did_you_mean(type, known))
        elif isinstance(one.raw, Mapping):
            places = getattr(one.raw, "value_spans", {}), getattr(one.raw, "key_spans", {})
            given = [Given(str(name), raw, places[0].get(name, one.place), places[1].get(name, one.place)) for name, raw in one.raw.items()]
            yield from self._given(given, self._fields_of(type), lambda field: say('"{type}" has no field "{field}"', type=type, field=field))
        elif not isinstance(bare(one.raw), int):
            yield Diagnostic(one.place, "wrong-kind", say("write how many there are, or the fields of one"))

    # ── names and values ────────────────────────────────────────────────────────────────────────────────────────────
    def _step(self, name: str, span: Span) -> Findings:
        if name not in self.known.steps:
            hint = did_you_mean(name, {*self.known.steps, *self.known.activities})
            yield Diagnostic(span, "unknown-step", say('there is no step "{name}"', name=name), hint)

    def _task(self, name: str, span: Span) -> Findings:
        if name not in self.known.tasks:
            no_task, no_step = say('the step "{name}" gives nobody a task', name=name), say('there is no step "{name}"', name=name)
            yield Diagnostic(span, "unknown-step", no_task if name in self.known.steps else no_step, did_you_mean(name, self.known.tasks))

    def _people(self, written: str | Iterable[str] | None, span: Span) -> Findings:
        several = not isinstance(written, str)
        for name in () if written is None else (written,) if isinstance(written, str) else written:
            here = span_of(name) if several and span_of(name).file else span
            if name not in self.known.groups:
                yield from self._person(name, here)

    def _person(self, name: str | None, span: Span) -> Findings:
        people = self.known.people
        if name is not None and people and name not in people:
            message = say('there is no person "{name}" in the directory', name=name)
            yield Diagnostic(span_of(name) if span_of(name).file else span, "unknown-person", message, near_entry(name, people))

    def _instant(self, raw: str, span: Span) -> Findings:
        yield from self._read(self.known.instant, raw, span, "wrong-value")

    def _given(self, given: Iterable[Given], fields: Mapping[str, Field], unknown: Callable[[str], Message], always: bool = False) -> Findings:
        for one in given:
            field = fields.get(one.name)
            if field is None:
                if always or fields or self.known.document is not None:
                    yield Diagnostic(one.name_place, "unknown-field", unknown(one.name), _titled(one.name, fields) or did_you_mean(one.name, fields))
                continue
            try:
                value = self.known.value(field, one.raw)
            except InvalidValue as error:
                yield Diagnostic(one.place, "wrong-value", say('"{field}": {reason}', field=one.name, reason=error.message), error.hint)
                continue
            for user in _users(value):
                yield from self._person(user, one.place)

    def _read(self, read: Callable[[str], object], raw: str, span: Span, rule: str) -> Findings:
        try:
            read(raw)
        except InvalidValue as error:
            yield Diagnostic(span, rule, error.message, error.hint)

    @staticmethod
    def _no_document_field(name: str) -> Message:
        return say('the document has no field "{field}"', field=name)


def listed_answers(raw: object) -> Sequence[object]:
    """What is written as answers of a service; an empty list answers nothing."""
    return (raw or [""]) if isinstance(raw, list | tuple) else [raw]


def _users(value: Value) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, User):
            yield one.id


def _titled(name: str, fields: Mapping[str, Field]) -> Message | None:
    """The field whose title was written instead of its name."""
    found = next((id for id, field in fields.items() if field.title == name), None)
    return say('did you mean "{word}"?', word=found) if found else None


def _listed(words: list[str]) -> Message | None:
    return say("it may be: {words}", words=each_quoted(words)) if words else None
