"""How it is told that an expression gives something else than is wanted, and what may be done about it."""

from __future__ import annotations

from bpflow.checks.wanted import PEOPLE, TEXTS, Wanted, called
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, say
from bpflow.expressions.judging import SECRET_LEAKS
from bpflow.expressions.types import Type, is_secret

INITIATOR = "initiator"
_TIMES = frozenset(("date", "datetime", "duration"))
_NUMBERS = frozenset(("integer", "number"))
_WITH_TEXT = frozenset(("integer", "number", "date", "datetime", "duration", "boolean", "user", "department", "document"))
"""What `text(…)` makes a text of."""


def unfit(span: Span, text: str, given: Type, wanted: Wanted) -> Diagnostic:
    """The finding that an expression, which reads `text`, gives what is not wanted."""
    if is_secret(given) or is_secret(wanted.type):
        return _of_secrets(span, given, wanted)
    values, choices = _texts(given), _texts(wanted.type)
    if values and choices and values.values and choices.values:
        return _no_choice(span, values, choices)
    if given.kind == "none" and text == INITIATOR:
        return nobody_began(span)
    return Diagnostic(span, "wrong-type", _message(given, wanted), _hint(text, given, wanted))


def _of_secrets(span: Span, given: Type, wanted: Wanted) -> Diagnostic:
    """A secret where it would not stay one, or something else where one is wanted."""
    if not is_secret(given):
        message = say('"{field}" is secret, and this is {given}, which is not', field=wanted.field, given=called(given))
        return Diagnostic(span, SECRET_LEAKS, message, say("what is not a secret where it comes from stands in the history already"))
    if wanted.type == TEXTS.type:
        return Diagnostic(span, SECRET_LEAKS, say("a secret in a text could be read by everybody who reads it"), say("leave it out of the text"))
    if wanted.field:
        return Diagnostic(
            span, SECRET_LEAKS, say('"{field}" is not secret, and this is', field=wanted.field), say('make "{field}" secret too', field=wanted.field)
        )
    return Diagnostic(span, SECRET_LEAKS, say("{wanted} must stand here, and this is a secret", wanted=wanted.what))


def nobody_began(span: Span) -> Diagnostic:
    """The finding that somebody is meant who is not there."""
    message = say('"initiator" is none here: nobody starts this process by hand')
    return Diagnostic(span, "wrong-type", message, say("name the people, or let somebody start it by hand too"))


def _message(given: Type, wanted: Wanted) -> Message:
    if wanted.type == TEXTS.type:
        return say("{value} has no text", value=called(given))
    if wanted.field:
        return say('"{field}" takes {wanted}, and this is {given}', field=wanted.field, wanted=wanted.what, given=called(given))
    return say("{wanted} must stand here, and this is {given}", wanted=wanted.what, given=called(given))


# ── choices ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _texts(type: Type) -> Type | None:
    """The texts that a value is, or that its items are."""
    for one in type.each:
        found = one if one.kind == "text" else _texts(one.item) if one.item is not None else None
        if found:
            return found
    return None


def _no_choice(span: Span, given: Type, wanted: Type) -> Diagnostic:
    values, choices = given.values or (), wanted.values or ()
    if len(values) > 1:
        message = say("none of {values} is among the choices", values=each_quoted(values[:12]))
        return Diagnostic(span, "wrong-value", message, _choices(choices))
    value = values[0]
    titled = dict(zip(wanted.titles, choices, strict=False)).get(value)
    hint = say('"{value}" is the title; write "{id}"', value=value, id=titled) if titled else did_you_mean(value, choices)
    return Diagnostic(span, "wrong-value", say('"{value}" is not among the choices', value=value), hint or _choices(choices))


def _choices(choices: tuple[str, ...]) -> Message:
    return say("the choices are: {choices}", choices=each_quoted(choices[:12]))


# ── remedies ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _hint(text: str, given: Type, wanted: Wanted) -> Message | None:
    """What could have been meant."""
    kinds: set[str] = {one.kind for one in wanted.type.each}
    if given.kind == "none":
        return None
    if wanted.type == TEXTS.type:
        return say("name one of its fields") if given.kind == "record" else say('of each item: "list(x.{name} for x in …)"', name="…")
    if wanted.type == PEOPLE.type or kinds == {"user"}:
        return _who(given)
    if given.kind == "list" and "list" not in kinds:
        return say('one of them is "{text}[0]"', text=text) if text.isidentifier() or text.endswith((")", "]")) or "." in text else None
    if kinds == {"list"} and given.kind in ("department", "role"):
        return say('"members(x)" are the people of a department or a role')
    if kinds == {"list"} and given.kind == "record":
        lists = [name for name, type in given.fields if type.kind == "list"]
        return say('write "{name}"', name=f"{text}.{lists[0]}") if len(lists) == 1 else None
    if kinds == {"list"} and given.kind not in ("list", "integer", "number", "boolean"):
        return say('a list of one is "[{text}]"', text=text)
    return _of_kind(text, given, kinds, wanted)


def _who(given: Type) -> Message | None:
    if given.kind == "text":
        id = given.values[0] if given.values and len(given.values) == 1 else "…"
        return say('a person is written user("{name}"), a role with_role("{name}")', name=id)
    return say("name a field of it that holds people") if given.kind in ("document", "record") else None


def _of_kind(text: str, given: Type, kinds: set[str], wanted: Wanted) -> Message | None:
    if kinds == {"boolean"}:
        return say('compare it: "x != none", "x > 0", "len(x) > 0"')
    if kinds == {"text"} and given.kind in _WITH_TEXT:
        return say('write "text({text})"', text=text)
    if kinds <= _NUMBERS and given.kind == "text":
        return say('"number({text})" reads a number out of a text', text=text)
    if given.kind == "boolean" and "date" in kinds and not wanted.field:
        return say('a condition is written with "changed" or "until"')
    return _time(text, given, kinds) if kinds <= _TIMES | {"boolean"} else None


def _time(text: str, given: Type, kinds: set[str]) -> Message | None:
    """Days and instants, and numbers without a unit."""
    if given.kind in _NUMBERS and "duration" in kinds:
        return say('say of what: "days({number})", "hours({number})"', number=text)
    if given.kind == "text":
        return _written(kinds)
    if given.kind == "datetime" and kinds == {"date"}:
        return say('"date({text})" is the day of it', text=text)
    if given.kind == "date" and kinds == {"datetime"}:
        return say('give it a time: at_time({text}, "09:00")', text=text)
    return None


def _written(kinds: set[str]) -> Message:
    """How a time is written."""
    if "date" in kinds:
        return say('a date is written date("2026-12-31")')
    if "datetime" in kinds:
        return say('a date with a time is written datetime("2026-12-31T09:00")')
    return say('a duration is written as "2h", "3d", "2 working days"')
