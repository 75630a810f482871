"""What scenarios name that is not there: steps, outcomes, fields, people, results; and values that nothing can have.

The law of this file: it finds what can be told without playing. In something that is to be refused only the step and the person
are looked at: a wrong outcome, field or value is the very point of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from bpflow.definition.directory import near_entry
from bpflow.definition.types import Given
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, in_order, say
from bpflow.expressions.data import User, Value
from bpflow.graph.written import span_of
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.scenario.known import Known, means_none
from bpflow.scenario.model import Answer, CalendarEntry, Ends, Entry, Expect, Notice, Scenario, parts
from bpflow.scenario.reading import LoadedScenarios, load_scenarios
from bpflow.source import Table
from bpflow.values import Field, InvalidValue

Findings = Iterator[Diagnostic]


def check_scenarios(path: Path | str, workspace: LoadedWorkspace) -> list[Diagnostic]:
    """All findings about a file of scenarios: its text, its shape, and what its process and its workspace do not have."""
    return check_loaded(load_scenarios(path), workspace)


def check_loaded(file: LoadedScenarios, workspace: LoadedWorkspace) -> list[Diagnostic]:
    """All findings about scenarios that have been read."""
    loaded = workspace.processes.get(file.process)
    found = [*file.findings, *_process(file, workspace, loaded), *_titles(file.scenarios)]
    if loaded is not None and loaded.graph is not None:
        known = Known(loaded.graph, workspace.directory)
        for scenario in file.scenarios:
            found += _Examination(known, file.complete).scenario(scenario)
    return in_order(found)


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

    def __init__(self, known: Known, complete: bool) -> None:
        self.known, self.complete = known, complete

    def scenario(self, scenario: Scenario) -> Findings:
        yield from self._instant(scenario.at, scenario.value_span("at"))
        yield from self._given(scenario.document, self.known.fields, self._no_document_field)
        if self.complete:
            yield from self._lacking(scenario)
        yield from self._given(scenario.inputs, dict(self.known.graph.inputs), lambda name: say('the process has no input "{name}"', name=name))
        yield from self._absences(scenario)
        yield from self._person(scenario.by, scenario.value_span("by"))
        for entry in scenario.play:
            yield from self._entry(entry)
        if scenario.ends:
            yield from self._ends(scenario.ends)

    # ── the beginning ───────────────────────────────────────────────────────────────────────────────────────────────
    def _lacking(self, scenario: Scenario) -> Findings:
        """Fields without which the document cannot be created, and a document for a process that has none."""
        span = scenario.key_span("document") if scenario.document else scenario.place
        if self.known.document is None:
            if scenario.document:
                yield Diagnostic(span, "unknown-key", say('the process "{name}" has no document', name=self.known.graph.process))
            return
        there = {given.name for given in scenario.document if not means_none(given.raw)}
        for name, field in self.known.fields.items():
            if field.required and name not in there:
                yield Diagnostic(span, "missing-key", say('the document needs "{field}"', field=name))

    def _absences(self, scenario: Scenario) -> Findings:
        for name, absences in scenario.absent.items():
            yield from self._person(name, span_of(name))
            for absence in absences:
                yield from self._person(absence.substitute, span_of(name))
                if absence.last is not None and absence.last < absence.first:
                    yield Diagnostic(span_of(name), "absence-dates", say("the absence ends before it begins, on {first}", first=absence.first))

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────
    def _entry(self, entry: Entry) -> Findings:
        if entry.expect:
            yield from self._expect(entry.expect)
        if entry.answer:
            yield from self._task(entry.answer.task, entry.answer.value_span("task"))
            yield from self._person(entry.answer.by, entry.answer.value_span("by"))
            yield from self._form(entry.answer)
        if entry.refused:
            answer = entry.refused.answer
            yield from self._task(answer.task, answer.value_span("task"))
            yield from self._person(answer.by, answer.value_span("by"))
        if entry.change:
            yield from self._person(entry.change.by, entry.change.value_span("by"))
            yield from self._given(entry.change.document, self.known.fields, self._no_document_field)
        if entry.wait is not None:
            yield from self._read(lambda raw: self.known.moment(raw), entry.wait, entry.value_span("wait"), "bad-duration")

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
        if expect.task is not None:
            yield from self._task(expect.task, expect.value_span("task"))
        if expect.waiting is not None and expect.waiting not in self.known.activities:
            yield from self._step(expect.waiting, expect.value_span("waiting"))
        if expect.due is not None and not means_none(expect.due):
            yield from self._instant(expect.due, expect.value_span("due"))
        yield from self._people(expect.to, expect.value_span("to"))
        yield from self._facts(expect)

    def _ends(self, ends: Ends) -> Findings:
        results = self.known.results
        if ends.result is not None and not means_none(ends.result) and ends.result not in results:
            message = say('the process never ends with "{result}"', result=ends.result)
            yield Diagnostic(ends.value_span("result"), "unknown-result", message, did_you_mean(ends.result, results) or _listed(sorted(results)))
        yield from self._facts(ends)

    def _facts(self, expected: Expect | Ends) -> Findings:
        yield from self._given(expected.document, self.known.fields, self._no_document_field)
        for entry in parts(expected.calendar, CalendarEntry):
            yield from self._people(entry.to, entry.value_span("to"))
            if entry.at is not None:
                yield from self._instant(entry.at, entry.value_span("at"))
        for notice in parts(expected.notice, Notice):
            yield from self._people(notice.to, notice.value_span("to"))

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

    def _given(self, given: Iterable[Given], fields: Mapping[str, Field], unknown: Callable[[str], Message]) -> Findings:
        for one in given:
            field = fields.get(one.name)
            if field is None:
                if fields or self.known.document is not None:
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
