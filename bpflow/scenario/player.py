"""Plays one scenario, entry by entry, up to the first that is not so.

The law of this file: an entry happens wholly through the stage's engine, or is compared with it; what the runtime refuses fails the
scenario unless a refusal was expected, and so does an incident.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, Span, say
from bpflow.expressions.data import Duration
from bpflow.loading import LoadedWorkspace
from bpflow.scenario import hands
from bpflow.scenario.expectations import Mismatch, says, unmet, unmet_end
from bpflow.scenario.failure import Failure, failure
from bpflow.scenario.model import Answer, Claim, Entry, Refusal, Scenario, Tick
from bpflow.scenario.stage import Prepared, Stage, prepare


class Played(Struct, frozen=True):
    """A scenario that was played. `nodes` and `flows` are those of the graph that were visited; `seconds`: how long it took."""

    title: str
    span: Span
    failure: Failure | None
    nodes: frozenset[str]
    flows: frozenset[str]
    seconds: float

    @property
    def ok(self) -> bool:
        """All was as the scenario says."""
        return self.failure is None


class NotSo(Exception):
    """Something is not as the scenario says."""

    def __init__(self, *mismatches: Mismatch) -> None:
        super().__init__(*(str(mismatch.message) for mismatch in mismatches))
        self.mismatches = mismatches


def play(scenario: Scenario, workspace: LoadedWorkspace, prepared: Prepared | None = None) -> Played:
    """Plays a scenario of one of the workspace's processes. `prepared`: the process made ready before, where there are several scenarios.

    Refused if there is no such process, NotDeployable if it has errors. Whatever goes wrong in the play is its failure.
    """
    if prepared is None:
        loaded = workspace.processes.get(scenario.process)
        if loaded is None:
            raise Refused(say('there is no process "{name}" in this workspace', name=scenario.process))
        prepared = prepare(loaded, workspace)
    begun = perf_counter()
    try:
        stage = Stage(prepared, scenario)
    except Refused as refused:
        return _never_begun(scenario, refused.message, perf_counter() - begun)
    try:
        trouble = Player(stage, scenario).play()
        nodes, flows = stage.visited()
    finally:
        stage.close()
    return Played(str(scenario.title), scenario.place, trouble, frozenset(nodes), frozenset(flows), perf_counter() - begun)


def _never_begun(scenario: Scenario, message: Message, seconds: float) -> Played:
    said = Mismatch(scenario.place, say("the scenario cannot begin: {reason}", reason=message))
    failed = Failure((said,), str(scenario.at), (say("it has not been started"),), scenario.source)
    return Played(str(scenario.title), scenario.place, failed, frozenset(), frozenset(), seconds)


class Player:
    """Plays a scenario on a stage."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self.stage, self.scenario = stage, scenario
        self.place = scenario.value_span("title")
        self._expected: set[tuple[int, int]] = set()

    def play(self) -> Failure | None:
        """Plays all of it; the failure, if something was not so."""
        try:
            self._begin()
            self._scripted()
            for entry in self.scenario.play:
                self._entry(entry)
            self._no_incident()
            self._end()
        except NotSo as wrong:
            return failure(self.stage, wrong.mismatches, self.scenario.source)
        except Refused as refused:
            return failure(self.stage, [Mismatch(self.place, refused.message)], self.scenario.source)
        return None

    def _begin(self) -> None:
        try:
            self.stage.begin(self.scenario)
        except Refused as refused:
            raise NotSo(Mismatch(self.place, say("the scenario cannot begin: {reason}", reason=refused.message))) from refused

    def _end(self) -> None:
        ends = self.scenario.ends
        if ends is not None:
            self._all(unmet_end(self.stage, ends, self.scenario.key_span("ends")))

    def _entry(self, entry: Entry) -> None:
        """One entry. An incident that the one before has caused must be expected at once."""
        if entry.expect is not None:
            if entry.expect.incident is None:
                self._no_incident()
            self._all(unmet(self.stage, entry.expect))
            if entry.expect.incident is not None:
                self._expected |= self._incidents().keys()
            return
        self._no_incident()
        self.place = entry.key_span(entry.key)
        self.stage.mark()
        self._happen(entry)

    def _happen(self, entry: Entry) -> None:
        if entry.refused is not None:
            self._refused(entry.refused)
        elif entry.wait is not None:
            self._wait(entry.wait)
        elif entry.service:
            self.stage.services.answer(entry.service)
        elif entry.absent:
            self.stage.absent(entry.absent)
        else:
            self._done(entry)
        self._scripted()

    def _done(self, act: Entry | Refusal) -> None:
        """What somebody does. It must be taken."""
        try:
            self._do(act)
        except Refused as refused:
            raise self._not_taken(was_refused(act, refused.message)) from refused

    def _do(self, act: Entry | Refusal) -> None:
        """What somebody does. Refused where the runtime does; NotSo where it is of something that was not there."""
        if act.start is not None:
            self.stage.start(act.start)
        elif act.answer is not None:
            self._answer(act.answer)
        elif act.tick is not None:
            self.stage.tick(self._task(act.tick), act.tick)
        elif act.command is not None:
            self.stage.command(act.command)
        elif act.move is not None:
            self.stage.move(act.move)
        elif act.change is not None:
            self.stage.change(act.change)
        elif act.message is not None:
            self.stage.send(act.message)
        else:
            self._hand(act)

    def _hand(self, act: Entry | Refusal) -> None:
        """A task changes hands."""
        for one in (act.claim, act.release, act.delegate):
            if one is not None:
                hands.hand(self.stage, self._task(one), one, back=one is act.release)
        if act.reassign is not None:
            hands.reassign(self.stage, act.reassign)

    def _scripted(self) -> None:
        """Every service that was called is one of which the scenario says what it answers."""
        for service in self.stage.services.unwritten:
            message = say('the service "{service}" was called, but the scenario does not say what it answers: say it under "service"', service=service)
            raise NotSo(Mismatch(self.place, message))

    def _wait(self, raw: str) -> None:
        moment = self.stage.known.moment(raw)
        until = self.stage.after(moment) if isinstance(moment, Duration) else moment
        if until < self.stage.now:
            raise NotSo(Mismatch(self.place, say("this moment has passed already: time does not go back")))
        self.stage.wait(until)

    # ── what must be taken, and what must not ───────────────────────────────────────────────────────────────────────
    def _answer(self, answer: Answer) -> None:
        """Answers the task of the step."""
        self.stage.answer(self._task(answer), answer)

    def _task(self, of: Answer | Claim | Tick) -> str:
        """The task of a step, which must have been there."""
        task = self.stage.task(str(of.task), str(of.by), of.process)
        if task is None:
            raise NotSo(Mismatch(of.value_span("task"), say('nobody has had a task of "{step}" yet', step=of.task)))
        return task

    def _refused(self, refusal: Refusal) -> None:
        """It is to be refused, for the reason that is given, and nothing may change."""
        before = self.stage.traces()
        try:
            self._do(refusal)
        except Refused as refused:
            self._reason(refusal, refused.message)
        else:
            raise self._not_taken(was_taken(refusal))
        if self.stage.traces() != before:
            raise self._not_taken(say("it was refused, but it has changed something"))

    def _reason(self, refusal: Refusal, reason: Message) -> None:
        if refusal.because is not None and not says(reason, refusal.because):
            message = say('expected the refusal to say "{because}", but it says: {reason}', because=refusal.because, reason=reason)
            raise NotSo(Mismatch(refusal.value_span("because"), message))

    # ── failing ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _incidents(self) -> dict[tuple[int, int], Message]:
        return {(incident.instance, incident.id): incident.message for incident in self.stage.incidents()}

    def _no_incident(self) -> None:
        """Every incident has been expected."""
        for id, message in self._incidents().items():
            if id not in self._expected:
                raise NotSo(Mismatch(self.place, say("this has led to an incident: {message}", message=message)))

    def _all(self, mismatches: Iterator[Mismatch]) -> None:
        found = tuple(mismatches)
        if found:
            raise NotSo(*found)

    def _not_taken(self, message: Message) -> NotSo:
        return NotSo(Mismatch(self.place, message))


