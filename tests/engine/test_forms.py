"""Forms against a model: whatever the form and whatever the answer, the engine takes exactly what a straightforward reading of it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.definition.forms import in_order
from bpflow.engine import InvalidAnswer
from bpflow.expressions.data import User
from bpflow.graph import Expr, Form, Outcome
from bpflow.values import Field
from tests.engine.play import BOSS, IVANOV, PETROV, SIDOROV, Play, World, graph, task

VALUES: dict[str, list[Any]] = {
    "integer": [0, 1, 2, 3, 4],
    "string": ["", "a", "ab", "abc"],
    "choice": ["a", "b", "z"],
    "boolean": [True, False],
    "user": [IVANOV, PETROV, SIDOROV, BOSS],
}
WRONG: list[Any] = ["7", 7.5, {"a": 1}, [[1]], 5]


@dataclass(frozen=True)
class Asked:
    """A field of a random form; `when`: another field and what it must hold (None: anything); `choose`: what may be chosen."""

    name: str
    kind: str
    required: bool
    many: bool
    low: int | None
    high: int | None
    pattern: bool
    when: tuple[str, Any] | None
    choose: tuple[Any, ...] | None

    def field(self) -> Field:
        choices = (("a", "А"), ("b", "Б")) if self.kind == "choice" else ()
        low, high = (None if bound is None else str(bound) for bound in (self.low, self.high))
        pattern = "a[a-z]*" if self.pattern else None
        return Field(self.kind, many=self.many, required=self.required, choices=choices, min=low, max=high, pattern=pattern)  # type: ignore[arg-type]

    def condition(self) -> Expr | None:
        if self.when is None:
            return None
        other, value = self.when
        return Expr(f"t.{other} != none" if value is None else f"t.{other} == {written(value)}")


@dataclass(frozen=True)
class Whole:
    """A random form. `checks`: pairs of fields that must not be equal · `comment`: whether one is taken."""

    fields: tuple[Asked, ...]
    checks: tuple[tuple[str, str], ...]
    comment: str

    def outcome(self) -> Outcome:
        reads = {one.name: [one.when[0]] if one.when else [] for one in self.fields}
        when = tuple((one.name, condition) for one in self.fields if (condition := one.condition()) is not None)
        choices = tuple((one.name, Expr(written(list(one.choose)))) for one in self.fields if one.choose is not None)
        checks = tuple((Expr(f"t.{a} == none or t.{a} != t.{b}"), Expr(f'"{a} is {b}"')) for a, b in self.checks)
        ordered = in_order({one.name: one.field() for one in self.fields}, reads)
        return Outcome("done", "done", tuple(ordered.items()), self.comment, True, when, choices, checks)  # type: ignore[arg-type]


def written(value: Any) -> str:
    """The value as an expression."""
    match value:
        case list():
            return f"[{', '.join(map(written, value))}]"
        case User(id):
            return f'user("{id}")'
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"' if not value.startswith("role:") else f'with_role("{value[5:]}")'
    return str(value)


# ── the model ───────────────────────────────────────────────────────────────────────────────────────────────────────
ROLES = {"clerk": [PETROV, SIDOROV]}


def takes(form: Whole, answer: dict[str, Any], comment: str | None) -> bool:
    """Whether the form takes an answer, read straight off what it says."""
    known = {one.name: one for one in form.fields}
    if not answer.keys() <= known.keys():
        return False
    held = {name: None if answer.get(name) == "" else answer.get(name) for name in known}
    for one in form.fields:
        if not asked(one, held, known):
            if not is_empty(held[one.name]):
                return False
            held[one.name] = None
        elif is_empty(held[one.name]):
            if one.required:
                return False
        elif not fits(one, held[one.name]):
            return False
    if form.comment == "required" and not (comment and comment.strip()):
        return False
    if form.comment == "none" and comment:
        return False
    return all(held[a] is None or not is_same(held[a], held[b]) for a, b in form.checks)


def is_same(one: Any, other: Any) -> bool:
    """Whether the language holds two values to be equal; Python would have it that `false` is 0."""
    return type(one) is type(other) and one == other


def is_empty(value: Any) -> bool:
    return value is None or value == "" or value == []


def asked(one: Asked, held: dict[str, Any], known: dict[str, Asked]) -> bool:
    if one.when is None:
        return True
    other, value = one.when
    return held[other] is not None if value is None else held[other] == value


def fits(one: Asked, value: Any) -> bool:
    if one.many:
        if not isinstance(value, list) or not within(one, len(value)):
            return False
        return all(not is_empty(item) and is_of(one, item) and chosen(one, item) for item in value)
    return not isinstance(value, list) and is_of(one, value) and bounded(one, value) and chosen(one, value)


def is_of(one: Asked, value: Any) -> bool:
    kinds: dict[str, Any] = {"integer": int, "string": str, "choice": str, "boolean": bool, "user": User}
    if isinstance(value, bool) != (one.kind == "boolean") or not isinstance(value, kinds[one.kind]):
        return False
    if one.pattern and not value.startswith("a"):
        return False
    return one.kind != "choice" or value in ("a", "b")


def bounded(one: Asked, value: Any) -> bool:
    return within(one, len(value) if one.kind == "string" else value) if one.kind in ("integer", "string") else True


def within(one: Asked, number: int) -> bool:
    return (one.low is None or number >= one.low) and (one.high is None or number <= one.high)


def chosen(one: Asked, value: Any) -> bool:
    if one.choose is None:
        return True
    return any(value in ROLES[choice[5:]] if isinstance(choice, str) and choice.startswith("role:") else value == choice for choice in one.choose)


# ── random forms and answers ────────────────────────────────────────────────────────────────────────────────────────
@st.composite
def fields(draw: st.DrawFn, name: str, others: list[tuple[str, str, bool]]) -> Asked:
    kind = draw(st.sampled_from(sorted(VALUES)))
    many = draw(st.booleans()) if kind != "boolean" else False
    bounds = many or kind in ("integer", "string")
    low = draw(st.none() | st.integers(0, 2)) if bounds else None
    high = draw(st.none() | st.integers(low or 0, 3)) if bounds else None
    when = None
    singles = [other for other in others if not other[2]]
    if singles and draw(st.booleans()):
        other, other_kind, _ = draw(st.sampled_from(singles))
        good = [value for value in VALUES[other_kind] if value not in ("", "z")]
        when = (other, draw(st.none() | st.sampled_from(good)))
    choose = None
    if kind != "boolean" and draw(st.booleans()):
        good = [value for value in VALUES[kind] if value not in ("", "z")] + (["role:clerk"] if kind == "user" else [])
        choose = tuple(draw(st.lists(st.sampled_from(good), max_size=3)))
    return Asked(name, kind, draw(st.booleans()), many, low, high, kind == "string" and draw(st.booleans()), when, choose)


@st.composite
def forms(draw: st.DrawFn) -> Whole:
    """The fields are written in any order, so some stand above those that they read."""
    made: list[Asked] = []
    for number in range(draw(st.integers(0, 6))):
        made.append(draw(fields(f"f{number}", [(one.name, one.kind, one.many) for one in made])))
    names = [one.name for one in made]
    checks = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=2)) if names else []
    return Whole(tuple(draw(st.permutations(made))), tuple(checks), draw(st.sampled_from(["none", "optional", "required"])))


@st.composite
def answers(draw: st.DrawFn, form: Whole) -> dict[str, Any]:
    """What the form asks for as far as there is something good, but for some values here and there; so about half of them are taken."""
    known = {one.name: one for one in form.fields}
    held: dict[str, Any] = dict.fromkeys(known)
    answer: dict[str, Any] = {}
    for one in sorted(form.fields, key=lambda one: one.name):  # each after the one that it reads
        mood = draw(st.sampled_from(["good"] * 8 + ["empty", "any", "any", "any", "wrong", "though"]))
        if not asked(one, held, known) and mood != "though":
            continue
        good = [value for value in VALUES[one.kind] if is_of(one, value) and chosen(one, value) and not is_empty(value) and (one.many or bounded(one, value))]
        value = draw(st.sampled_from({"any": VALUES[one.kind], "wrong": WRONG}.get(mood, good or VALUES[one.kind])))
        if one.many and mood != "wrong":
            length = draw(st.integers(max(one.low or 0, 1), max(one.low or 0, one.high or 3, 1)))
            value = [*(good or [value])[: length - 1], value]  # what is not good stands at its end
        if mood != "empty":
            answer[one.name] = held[one.name] = value
    if not draw(st.integers(0, 20)):
        answer["zzz"] = 1
    return answer


class ClerkWorld(World):
    """A world with one role, and no documents."""

    def find(self, question: Any) -> Any:
        match question:
            case ("directory", "belongs", user, group):
                return user in ROLES.get(getattr(group, "id", ""), [])
        return super().find(question)


@given(st.data())
def test_the_engine_takes_what_the_model_takes(data: st.DataObject) -> None:
    """The task of a refused answer is as it was, so the next one is given to it."""
    form = data.draw(forms())
    made = graph(task("t", form=Form(Expr('"Work"'), (form.outcome(),))), task("after"), reads="t")
    play = Play(made, ClerkWorld())
    for _ in range(8):
        answer = data.draw(answers(form))
        usual = None if form.comment == "none" else "So"
        comment = data.draw(st.sampled_from([usual] * 8 + [None, "", " ", "So"]))
        if takes(form, answer, comment):
            play.answer("t", by=IVANOV, comment=comment, **answer)
            play = Play(made, ClerkWorld())
        else:
            before = play.state
            with pytest.raises(InvalidAnswer):
                play.answer("t", by=IVANOV, comment=comment, **answer)
            assert play.state == before


def test_a_text_that_is_left_empty_is_none_to_the_form() -> None:
    outcome = Outcome("done", "Done", (("why", Field("string")), ("sure", Field("boolean"))), when=(("sure", Expr("t.why != none")),))
    play = Play(graph(task("t", form=Form(Expr('"Work"'), (outcome,))), task("after"), reads="t"), ClerkWorld())
    with pytest.raises(InvalidAnswer, match="not asked for"):
        play.answer("t", by=IVANOV, why="", sure=True)
    play.answer("t", by=IVANOV, why="")
    assert play.names["t"]["why"] is None
