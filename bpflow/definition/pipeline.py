"""A pipeline becomes a graph: each stage is a block that waits until it is left, each move what leaves it.

The law of this file: the document is in the stage whose block is open, and nowhere else is that so. The way into another stage begins
inside the block that is left, so what must be asked first is asked while the document is where it was; the write of the stage field is
the last thing done there, in one transaction with the entry of the next block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from msgspec import Struct, field

from bpflow import graph
from bpflow.definition import filling, forms, triggers
from bpflow.definition.process import Process
from bpflow.definition.stages import MOVED, MoveKeys, Stage, all_moves, moves_from
from bpflow.diagnostics import Diagnostic, Severity, Span, did_you_mean, each_quoted, say
from bpflow.expressions import quoted
from bpflow.graph import (
    ENTER,
    MOVE,
    STAGE,
    Block,
    Builder,
    Call,
    Choose,
    Exit,
    Expr,
    Flow,
    Form,
    Handler,
    Lowering,
    Outcome,
    Sets,
    Step,
    Task,
    Trigger,
    Wait,
    Way,
    World,
)
from bpflow.graph.written import span_of
from bpflow.values import Field

PRESSED, ASKED = "Move", "Asked"
"""What whoever moves the document has filled in, and those who are asked: names with capital letters are nobody's."""


class Target(Struct, frozen=True):
    """A way into a stage: where to, by which move of a person (None: by the process itself), from which stage ("": from none)."""

    stage: str
    move: MoveKeys | None
    source: str


