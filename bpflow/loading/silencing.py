"""How grave a finding is in a workspace, and where it is not told: by the settings for a whole workspace, by a comment for a line.

The law of this file: an error is always told. What is not told is silenced with a reason, and counted; a comment that silences nothing
is a finding. A comment speaks of its line, or of the next one where it has a line to itself:

    due: none  # bpflow: off no-deadline — the head decides when he can
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.checks import RULES
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, did_you_mean, in_order, say
from bpflow.source import Comment, Source

if TYPE_CHECKING:
    from bpflow.definition.settings import RuleSetting, Settings

IDLE = "idle-comment"
FORM = say("# bpflow: off RULE — why")
# Compiled when first needed, which is seldom.
_OFF = r"(?i)\s*bpflow:\s*off\b\s*(?P<rules>.*?)(?:\s+(?:—|–|--?)(?:\s+(?P<reason>.*))?)?\s*$"
_RULES = r"[\w-]+(?:\s*,\s*[\w-]+)*"
_WORD = r"[\w-]+"

Rules: TypeAlias = "Mapping[str, RuleSetting]"


class Silence(Struct, frozen=True):
    """A comment that silences rules in a line: the rules with their places in it, and the reason; empty where it does not say them."""

    span: Span
    line: int
    rules: tuple[tuple[str, Span], ...]
    reason: str


class Silenced(Struct, frozen=True):
    """A finding that is not told, and why; `by` is the comment that says so, None where the settings do."""

    finding: Diagnostic
    reason: str
    by: Silence | None = None


class Heeded(Struct, frozen=True):
    """What is told, in order, and what is not."""

    findings: list[Diagnostic]
    silenced: list[Silenced] = field(default_factory=list)


def heed(findings: Iterable[Diagnostic], rules: Rules, silences: Iterable[Silence] = ()) -> Heeded:
    """The findings as grave as the settings say, without those that the settings or a comment silence."""
    by_place = {(one.span.file, one.line, rule): one for one in silences if one.reason for rule, _ in one.rules}
    told: list[Diagnostic] = []
    silenced: list[Silenced] = []
    for finding in findings:
        graver, setting = _as_set(finding, rules), rules.get(finding.rule)
        comment = by_place.get((finding.span.file, finding.span.line, finding.rule))
        if graver is None:
            silenced.append(Silenced(finding, setting.reason if setting else ""))
        elif comment and graver.severity is not Severity.ERROR:
            silenced.append(Silenced(graver, comment.reason, comment))
        else:
            told.append(graver)
    return Heeded(in_order(told), silenced)


def _as_set(finding: Diagnostic, rules: Rules) -> Diagnostic | None:
    """The finding as the settings of its rule want it; None where it is not told."""
    setting = rules.get(finding.rule)
    if setting is None or finding.severity is Severity.ERROR:
        return finding
    return None if setting.severity == "off" else replace(finding, severity=Severity(setting.severity))


# ── the settings ────────────────────────────────────────────────────────────────────────────────────────────────────
def wrong_rules(settings: Settings, source: Source) -> Iterator[Diagnostic]:
    """Rules that there are not, and errors that are to be less."""
    for name, setting in settings.rules.items():
        place = source.span_at(("rules", name), key=True)
        if name not in RULES:
            yield Diagnostic(place, "not-allowed", say('there is no rule "{rule}"', rule=name), did_you_mean(name, RULES))
        elif RULES[name].severity is Severity.ERROR and setting.severity != "error":
            message = say('what "{rule}" finds is an error, and can be neither switched off nor made less', rule=name)
            yield Diagnostic(place, "not-allowed", message)


# ── the comments ────────────────────────────────────────────────────────────────────────────────────────────────────
def silences_in(source: Source) -> list[Silence]:
    """The comments of a file that silence rules, or try to."""
    asking = [comment for comment in source.comments if re.match(_OFF, comment.text)]
    if not asking:
        return []
    lines = source.text.splitlines()
    alone = {comment.span.line for comment in source.comments if _alone(comment, lines)}
    return [_silence(comment, _meant(comment, lines, alone)) for comment in asking]


def _alone(comment: Comment, lines: list[str]) -> bool:
    return not lines[comment.span.line - 1][: comment.span.column - 1].strip()


def _meant(comment: Comment, lines: list[str], alone: set[int]) -> int:
    """The line of which a comment speaks."""
    line = comment.span.line
    if line not in alone:
        return line
    return next((number for number in range(line + 1, len(lines) + 1) if number not in alone and lines[number - 1].strip()), line)


def _silence(comment: Comment, line: int) -> Silence:
    found = re.match(_OFF, comment.text)
    assert found
    rules: tuple[tuple[str, Span], ...] = ()
    if re.fullmatch(_RULES, found["rules"]):
        rules = tuple((word[0], _within(comment, *word.span())) for word in re.compile(_WORD).finditer(comment.text, found.start("rules"), found.end("rules")))
    return Silence(comment.span, line, rules, (found["reason"] or "").strip())


def _within(comment: Comment, start: int, end: int) -> Span:
    at = comment.span
    return replace(at, column=at.column + 1 + start, end_line=at.line, end_column=at.column + 1 + end)


def with_idle(heeded: Heeded, rules: Rules, silences: Iterable[Silence], *, whole: bool) -> Heeded:
    """With the comments that silence nothing. What other files make of a line is known only where the `whole` was looked at."""
    idle = heed(_idle_comments(silences, heeded, rules, whole), rules)
    return Heeded(in_order([*heeded.findings, *idle.findings]), [*heeded.silenced, *idle.silenced])


def _idle_comments(silences: Iterable[Silence], heeded: Heeded, rules: Rules, whole: bool) -> Iterator[Diagnostic]:
    used = {(one.by.span, one.finding.rule) for one in heeded.silenced if one.by}
    for silence in silences:
        if not silence.rules:
            yield _idle(silence.span, say('a comment that silences a rule is written as "{form}"', form=FORM))
        elif not silence.reason:
            yield _idle(silence.span, say("the comment does not say why: it silences nothing"), say('write the reason behind a dash: "{form}"', form=FORM))
        else:
            for rule, span in silence.rules:
                if mistake := _mistake(rule, span, rules):
                    yield mistake
                elif (silence.span, rule) not in used and _has_spoken(rule, silence.span.file, heeded, whole):
                    yield _nothing(rule, span, silence, heeded)


def _has_spoken(rule: str, file: str, heeded: Heeded, whole: bool) -> bool:
    """Whether the rule would have found what there is: it may keep silent where another has spoken, and about what could not be read."""
    wrong = {finding.span.file for finding in heeded.findings if finding.severity is Severity.ERROR}
    if RULES[rule].room == "files":
        return file not in wrong
    if RULES[rule].check is None:
        return whole and not wrong
    found = (*heeded.findings, *(one.finding for one in heeded.silenced))
    return not wrong and all(finding.rule == rule for finding in found if finding.span.file == file)


def _mistake(rule: str, span: Span, rules: Rules) -> Diagnostic | None:
    """What is wrong with the rule that a comment names."""
    if rule not in RULES:
        return _idle(span, say('there is no rule "{rule}"', rule=rule), did_you_mean(rule, RULES))
    if rule == IDLE:
        return _idle(span, say("what silences nothing cannot be silenced"), say("delete the comment"))
    raised = rule in rules and rules[rule].severity == "error"
    if raised or RULES[rule].severity is Severity.ERROR:
        return _idle(span, say('what "{rule}" finds is an error, and cannot be silenced', rule=rule))
    return None


def _nothing(rule: str, span: Span, silence: Silence, heeded: Heeded) -> Diagnostic:
    """There is nothing to be silenced; the line where there would be, if it is not far."""
    lines = [found.span.line for found in heeded.findings if found.rule == rule and found.span.file == silence.span.file]
    near = min(lines, key=lambda line: abs(line - silence.line), default=None)
    hint = say("put it into line {line}", line=near) if near else say("delete the comment")
    return _idle(span, say('in line {line} there is nothing of "{rule}" to silence', line=silence.line, rule=rule), hint)


def _idle(span: Span, message: Message, hint: Message | None = None) -> Diagnostic:
    return Diagnostic(span, "idle-comment", message, hint, Severity.WARNING)