def was_refused(act: Entry | Refusal, reason: Message) -> Message:
    """That something was refused, and why."""
    if act.start is not None:
        return say("the start was refused: {reason}", reason=reason)
    if act.answer is not None:
        return say("the answer was refused: {reason}", reason=reason)
    if act.tick is not None:
        return say("the tick was refused: {reason}", reason=reason)
    if act.command is not None:
        return say("the command was refused: {reason}", reason=reason)
    if act.move is not None:
        return say("the move was refused: {reason}", reason=reason)
    if act.change is not None:
        return say("the change was refused: {reason}", reason=reason)
    if act.message is not None:
        return say("the message was refused: {reason}", reason=reason)
    return say("the change of hands was refused: {reason}", reason=reason)


def was_taken(act: Refusal) -> Message:
    """That something was taken which should not have been."""
    if act.start is not None:
        return say("the start should have been refused, but it was taken")
    if act.answer is not None:
        return say("the answer should have been refused, but it was taken")
    if act.tick is not None:
        return say("the tick should have been refused, but it was taken")
    if act.command is not None:
        return say("the command should have been refused, but it was taken")
    if act.move is not None:
        return say("the move should have been refused, but it was taken")
    if act.change is not None:
        return say("the change should have been refused, but it was taken")
    if act.message is not None:
        return say("the message should have been refused, but it was taken")
    return say("the change of hands should have been refused, but it was taken")
