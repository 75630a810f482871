"""Mistakes of the way: steps, branches, outcomes, `next`, joins, loops, handlers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bpflow.diagnostics import Span
from bpflow.source import Items, Table
from tests.mutation.editing import Change, Original, flow, typo
from tests.mutation.kinds import kind, other


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def having(original: Original, *keys: str) -> Iterator[Table]:
    """Tables with all of these keys."""
    for _, table in original.tables:
        if all(key in table for key in keys):
            yield table


def removed(original: Original, key: str, *of: str) -> Iterator[Change]:
    """A key is left out, where it is written; `of`: activities."""
    for table in having(original, key, "activity") if of else having(original, key):
        if not of or str(table["activity"]) in of:
            yield original.without(table, key)


def parts(original: Original, key: str) -> Iterator[tuple[Table, Table, str]]:
    """The tables under a key, with names: outcomes, branches of `parallel` and `race`. What has them, what they are, one's name."""
    for owner in having(original, key):
        inner = owner[key]
        if isinstance(inner, Table):
            for name in inner:
                yield owner, inner, name


def arms(original: Original) -> Iterator[Items]:
    """The branches of conditions, and the rules of tables."""
    for key in ("branches", "rules"):
        for owner in having(original, key):
            inner = owner[key]
            if isinstance(inner, Items):
                yield inner


def nexts(original: Original) -> list[tuple[Table, Span]]:
    """All that name a step."""
    found = [table for table in having(original, "next") if isinstance(table["next"], str) and table["next"] != "go-on"]
    return [(table, table.value_spans["next"]) for table in found]


def title_of(table: Table) -> str:
    return str(table.get("id") or table.get("title") or table.get("activity") or "?")


# ── next ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@kind
def misspelt_next(original: Original) -> Iterator[Change]:
    """`next: refsued`"""
    for table, span in nexts(original):
        yield original.replaced(span, typo(str(table["next"])))


@other("the other step is there too")
def another_next(original: Original) -> Iterator[Change]:
    """`next` to another step"""
    for table, span in nexts(original):
        for id in [id for id in original.ids if id != table["next"]][::4][:5]:
            yield original.replaced(span, id, f"next: {table['next']} → {id}")


@other("both ways are there")
def swapped_next(original: Original) -> Iterator[Change]:
    """Two `next`, one in the other's place"""
    for (one, first), (two, second) in pairwise(nexts(original)):
        if one["next"] != two["next"]:
            yield original.exchanged(first, second, f"{one['next']} ↔ {two['next']}")


@kind
def removed_next(original: Original) -> Iterator[Change]:
    """An outcome or a branch that does not say what follows"""
    for table in having(original, "next"):
        if "activity" not in table:
            yield original.without(table, "next")


@other("the steps below may be meant to follow")
def fallen_through(original: Original) -> Iterator[Change]:
    """A step without its `next` goes on with the one below"""
    for table in having(original, "next", "activity"):
        yield original.without(table, "next")


# ── outcomes and branches ───────────────────────────────────────────────────────────────────────────────────────────
@other("the others are answers enough, unless something reads it or nothing else leads where it led")
def dropped_outcome(original: Original) -> Iterator[Change]:
    """An outcome of a task is missing"""
    for _, inner, name in parts(original, "outcomes"):
        if len(inner) > 1:
            yield original.without(inner, name)


@kind
def removed_steps(original: Original) -> Iterator[Change]:
    """A button without its steps, which does not say what follows"""
    for _, inner, name in parts(original, "outcomes"):
        outcome = inner[name]
        if isinstance(outcome, Table) and "steps" in outcome and name != next(iter(inner)):
            yield original.without(outcome, "steps")


@other("nothing to do is something to do")
def dropped_steps(original: Original) -> Iterator[Change]:
    """`next: go-on` instead of the steps of an outcome or a branch"""
    for table in having(original, "steps"):
        if "activity" not in table and "branches" not in table and table is not original.tree and "command" not in table:
            new = {("next" if key == "steps" else key): ("go-on" if key == "steps" else one) for key, one in table.items()}
            yield original.written(table, new, table.key_spans["steps"], f"{title_of(table)}: go-on")


@other("the branches may be all that can be, which the definition shows of choices only")
def removed_otherwise(original: Original) -> Iterator[Change]:
    """A condition or a table without `otherwise`"""
    yield from removed(original, "otherwise")