class Pipeline(Struct):
    """The stages of a process while they are lowered."""

    process: Process
    builder: Builder
    head: Lowering
    inside: dict[str, Lowering] = field(default_factory=dict)
    ways: dict[tuple[str, str], Way] = field(default_factory=dict)

    def lower(self) -> Flow:
        """Lowers all stages; the flow that enters the process."""
        for name, stage in self.process.stages.items():
            self.inside[name] = self.builder.stage(name, _span(name, stage))
        self.builder.stages = {name: partial(self.into, name) for name in self.process.stages}
        for name, stage in self.process.stages.items():
            self._stage(name, stage)
        return self._start(self._outside())

    def stages(self) -> tuple[graph.Stage, ...]:
        """What the engine must know of them."""
        asks = {name: stage.enter.ask if stage.enter else None for name, stage in self.process.stages.items()}
        return tuple(
            graph.Stage(name, self.title(name), stage.final, tuple(self.required(name).items()), asks[name]) for name, stage in self.process.stages.items()
        )

    @property
    def first(self) -> str:
        """The stage in which a new document begins."""
        return next(iter(self.process.stages))

    @property
    def stage_field(self) -> Field | None:
        """The field that says in which stage the document is."""
        return (self.head.fields_of(None) or {}).get(str(self.process.stage_field))

    def title(self, name: str) -> str:
        """What people call a stage."""
        known = dict(self.stage_field.choices) if self.stage_field else {}
        return str(self.process.stages[name].title or known.get(name, name))

    def required(self, name: str) -> dict[str, Field]:
        """The fields that must be filled before a stage is entered."""
        enter, document = self.process.stages[name].enter, self.head.fields_of(None) or {}
        wanted = enter.required if enter else ()
        return {str(one): filling.must(document[one]) for one in wanted if one in document}

    # ── a stage ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _stage(self, name: str, stage: Stage) -> None:
        inside, outside = self.inside[name], self.builder.extra(name, STAGE, self.title(name), _span(name, stage), 0)
        rest, begin = inside.at("rest"), inside.node("begin")
        first = self._steps(inside, stage, rest)
        inside.add(Step(begin, (inside.flow(begin, way=first),), forgets=inside.given_within()))
        if stage.final:
            inside.add(Exit(rest.to or "", "end", name))
        else:
            inside.add(Wait(rest.to or "", ()))
        handlers = tuple(self._move(inside, Target(to, move, name)) for to, move in moves_from(self.process, name).items() if to in self.process.stages)
        outside.add(Block(name, (inside.flow(name, way=inside.at("begin")),), Flow(f"{name}>off"), handlers=handlers))

    def _steps(self, inside: Lowering, stage: Stage, rest: Way) -> Way:
        """The way into the steps of a stage. What may happen meanwhile needs a block of its own, so that the moves stay when it comes."""
        if not stage.meanwhile:
            return inside.branch("", stage.steps, then=rest)
        body, around = inside.node("body"), inside.inside()
        entry = around.flow(body, way=around.branch("", stage.steps))
        inside.add(Block(body, (entry,), inside.flow(body, way=rest), handlers=triggers.lowered(around, body, stage.meanwhile)))
        return inside.at("body")

    def _move(self, inside: Lowering, target: Target) -> Handler:
        """The button of a move: what is filled in is read under a name that only its own way sees."""
        move, name = target.move, target.stage
        assert move is not None
        title = str(move.title or self.title(name))
        trigger = Trigger(
            "move",
            name=name,
            by=move.by,
            title=title,
            form=tuple(forms.in_order(filling.fields(inside, (move,)), forms.readings(MOVE, move.fields)).items()),
            comment=move.comment or "optional",
            when=forms.conditions(move.fields),
            choices=forms.choices(move.fields),
            checks=forms.checks(move.check),
            fill=tuple(map(str, move.fill)),
            prefill=filling.prefill(inside, (move,)),
        )
        self._way(inside, f"move.{name}", target)
        return Handler(name, trigger, False, inside.flow(target.source, name, inside.at(f"move.{name}"), title), gives=PRESSED)

    # ── the way into a stage ────────────────────────────────────────────────────────────────────────────────────────
    def into(self, name: str, home: str) -> Way:
        """The way of the process's own moves into a stage, from anywhere in the stage `home`; from within none, a way for each use."""
        if home and (home, name) in self.ways:
            return self.ways[home, name]
        b, via = (self.inside[home], f"to.{name}") if home else (self._outside(), f"to.{name}.{len(self.ways)}")
        self.ways[home, name] = way = b.at(via)
        self._way(b, via, Target(name, None, home))
        return way

    def _outside(self) -> Lowering:
        """What lowers what stands in no stage: all of it belongs to the first."""
        return self.builder.extra(self.first, STAGE, self.title(self.first), _span(self.first, self.process.stages[self.first]), 0)

    def _way(self, b: Lowering, via: str, target: Target) -> None:
        """The nodes of a way into a stage, entered by the node `via`: where fields are missing those are asked first who can fill them."""
        enter, required = self.process.stages[target.stage].enter, self.required(target.stage)
        if enter is None or enter.ask is None or not required:
            self._write(b, via, target, "")
            return
        node, own = b.node(via), "" if target.source and not target.move else f"as.{via}"
        ask = self.builder.extra(f"{b.path}/enter_{target.stage}", ENTER, self.title(target.stage), enter.place, b.depth)
        asked = f"{ASKED}_{target.stage}"
        filled = Expr(" and ".join(_filled(name, one, target.move) for name, one in required.items()))
        b.add(Choose(node, ((filled, b.flow(node, "filled", b.at(f"{via}.go"))),), b.flow(node, "ask", ask.at(own))))
        self._write(b, f"{via}.go", target, "")
        self._write(b, f"{via}.asked", target, asked)
        form = Form(Expr(quoted(self.title(target.stage))), (Outcome("done", self.title(target.stage), tuple(required.items())),), prefill=_offered(required))
        ask.add(Task(ask.node(own), enter.ask, form, (("done", ask.flow(ask.node(own), way=b.at(f"{via}.asked"))),), gives=asked))

    def _write(self, b: Lowering, via: str, target: Target, asked: str) -> None:
        """Notes how the document comes into the stage, writes the stage field with what was filled in, and enters."""
        note, write = b.node(via), b.node(f"{via}.write")
        b.add(Step(note, (b.flow(note, way=b.at(f"{via}.write")),), self._noted(target), gives=MOVE))
        arguments = [("document", Expr("document")), (f"set.{self.process.stage_field}", Expr(quoted(target.stage)))]
        arguments += [(f"set.{name}", expr) for name, expr in self._filled_in(target, asked).items()]
        required = self.required(target.stage)
        arguments += [("stage", Expr(quoted(self.title(target.stage)))), ("needs", Expr(f"[{', '.join(map(quoted, required))}]"))]
        b.add(Call(write, "documents.update", tuple(arguments), b.flow(write, way=Way(target.stage, 0))))

    def _noted(self, target: Target) -> Sets:
        """What the steps of the stage read of the move; the fields of all forms are there, also those of other moves."""
        own = {name for name in self._form_fields() if target.move and name in (*target.move.fields, *target.move.fill)}
        source = quoted(target.source) if target.source else f"document.{self.process.stage_field}"
        person = {"by": f"{PRESSED}.by", "comment": f"{PRESSED}.comment"} if target.move else {"by": "none", "comment": "none"}
        fields = {name: f"{PRESSED}.{name}" if name in own else "none" for name in self._form_fields()}
        return tuple((name, Expr(text)) for name, text in {"from": source, **person, "at": "now", **fields}.items())

    def _form_fields(self) -> list[str]:
        return list(dict.fromkeys(str(name) for _, move in all_moves(self.process) for name in filling.readable((*move.fields, *move.fill))))

    def _filled_in(self, target: Target, asked: str) -> dict[str, Expr]:
        """The fields of the document that are written with the move: those of its form, and those that had to be filled."""
        found = {str(name): Expr(f"{PRESSED}.{name}") for name in filling.readable(target.move.fill if target.move else ())}
        for name in self.required(target.stage):
            if asked:
                found[name] = Expr(f"{asked}.{name}")
            elif target.move and name not in found:
                found[name] = Expr(f"coalesce({PRESSED}.{name}, document.{name})")
        return {name: expr for name, expr in found.items() if name != self.process.stage_field}

    # ── the beginning ───────────────────────────────────────────────────────────────────────────────────────────────
    def _start(self, b: Lowering) -> Flow:
        """The instance starts in the stage in which its document is; where that is in none, it is moved to the first."""
        start, choose, which = b.node("start"), b.node("stage"), f"document.{self.process.stage_field}"
        nothing = tuple((name, Expr("now" if name == "at" else "none")) for name in ("from", "by", "comment", "at", *self._form_fields()))
        b.add(Step(start, (b.flow(start, way=b.at("stage")),), nothing, gives=MOVE))
        arms = [(Expr(f"{which} == {quoted(name)}"), b.flow(choose, name, Way(name, 0), self.title(name))) for name in self.process.stages]
        arms.append((Expr(f"{which} == none"), b.flow(choose, "new", self.into(self.first, ""))))
        b.add(Choose(choose, tuple(arms)))
        return Flow(f">{start}", start)


