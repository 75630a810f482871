"""From bytes or a file to Source: the steps in their order, and where each may stop."""

from __future__ import annotations

import re
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

import yaml
from msgspec import Struct
from yaml.events import DocumentEndEvent, DocumentStartEvent, StreamEndEvent

from bpflow.diagnostics import Message, Span, say
from bpflow.source.compose import Composer, Readable, TooMuch
from bpflow.source.encoding import decode
from bpflow.source.lines import Findings, Lines, offsets
from bpflow.source.traps import Reader, look_at_characters, report_invisible
from bpflow.source.tree import Comment, Source, Tree

if TYPE_CHECKING:
    from bpflow.source.syntax import Trouble

LARGEST_FILE = 10_000_000  # bytes
MOST_LINES = 200_000
MOST_TRIES = 10
MOST_READ_AGAIN = 2_000_000  # characters, in all tries together

# Where YAML 1.2 reads a question mark as text and libyaml as the sign of a key: `?` inside braces, glued to what follows.
_QUESTION = re.compile(r"(?<=:)\?|(?<![^\s\[\]{},\"'])\?(?=[^\s,\[\]{}])")


def read_file(path: Path, name: str) -> Source:
    """Read a file of at most 10 MB; `name` is what findings call it. Whatever is wrong with the file is a finding."""
    try:
        if not path.exists():
            return _refused(name, "file-missing", say('there is no file "{name}"', name=name), say("check the name and the folder"))
        if not S_ISREG(path.stat().st_mode):
            return _refused(name, "file-unreadable", say('"{name}" is not a file', name=name), say("name a file with YAML text"))
        with path.open("rb") as file:
            return read_source(file.read(LARGEST_FILE + 1), name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _refused(name, "file-unreadable", say('the file "{name}" cannot be read: {reason}', name=name, reason=reason), say("check the rights to it"))


def _refused(name: str, rule: str, message: Message, hint: Message) -> Source:
    findings = Findings()
    findings.add(rule, Span(name, 1, 1, 1, 1), message, hint)
    return Source(name, "", None, findings.in_order(), [])


def read_source(data: bytes | str, file: str) -> Source:
    """Read YAML text, or the bytes of a YAML file; `file` is what findings call it. Whatever is wrong is a finding."""
    if len(data) > LARGEST_FILE:
        message = say("the file is larger than {limit} MB", limit=LARGEST_FILE // 1_000_000)
        return _refused(file, "too-large", message, say("divide it into several files"))
    findings = Findings()
    if isinstance(data, bytes):
        decoded = decode(data)
        if decoded.problem:
            lines = Lines(file, decoded.text)
            findings.add("encoding", lines.span(decoded.offset, decoded.offset + 1), decoded.problem, decoded.hint)
            return Source(file, decoded.text, None, findings.in_order(), [])
        data = decoded.text
    lines = Lines(file, data.lstrip("\ufeff"))
    if max(map(lines.text.count, "\n\r\x85\u2028\u2029")) > MOST_LINES:
        message = say("the file has more than {limit} lines", limit=MOST_LINES)
        return _refused(file, "too-many", message, say("divide it into several files"))
    if not look_at_characters(lines, findings):
        return Source(file, lines.text, None, findings.in_order(), [])
    tree, comments = _read(lines, findings)
    return Source(file, lines.text, tree, findings.in_order(), comments)


class _Attempt(Struct, frozen=True):
    """How far a text could be read: what came of it, `end` of what was looked at, and the trouble that stopped it."""

    tree: Tree
    end: int
    composer: Composer
    trouble: Trouble | None = None


def _read(lines: Lines, findings: Findings) -> tuple[Tree, list[Comment]]:
    """Read as often as there are values to mend, so that one wrong sign does not hide all that follows."""
    readable = _with_questions(lines.text)
    attempt = _attempt(lines, readable)
    for tries_left in reversed(range(max(1, min(MOST_TRIES, MOST_READ_AGAIN // max(1, len(lines.text)))))):
        trouble = attempt.trouble
        if trouble is None or trouble.starts_in(readable.mended):
            break
        if tries_left and (indent := trouble.strange_indent(readable.text)):
            report_invisible(lines, findings, *indent)
            readable = readable.indented(*indent)
            attempt = _attempt(lines, readable)
            continue
        said = trouble.explained()
        findings.add(said.rule, said.span, said.message, said.hint)
        if said.mend is None or not tries_left:
            break
        readable = readable.mend(*said.mend)
        attempt = _attempt(lines, readable)
    findings.take(attempt.composer.findings)
    reader = Reader(lines, findings, attempt.composer.written, attempt.end)
    comments = reader.look_over()
    if attempt.trouble:
        reader.look_behind(attempt.trouble.at)
    return attempt.tree, comments


def _attempt(lines: Lines, readable: Readable) -> _Attempt:
    composer = Composer(lines, Findings(), readable)
    try:
        return _Attempt(*_document(composer), composer)
    except TooMuch:
        return _Attempt(None, composer.reached, composer)
    except yaml.MarkedYAMLError as error:
        from bpflow.source.syntax import Trouble  # only where something is wrong

        trouble = Trouble.of(error, lines, composer.last, bool(composer.flow))
        end = min(trouble.at, max(composer.reached, lines.line_start(trouble.at)))
        return _Attempt(None, end, composer, trouble)


def _document(composer: Composer) -> tuple[Tree, int]:
    """The tree of the only document, and the offset up to which the text was read."""
    events = composer.events()
    next(events)
    event = next(events)
    tree: Tree = None
    if isinstance(event, DocumentStartEvent):
        composer.check_directives(event)
        tree, _ = composer.node(next(events))
        while isinstance(event := next(events), DocumentEndEvent):
            pass
    if isinstance(event, DocumentStartEvent):
        message = say("a second document begins here: a file holds one")
        span = composer.lines.span(*offsets(event))
        composer.findings.add("multiple-documents", span, message, say('remove the line "---", or put what follows into a file of its own'))
        return tree, offsets(event)[0]
    if tree is None and isinstance(event, StreamEndEvent) and not any(scalar.end > scalar.start for scalar in composer.written):
        composer.findings.add("empty-file", composer.lines.span(0, 0), say("the file is empty"), say("write the process, or remove the file"))
    return tree, len(composer.lines.text)


def _with_questions(text: str) -> Readable:
    """The text for libyaml, where another character stands for question marks that it would misread."""
    if "?" not in text or not _QUESTION.search(text):
        return Readable(text)
    stand_in = next(letter for letter in map(chr, range(0xE000, 0xF8FF)) if letter not in text)
    return Readable(_QUESTION.sub(stand_in, text), stand_in)
