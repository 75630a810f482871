"""What bpflow says to people: findings with a place, messages in the reader's language, refusals.

The law of this file: a finding is a value. Nothing here prints, reads a file or decides; a `Message` is a template in English
(which is also its key in the catalogue) with its values, and becomes a sentence only when somebody reads it, in his language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from msgspec import Struct, field

LANGUAGES = ("en", "ru")


class Span(Struct, frozen=True, order=True):
    """A place in a file. Lines and columns count from 1, columns in characters; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Message(Struct, frozen=True):
    """A sentence to be said: `template` in `str.format` syntax, and `values` for its holes (a value may be a Message)."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """The sentence in `language` (`en` or `ru`); a template that the catalogue lacks stays English."""
        values = {k: v.text(language) if isinstance(v, Message) else v for k, v in self.values.items()}
        return translate(self.template, language).format(**values)

    def __str__(self) -> str:
        return self.text()


def say(template: str, /, **values: Any) -> Message:
    """Make a Message. The catalogue is extracted from the calls of this function: give it a literal."""
    return Message(template, values)


def with_hint(message: Message, hint: Message | None) -> Message:
    """The sentence with what may help, if there is something."""
    return say("{message} — {hint}", message=message, hint=hint) if hint else message


def translate(template: str, language: str) -> str:
    """The template in `language`, from the catalogues in `bpflow/locale`."""
    return template if language == "en" else _catalogue(language).gettext(template)


def spoken(environment: Mapping[str, str]) -> str:
    """The language of the locale in the environment's variables: Russian where that is, English everywhere else."""
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "ru" if locale.lower().startswith("ru") else "en"


@cache
def _catalogue(language: str) -> Any:
    import gettext  # neither is loaded by who reads English
    from importlib import resources

    return gettext.translation("bpflow", str(resources.files("bpflow") / "locale"), [language], fallback=True)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


class Diagnostic(Struct, frozen=True):
    """A finding: where, which rule, what is wrong, and often what to do about it. `run`: the shortest way on which it goes wrong, a step a line;
    `scenario`: the `play` of a scenario that goes this way, as far as it consists of what people and others do."""

    span: Span
    rule: str
    message: Message
    hint: Message | None = None
    severity: Severity = Severity.ERROR
    run: tuple[Message, ...] = ()
    scenario: tuple[Mapping[str, Any], ...] = ()

    @property
    def order(self) -> tuple[str, int, int, str]:
        return (self.span.file, self.span.line, self.span.column, self.rule)


class Refused(Exception):
    """Something was asked that cannot be done; nothing has changed. `message` says what and why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


def in_order(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings by place, each said once."""
    seen: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for finding in findings:
        seen.setdefault((*finding.order, str(finding.message)), finding)
    return sorted(seen.values(), key=lambda finding: finding.order)


def did_you_mean(word: str, known: Iterable[str]) -> Message | None:
    """A hint with the nearest of the `known` words, or None where none is near."""
    import difflib  # only where there is something to say

    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, 1, 0.6)
    if not near:
        folded = {w.casefold(): w for w in words}
        near = [folded[w] for w in difflib.get_close_matches(word.casefold(), list(folded), 1, 0.6)]
    return say('did you mean "{word}"?', word=near[0]) if near else None


def each_quoted(words: Iterable[str]) -> Message:
    """The words in a row, each in the quotes of the reader's language."""
    row: Message | None = None
    for word in words:
        one = say('"{name}"', name=word)
        row = one if row is None else say("{first}, {rest}", first=row, rest=one)
    return row or say("nothing")


def render(finding: Diagnostic, text: str | None = None, language: str = "en") -> str:
    """The finding as lines of plain text: place, message, hint and rule; then the line of the file with a caret under the place.

    `text` is the file's content, where there is one to show.
    """
    hint = f" — {finding.hint.text(language)}" if finding.hint else ""
    level = "" if finding.severity is Severity.ERROR else translate(finding.severity, language) + ": "
    head = f"{finding.span}: {level}{finding.message.text(language)}{hint} [{finding.rule}]"
    shown = excerpt(finding.span, text) if text is not None else ""
    return "\n".join(part for part in (head, shown, *_run(finding, language)) if part)


def _run(finding: Diagnostic, language: str) -> list[str]:
    """The run of a finding as a small picture: what happens one after the other."""
    return [f"      {'→' if number else '○'} {one.text(language)}" for number, one in enumerate(finding.run)]


def excerpt(span: Span, text: str) -> str:
    """The line of `text` at `span` with carets under it; empty where the place has no line (an empty file)."""
    lines = text.splitlines()
    if not 0 < span.line <= len(lines):
        return ""
    line = lines[span.line - 1].replace("\t", " ")
    start = max(min(span.column, len(line) + 1), 1) - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    number = f"{span.line:>5} | "
    if len(line) > 160:
        cut = max(0, start - 60)
        line, start, end = line[cut : cut + 160], start - cut, min(end - cut, 160)
    return f"{number}{line}\n{' ' * (len(number) - 2)}| {' ' * start}{'^' * max(1, end - start)}"


def as_data(finding: Diagnostic, language: str = "en") -> dict[str, Any]:
    """The finding as plain data, for `--format json`."""
    span = finding.span
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line or span.line,
        "end_column": span.end_column or span.column,
        "severity": str(finding.severity),
        "rule": finding.rule,
        "message": finding.message.text(language),
        "hint": finding.hint.text(language) if finding.hint else None,
        "run": [one.text(language) for one in finding.run],
        "scenario": [*finding.scenario],
    }