@other("what the branch was for may be in `otherwise`")
def removed_branch(original: Original) -> Iterator[Change]:
    """A branch of a condition, or a rule of a table, is missing"""
    for items in arms(original):
        for number in range(len(items)) if len(items) > 1 else ():
            yield original.without_item(items, number)
    for _, inner, name in parts(original, "branches"):
        if len(inner) > 1:
            yield original.without(inner, name)


@other("each condition may stand before each branch")
def swapped_conditions(original: Original) -> Iterator[Change]:
    """Two branches have each other's conditions"""
    for items in arms(original):
        for one, two in pairwise(items):
            if isinstance(one, Table) and isinstance(two, Table) and "when" in one and "when" in two:
                yield original.exchanged(one.value_spans["when"], two.value_spans["when"], f"{one['when']} ↔ {two['when']}")


@other("each may be done in each case")
def swapped_branches(original: Original) -> Iterator[Change]:
    """What is done in a branch, and what is done otherwise, in each other's place"""
    for owner in having(original, "branches", "otherwise"):
        first, rest = owner["branches"], owner["otherwise"]
        if isinstance(first, Items) and isinstance(first[0], Table) and isinstance(rest, Table) and "when" in first[0]:
            branch = {**rest, "when": first[0]["when"]}
            new = {**owner, "branches": [branch, *first[1:]], "otherwise": {key: one for key, one in first[0].items() if key != "when"}}
            yield original.written(owner, new, owner.key_spans["branches"], f"{title_of(owner)}: the first branch ↔ otherwise")


@other("each may be done after each answer")
def swapped_outcomes(original: Original) -> Iterator[Change]:
    """Two outcomes have each other's steps"""
    for owner in having(original, "outcomes"):
        inner = owner["outcomes"]
        for one, two in pairwise(inner.values() if isinstance(inner, Table) else ()):
            ways = [next((key for key in ("steps", "next") if key in each), None) if isinstance(each, Table) else None for each in (one, two)]
            if ways == ["steps", "steps"]:
                yield original.written(inner, _crossed(inner, one, two), one.key_spans["steps"], f"{title_of(owner)}: {title_of(one)} ↔ {title_of(two)}")


def _crossed(inner: Any, one: Table, two: Table) -> dict[str, Any]:
    steps = {id(one): two["steps"], id(two): one["steps"]}
    return {name: {**each, "steps": steps[id(each)]} if id(each) in steps else each for name, each in inner.items()}


@kind
def condition_of_a_branch_forgotten(original: Original) -> Iterator[Change]:
    """A branch without `when`"""
    for items in arms(original):
        for one in items:
            if isinstance(one, Table) and "when" in one:
                yield original.without(one, "when")


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@other("no step has to be there, unless something reads it or leads to it")
def removed_step(original: Original) -> Iterator[Change]:
    """A step is missing"""
    for items in original.lists:
        for number, step in enumerate(items):
            if isinstance(step, Table) and step.get("activity") not in ("end", "join") and len(items) > 1:
                yield original.without_item(items, number, f"without {title_of(step)}")


@other("most steps may stand in any order, unless one reads the other")
def swapped_steps(original: Original) -> Iterator[Change]:
    """Two steps in each other's place"""
    for items in original.lists:
        for number, (one, two) in enumerate(pairwise(items)):
            if isinstance(one, Table) and isinstance(two, Table):
                new = [*items[:number], two, one, *items[number + 2 :]]
                yield original.written(items, new, items.spans[number], f"{title_of(one)} ↔ {title_of(two)}")


@kind
def step_twice(original: Original) -> Iterator[Change]:
    """A step was copied, with its id"""
    for items in original.lists:
        for number, one in enumerate(items):
            if isinstance(one, Table) and "id" in one:
                yield original.written(items, [*items[: number + 1], one, *items[number + 1 :]], items.spans[number], f"{title_of(one)} twice")


@other("a step may be there for one case or for all")
def step_behind_its_branch(original: Original) -> Iterator[Change]:
    """The last step of a branch stands after the condition"""
    for items in original.lists:
        for number, owner in enumerate(items):
            branches = owner.get("branches") if isinstance(owner, Table) else None
            first = branches[0] if isinstance(branches, Items) else None
            steps = first.get("steps") if isinstance(first, Table) else None
            if isinstance(steps, Items) and len(steps) > 1:
                moved = {**owner, "branches": [{**first, "steps": steps[:-1]}, *branches[1:]]}
                new = [*items[:number], moved, steps[-1], *items[number + 1 :]]
                yield original.written(items, new, steps.spans[-1], f"{title_of(steps[-1])} stands behind")