def _filled(name: str, field: Field, move: MoveKeys | None) -> str:
    """The condition that a field is filled, in the document or, if a person moves it, in the form."""
    there = f"len(document.{name}) > 0" if field.many else f"document.{name} != none"
    if move is None:
        return f"({there})"
    own = f"{PRESSED}.{name} != none"
    return f"({own})" if name in move.fill else f"({own} or {there})"


def _offered(fields: Mapping[str, Field]) -> Sets:
    return tuple((name, Expr(f"document.{name}")) for name in fields)


def _span(name: str, stage: Stage) -> Span:
    span = span_of(name)
    return span if span.file else stage.place


def moved(process: Process, world: World) -> dict[str, Field]:
    """The fields of `move`: what is known of every move, and those of the forms of all of them."""
    known = {**MOVED, "from": Field("choice", choices=tuple((str(name), str(stage.title or name)) for name, stage in process.stages.items()))}
    for _, move in all_moves(process):
        for name, one in filling.known_fields((move,), world).items():
            known |= {name: filling.either(known.get(name), one)} if name not in MOVED else {}
    return known


# ── what is wrong with the names ────────────────────────────────────────────────────────────────────────────────────
def mistakes(process: Process, document: Mapping[str, Field] | None) -> Iterator[Diagnostic]:
    """Stages and fields that are named and are not there; `document`: the fields of the document, if they are known."""
    misnamed = _misnamed(process, document or {})
    for to, move in all_moves(process) if process.stages else ():
        if to in misnamed:
            continue
        if to not in process.stages:
            span = span_of(to) if span_of(to).file else move.place
            yield Diagnostic(span, "unknown-stage", say('there is no stage "{name}"', name=to), did_you_mean(to, process.stages))
        else:
            yield from _hiding(process, to, move)
    if document is None or process.stage_field is None or not process.stages:
        return
    for stage in process.stages.values():
        for name in stage.enter.required if stage.enter else ():
            if name not in document:
                span = span_of(name) if span_of(name).file else stage.place
                yield Diagnostic(span, "unknown-field", say('the document has no field "{field}"', field=name), did_you_mean(name, document))
    yield from _field_mistakes(process, document)


def _misnamed(process: Process, document: Mapping[str, Field]) -> set[str]:
    """The choices of the stage field that a stage is meant for whose name is written differently: that is said of the stage."""
    field = document.get(str(process.stage_field))
    choices = [id for id, _ in field.choices] if field else []
    wrong = [stage for stage in process.stages if stage not in choices]
    return {choice for choice in choices if choice not in process.stages and did_you_mean(choice, wrong)}


def _hiding(process: Process, to: str, move: MoveKeys) -> Iterator[Diagnostic]:
    """Fields of a form that are called as fields of the document which the stage needs."""
    enter = process.stages[to].enter
    for name in move.fields:
        if enter and name in enter.required:
            message = say('the stage "{stage}" needs the field "{field}" of the document, and this is another one', stage=to, field=name)
            yield Diagnostic(span_of(name) if span_of(name).file else move.place, "name-clash", message, say('write it under "fill", or choose another name'))


def _field_mistakes(process: Process, document: Mapping[str, Field]) -> Iterator[Diagnostic]:
    name, span = str(process.stage_field), process.value_span("stage-field")
    found = document.get(name)
    if found is None:
        yield Diagnostic(span, "unknown-field", say('the document has no field "{field}"', field=name), did_you_mean(name, document))
        return
    if found.many or found.kind not in ("choice", "string"):
        hint = say("make it `{{type: choice, choices: [{names}]}}`", names=", ".join(process.stages))
        yield Diagnostic(span, "stage-field", say('"{field}" cannot hold the stage: it is no choice of one value', field=name), hint)
        return
    choices = [id for id, _ in found.choices]
    for stage, keys in process.stages.items() if choices else ():
        if stage not in choices:
            message = say('"{field}" of the document has no choice "{stage}"', field=name, stage=stage)
            hint = did_you_mean(stage, choices) or say("the choices are: {choices}", choices=each_quoted(choices[:12]))
            yield Diagnostic(_span(stage, keys), "stage-field", message, hint)
    misnamed = _misnamed(process, document)
    for choice in choices:
        if choice not in process.stages and choice not in misnamed:
            message = say('the choice "{choice}" is no stage: a document in it cannot be in this pipeline', choice=choice)
            yield Diagnostic(span, "choice-without-stage", message, say("add the stage, or take the choice away"), Severity.WARNING)
