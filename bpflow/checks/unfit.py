"""How it is told that an expression gives something else than is wanted, and what may be done about it."""

from __future__ import annotations

from bpflow.checks.wanted import Wanted
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, say
from bpflow.expressions.types import Type, named

_TIMES = frozenset(("date", "datetime", "duration"))


def unfit(span: Span, text: str, given: Type, wanted: Wanted) -> Diagnostic:
    """The finding that an expression, which reads `text`, gives what is not wanted."""
    if _is_value(given, wanted.type):
        return _no_choice(span, given, wanted.type)
    if given.kind == "none":
        return Diagnostic(span, "wrong-type", _nothing(text, wanted), _hint_for_nothing(text))
    message = say('"{field}" takes {wanted}, and this is {given}', field=wanted.field, wanted=wanted.what, given=named(given))
    if not wanted.field:
        message = say("{wanted} is expected here, and this is {given}", wanted=wanted.what, given=named(given))
    return Diagnostic(span, "wrong-type", message, _hint(text, given, wanted))


def _nothing(text: str, wanted: Wanted) -> Message:
    if text == "initiator":
        return say('"initiator" is none here: nobody starts this process by hand')
    return say("{wanted} is expected here, and this is none", wanted=wanted.what)


def _hint_for_nothing(text: str) -> Message | None:
    return say("name the people, or let somebody start it by hand too") if text == "initiator" else None


# ── choices ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_value(given: Type, wanted: Type) -> bool:
    """Whether both are texts of which all values are known."""
    return given.kind == wanted.kind == "text" and given.values is not None and wanted.values is not None


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
    if kinds == {"boolean"}:
        return say('compare it: "x != none", "x > 0", "len(x) > 0"')
    if "user" in kinds and wanted.type.among:
        return _who(given)
    if given.kind == "list" and "list" not in kinds:
        return say('one of them is "{text}[0]"', text=text) if text.isidentifier() or "." in text else None
    if kinds == {"list"} and given.kind != "list":
        return say('a list of one is "[{text}]"', text=text)
    return _time(text, given, kinds) or _plain(text, given, kinds)


def _who(given: Type) -> Message | None:
    if given.kind == "text":
        return say('a person is written user("{name}"), a role with_role("{name}")', name=given.values[0] if given.values and len(given.values) == 1 else "…")
    return say("name a field of it that holds people") if given.kind in ("document", "record") else None


def _time(text: str, given: Type, kinds: set[str]) -> Message | None:
    """Days and instants, and numbers without a unit."""
    if not kinds <= _TIMES | {"boolean"}:
        return None
    if given.kind in ("integer", "number") and "duration" in kinds:
        return say('say of what: "days({number})", "hours({number})"', number=text)
    if given.kind == "boolean" and "date" in kinds:
        return say('a condition is written with "changed" or "until"')
    pair = (given.kind, next(iter(kinds)) if len(kinds) == 1 else "")
    match pair:
        case ("datetime", "date"):
            return say('"date(x)" is the day of an instant, "at_time(d, …)" an instant of a day')
        case ("date", "datetime"):
            return say('give it one: at_time(date, "09:00")')
        case ("text", "duration"):
            return say('a duration is written as "2h", "3d", "2 working days"')
    return say('a date is written date("2026-12-31")') if given.kind == "text" and "date" in kinds else None


def _plain(text: str, given: Type, kinds: set[str]) -> Message | None:
    """Texts and numbers."""
    if kinds == {"text"} and given.kind in ("integer", "number", "date", "datetime", "duration", "boolean", "user", "department", "document"):
        return say('write "text({text})"', text=text)
    if kinds in ({"number"}, {"integer"}) and given.kind == "text":
        return say('"number({text})" reads a number out of a text', text=text)
    if kinds == {"user"} and given.kind == "text":
        return _who(given)
    return None