@other("a process may go on, or end without a result")
def removed_end(original: Original) -> Iterator[Change]:
    """A step `end` is missing, and what stands below follows"""
    for items in original.lists:
        for number, step in enumerate(items):
            if isinstance(step, Table) and step.get("activity") == "end" and len(items) > 1:
                yield original.without_item(items, number)


@other("a process may end with any result, unless another one reads it")
def another_result(original: Original) -> Iterator[Change]:
    """`end` with a misspelt result"""
    for table in having(original, "result", "activity"):
        yield original.value(table, "result", typo(str(table["result"])))


@other("what is said behind somebody's back may be meant so")
def end_too_early(original: Original) -> Iterator[Change]:
    """`end` stands one step before its place"""
    for items in original.lists:
        for number, step in enumerate(items):
            if number and isinstance(step, Table) and step.get("activity") == "end":
                new = [*items[: number - 1], step, items[number - 1], *items[number + 1 :]]
                yield original.written(items, new, items.spans[number], f"{flow(step)} one step earlier")


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def used(original: Original, name: str) -> bool:
    """Something else in the file says that name."""
    return any(name in part.parsed.names for part in original.uses) or any(table["next"] == name for table in having(original, "next"))


@kind
def renamed_id(original: Original) -> Iterator[Change]:
    """A step is called otherwise, but not where it is used"""
    for step in original.steps:
        if "id" in step and used(original, str(step["id"])):
            yield original.value(step, "id", f"{step['id']}_new")


@kind
def duplicate_id(original: Original) -> Iterator[Change]:
    """Two steps have one id"""
    ids = [step for step in original.steps if "id" in step]
    for one, two in pairwise(ids):
        yield original.value(two, "id", str(one["id"]))


@kind
def removed_id(original: Original) -> Iterator[Change]:
    """A step without the id by which it is used"""
    for step in original.steps:
        if "id" in step and used(original, str(step["id"])):
            yield original.without(step, "id")


# ── side by side, loops, meanwhile ──────────────────────────────────────────────────────────────────────────────────
@kind
def missing_join(original: Original) -> Iterator[Change]:
    """A split whose ways are not joined"""
    for items in original.lists:
        for number, step in enumerate(items):
            if isinstance(step, Table) and step.get("activity") == "join":
                yield original.without_item(items, number)


@other("one, or all: both can be waited for")
def another_join(original: Original) -> Iterator[Change]:
    """`all` → `any`, and back"""
    for step in original.steps:
        key = "join" if step["activity"] == "parallel" else "need"
        if step["activity"] in ("parallel", "join"):
            word = "any" if step.get(key, "all") == "all" else "all"
            yield original.written(step, {**step, key: word}, step.span, f"{title_of(step)}: {key}: {word}")


@other("while and until can both be said of every condition")
def while_for_until(original: Original) -> Iterator[Change]:
    """A loop goes on when it should stop"""
    for step in original.steps:
        for key, instead in (("until", "while"), ("while", "until")):
            if step["activity"] == "loop" and key in step:
                yield original.key(step, key, instead)


@kind
def loop_that_changes_nothing(original: Original) -> Iterator[Change]:
    """A loop without the steps that set what its condition reads"""
    for step in original.steps:
        condition = str(step.get("until") or step.get("while") or "") if step["activity"] == "loop" else ""
        if condition:
            new, left = _without_sets(step, condition)
            if left:
                yield original.written(step, new, step.key_spans["steps"], f"{title_of(step)}: nothing sets {', '.join(sorted(left))}")


def _without_sets(tree: Any, condition: str) -> tuple[Any, set[str]]:
    """A part of the process without values for fields and variables that a condition reads; and which were left out."""
    left: set[str] = set()
    if isinstance(tree, list):
        items = [_without_sets(one, condition) for one in tree]
        return [one for one, _ in items if one is not None], {name for _, names in items for name in names}
    if not isinstance(tree, dict):
        return tree, left
    made: dict[str, Any] = {}
    for key, one in tree.items():
        if key == "set" and isinstance(one, dict):
            left |= {name for name in one if name in condition}
            made[key] = {name: value for name, value in one.items() if name not in condition}
        else:
            made[key], names = _without_sets(one, condition)
            left |= names
    return (None, left) if made.get("set") == {} and "note" not in made else (made, left)


@other("beside, or instead: both can be meant")
def cancels_flipped(original: Original) -> Iterator[Change]:
    """`cancels: true` → `false`, and back"""
    for table in having(original, "cancels"):
        yield original.value(table, "cancels", not table["cancels"])


@kind
def cancels_forgotten(original: Original) -> Iterator[Change]:
    """A handler does not say whether it cancels"""
    yield from removed(original, "cancels")


@other("not everything needs something meanwhile")
def removed_handler(original: Original) -> Iterator[Change]:
    """Nothing is done in the case that `meanwhile` or `on-error` was for"""
    for key in ("meanwhile", "on-error", "on-overdue"):
        yield from removed(original, key)


# ── people and time ─────────────────────────────────────────────────────────────────────────────────────────────────
@other("not everything has a deadline")
def removed_due(original: Original) -> Iterator[Change]:
    """A task without its deadline"""
    for table in having(original, "due"):
        yield original.without(table, *(key for key in ("due", "on-overdue", "remind-before") if key in table))


@kind
def deadline_forgotten_but_not_what_follows(original: Original) -> Iterator[Change]:
    """`on-overdue` without `due`"""
    for table in having(original, "due", "on-overdue"):
        yield original.without(table, "due")


def lengths(original: Original) -> Iterator[tuple[Table, str, str]]:
    """Durations as people say them."""
    for _, table in original.tables:
        for key in ("due", "for", "after", "remind", "lasts", "remind-before", "timeout", "keep", "first", "at-most"):
            said = table.get(key)
            if isinstance(said, str) and said[:1].isdigit():
                yield table, key, said


@other("any length may be meant")
def another_unit(original: Original) -> Iterator[Change]:
    """Hours for days, days for hours"""
    for table, key, said in lengths(original):
        for one, two in (("day", "hour"), ("hour", "day"), ("min", "h"), ("h", "min"), ("d", "h")):
            if one in said:
                yield original.value(table, key, said.replace(one, two, 1))
                break


@kind
def misspelt_unit(original: Original) -> Iterator[Change]:
    """`2 workign days`"""
    for table, key, said in lengths(original):
        word = max(said.split(), key=len)
        yield original.value(table, key, said.replace(word, typo(word)))


@kind
def no_unit(original: Original) -> Iterator[Change]:
    """`due: 2`"""
    for table, key, said in lengths(original):
        yield original.value(table, key, int("".join(letter for letter in said if letter.isdigit())))


PEOPLE = ("to", "tell", "who-may-not", "if-nobody", "by", "escalate-to", "reassign-to", "from", "ask")


def asked(original: Original) -> Iterator[tuple[Table, str]]:
    for _, table in original.tables:
        for key in PEOPLE:
            if isinstance(table.get(key), str) and ("activity" in table or key in ("tell", "by", "ask")):
                yield table, key


@other("each of them may do it")
def another_person(original: Original) -> Iterator[Change]:
    """Somebody else is asked or told"""
    people = original.tree.get("people")
    for table, key in asked(original):
        for name in [one for one in (people if isinstance(people, Table) else ()) if one != table[key]][:2]:
            yield original.value(table, key, name)


@kind
def name_for_an_expression(original: Original) -> Iterator[Change]:
    """`to: Иван Петров`"""
    for table, key in asked(original):
        yield original.value(table, key, "Иван Петров")


@kind
def text_for_a_person(original: Original) -> Iterator[Change]:
    """`to: "document.name"`: something that is no person"""
    texts = [name for name, one in original.document.items() if one.kind in ("string", "text")]
    for table, key in asked(original):
        yield original.value(table, key, f"document.{texts[0]}" if texts else "now")


@kind
def nobody_asked(original: Original) -> Iterator[Change]:
    """A task or a notice for nobody"""
    yield from removed(original, "to")


@other("who is nobody may be an incident")
def removed_if_nobody(original: Original) -> Iterator[Change]:
    """What if there is nobody?"""
    yield from removed(original, "if-nobody")


@other("not everything needs two pairs of eyes")
def removed_who_may_not(original: Original) -> Iterator[Change]:
    """Somebody may answer himself"""
    yield from removed(original, "who-may-not")
