"""What libyaml cannot read, in an analyst's words: what stands there, and how to write it.

libyaml says what its grammar expected. Each function here knows one mistake that people make and tells it by the text at the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct
from yaml import MarkedYAMLError
from yaml.events import CollectionStartEvent, Event, MappingEndEvent, ScalarEvent, SequenceEndEvent

from bpflow.diagnostics import Message, Span, say
from bpflow.source.lines import Lines, offsets
from bpflow.source.torn import in_quotes

_GLUED_COLON = re.compile(r"\s*(?:- +)*([\w.-]+):(\S.*)")
_STRANGE_INDENT = re.compile("(?m)^ *([\xa0\u202f\u2007\u3000][\xa0\u202f\u2007\u3000 ]*)")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_FARTHEST = 2000  # characters that are searched for the end of a torn value


class Said(Struct, frozen=True):
    """The parts of a finding; and where the text stands that it is about, if that is one value and all else can be read without it."""

    rule: str
    span: Span
    message: Message
    hint: Message
    mend: tuple[int, int] | None = None


class Trouble(Struct, frozen=True):
    """Where libyaml stopped (`at`), where what it was reading began (`since`), what it says, the event before, and whether `{` or `[` is open."""

    lines: Lines
    at: int
    since: int
    problem: str
    reading: str
    last: Event | None
    flow: bool

    @classmethod
    def of(cls, error: MarkedYAMLError, lines: Lines, last: Event | None, flow: bool) -> Trouble:
        at = error.problem_mark.index if error.problem_mark else len(lines.text)
        since = error.context_mark.index if error.context_mark else at
        return cls(lines, min(at, len(lines.text)), since, error.problem or "", error.context or "", last, flow)

    @property
    def sign(self) -> str:
        """The character at which libyaml stopped; empty at the end of the file."""
        return self.lines.text[self.at : self.at + 1]

    def line_number(self, offset: int) -> int:
        return self.lines.place(offset)[0]

    def indent(self, offset: int) -> int:
        """With how many spaces the line of a character begins."""
        line = self.lines.line(offset)
        return len(line) - len(line.lstrip(" "))

    def follows(self, *kinds: type[Event]) -> bool:
        """The event before is one of `kinds`, and only blanks stand between it and the place."""
        if not isinstance(self.last, kinds) or self.last is None:
            return False
        start, end = offsets(self.last)
        return start < end <= self.at and not self.lines.text[end : self.at].strip(" \t")

    def quoted(self) -> ScalarEvent | None:
        """The quoted text that ends just before the place."""
        return self.last if self.follows(ScalarEvent) and isinstance(self.last, ScalarEvent) and self.last.style in ("'", '"') else None

    def starts_in(self, mended: tuple[int, ...]) -> bool:
        """The event before is a value that was mended: what follows from that is no news."""
        return isinstance(self.last, ScalarEvent) and offsets(self.last)[0] in mended

    def strange_indent(self, text: str) -> tuple[int, int] | None:
        """Where, in what libyaml read last of `text`, a line is indented by something that looks like spaces."""
        start = min(offsets(self.last)[0], self.at) if self.last else self.at
        found = _STRANGE_INDENT.search(text, self.lines.line_start(start), self.lines.line_end(self.at))
        return found.span(1) if found else None

    def value(self, start: int) -> str:
        """The value that begins at `start` as it was probably meant: to the end of its line, or of its entry in `{…}`."""
        before = self.lines.text[self.lines.line_start(start) : start]
        opened = any(before.count(sign) > before.count(closing) for sign, closing in ("{}", "[]"))  # libyaml reads a whole line ahead
        end = _entry_end(self.lines.text, start, self.flow or opened)
        return self.lines.text[start:end].rstrip(" \t")

    def explained(self) -> Said:
        """The finding for what libyaml could not read."""
        for problem, explanation in _EXPLANATIONS:
            if problem in self.problem and (said := explanation(self)):
                return said
        message = say("YAML cannot read the text from here on: {problem}", problem=self.problem)
        return Said("yaml-syntax", _to_line_end(self, self.at), message, say("compare this line and the one above with the examples in the manual"))

    def about(self, rule: str, start: int, span: Span, message: Message, hint: Message | None = None) -> Said:
        """A finding about the value that begins at `start`, whose remedy is to quote it."""
        value = self.value(start)
        return Said(rule, span, message, hint or in_quotes(value), (start, start + len(value)) if value else None)


def _entry_end(text: str, start: int, flow: bool) -> int:
    depth, quote = 0, ""
    for at in range(start, min(len(text), start + _FARTHEST)):
        sign = text[at]
        if sign in "\r\n\x85\u2028\u2029" or (not quote and sign == "#" and text[at - 1] in " \t"):
            return at
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not (at > start and text[at - 1].isalnum()):
            quote = sign
        elif sign in _CLOSING:
            depth += 1
        elif sign in ")]}" and flow and depth == 0:
            return at
        elif sign in ")]}":
            depth -= 1
        elif sign == "," and flow and depth == 0:
            return at
    return min(len(text), start + _FARTHEST)


def _entry_start(text: str, since: int, at: int) -> int:
    """Where the value begins, in the entry of the `{…}` or `[…]` from `since` on, in which `at` stands."""
    start = since + 1
    while (end := _entry_end(text, start, True)) < at and text[end : end + 1] == ",":
        start = end + 1
    key = re.compile(r"[ \t\r\n]*(?:[^\s:,\"']+:[ \t\r\n]+)?").match(text, start)
    return key.end() if key else start


def _nested(trouble: Trouble) -> Said:
    """What is so deep that libyaml gives up (from 0.2.6 on) before anything of it can be counted here."""
    return Said("too-deep", trouble.lines.span(trouble.at, trouble.at + 1), say("values are nested too deep here"), say("nest less: divide the file"))


def _to_line_end(trouble: Trouble, start: int) -> Span:
    return trouble.lines.span(start, max(start + 1, trouble.lines.line_end(start)))


def _tab(trouble: Trouble) -> Said | None:
    text, at = trouble.lines.text, trouble.at
    if trouble.sign != "\t":
        return None
    end = at + len(text[at:]) - len(text[at:].lstrip("\t"))
    message = say("there is a tab at the beginning of the line: YAML indents by spaces only")
    return Said("tab", trouble.lines.span(at, end), message, say("replace it by spaces; editors can be set to insert spaces for Tab"))


def _first_sign(trouble: Trouble) -> Said | None:
    """A value that begins with a sign which has a meaning in YAML."""
    start = trouble.since
    sign = trouble.lines.text[start : start + 1]
    if sign not in tuple("@`%*&!|>?"):
        return None
    message = say('a value cannot begin with "{sign}": the sign has a meaning of its own in YAML', sign=sign)
    if sign == "%" and start == trouble.lines.line_start(start):
        message = say("a line that begins with % sets how YAML is read: the language has no such lines")
        return Said("tag", _to_line_end(trouble, start), message, say("remove it; if it is text, put it in quotes"))
    hint = None
    if sign in "|>":
        hint = say("{quotes}; a block of text begins on the next line", quotes=in_quotes(trouble.value(start)))
    return trouble.about("tag" if sign == "!" else "yaml-syntax", start, trouble.lines.span(start, start + 1), message, hint)


def _second_colon(trouble: Trouble) -> Said | None:
    last, lines = trouble.last, trouble.lines
    if not trouble.follows(ScalarEvent) or last is None:
        return _after_bracket(trouble) if trouble.follows(SequenceEndEvent, MappingEndEvent) else None
    start = offsets(last)[0]
    if trouble.line_number(start) == trouble.line_number(trouble.at):
        if not lines.text[trouble.at + 1 : lines.line_end(trouble.at)].strip():
            hint = say("begin it on a line of its own, indented under the key before it")
            return Said("yaml-syntax", lines.span(start, trouble.at + 1), say("a second key stands on the line of a key"), hint)
        message = say("a colon with a blank after it, inside a value, makes YAML take the value for a key")
        return trouble.about("yaml-syntax", start, lines.span(trouble.at, trouble.at + 1), message)
    if not lines.text[lines.line_start(start) : start].strip(" -"):
        return _no_colon(trouble, start)
    if glued := _GLUED_COLON.match(lines.line(start)):
        return _no_blank(trouble, start, glued)
    message = say("this line is indented as if it continued the value on line {line}", line=trouble.line_number(start))
    begin = lines.line_start(trouble.at) + trouble.indent(trouble.at)
    hint = say("begin it under the key on that line, if it is a key beside that one; if it belongs under that key, remove the value there")
    return Said("yaml-syntax", lines.span(begin, trouble.at), message, hint)


def _no_blank(trouble: Trouble, start: int, glued: re.Match[str]) -> Said:
    begin = trouble.lines.line_start(start) + glued.start(1)
    message = say('"{text}" has no blank after the colon', text=f"{glued[1]}:{glued[2]}"[:60])
    return Said("yaml-syntax", _to_line_end(trouble, begin), message, say('write "{text}"', text=f"{glued[1]}: {glued[2]}"[:60]))


def _dash(trouble: Trouble) -> Said:
    message = say("a list cannot begin on the line of its key")
    hint = say('begin each item on a line of its own; if "-" belongs to the value, {quotes}', quotes=in_quotes(trouble.value(trouble.at)))
    return Said("yaml-syntax", trouble.lines.span(trouble.at, trouble.at + 1), message, hint)


def _no_colon(trouble: Trouble, start: int = -1) -> Said:
    lines, start = trouble.lines, trouble.since if start < 0 else start
    if glued := _GLUED_COLON.match(lines.line(start)):
        return _no_blank(trouble, start, glued)
    message = say('this line is neither "key: value" nor the rest of the value above')
    hint = say("write a colon and a blank after the key; indent the further lines of a value deeper than its key")
    return Said("yaml-syntax", _to_line_end(trouble, start), message, hint)


def _in_brackets(trouble: Trouble) -> Said:
    """Something that is neither a comma nor the closing bracket, inside `{…}` or `[…]`."""
    text, at, since = trouble.lines.text, trouble.at, trouble.since
    later = trouble.line_number(at) > trouble.line_number(since)
    if not trouble.sign or (later and trouble.indent(at) <= trouble.indent(since) and trouble.sign not in "]})"):
        return _open_bracket(trouble)
    start = _entry_start(text, since, at)
    if start >= at or trouble.line_number(start) != trouble.line_number(at):
        message = say("a comma is missing before this, or a closing bracket")
        hint = say("write a comma between the entries; put a value with signs of its own in quotes")
        return Said("yaml-syntax", trouble.lines.span(at, at + 1), message, hint)
    value = trouble.value(start)
    message = say('inside braces and brackets the sign "{sign}" ends a value: the rest is torn off', sign=trouble.sign)
    if trouble.quoted():
        message = say("the value goes on after its closing quote")
    return trouble.about("torn-value", start, trouble.lines.span(start, start + len(value)), message)


def _open_bracket(trouble: Trouble) -> Said:
    last = trouble.last
    opening = offsets(last)[0] if isinstance(last, CollectionStartEvent) and last.flow_style else trouble.since
    sign = trouble.lines.text[opening : opening + 1]
    if sign not in _CLOSING:
        return Said("yaml-syntax", _to_line_end(trouble, trouble.at), say("a bracket is not closed"), say("close it"))
    message = say('the bracket "{sign}" is never closed', sign=sign)
    return Said("yaml-syntax", trouble.lines.span(opening, opening + 1), message, say('write "{closing}" where it ends', closing=_CLOSING[sign]))


def _in_block(trouble: Trouble) -> Said:
    if last := trouble.quoted():
        return _after_quote(trouble, last)
    if trouble.follows(MappingEndEvent, SequenceEndEvent):
        return _after_bracket(trouble)
    if trouble.sign == ":":
        return _no_key(trouble)
    return _indentation(trouble)


def _no_key(trouble: Trouble) -> Said:
    span = trouble.lines.span(trouble.at, trouble.at + 1)
    return Said("key-not-text", span, say("a key is missing before the colon"), say("write a name before the colon"))


def _after_quote(trouble: Trouble, last: ScalarEvent) -> Said:
    """`last` is a quoted text, and something follows its closing quote."""
    (start, end), lines = offsets(last), trouble.lines
    if trouble.line_number(start) != trouble.line_number(end):
        message = say("the quote that opens here is closed only on line {line}, and more follows there", line=trouble.line_number(end))
        return Said("yaml-syntax", _to_line_end(trouble, start), message, say("close the quote where the text ends"))
    if lines.text[start] == "'" and end == trouble.at and trouble.sign.isalnum():
        message = say("the apostrophe inside the text ends it, because it opened with the same sign")
        hint = say("write the apostrophe twice, or put the text in double quotes")
        return trouble.about("yaml-syntax", start, lines.span(end - 1, end), message, hint)
    return trouble.about("yaml-syntax", start, _to_line_end(trouble, trouble.at), say("the value goes on after its closing quote"))


def _after_bracket(trouble: Trouble) -> Said:
    message = say("the value goes on after its closing bracket")
    hint = say("put the whole value in quotes, or remove what follows the bracket")
    return Said("yaml-syntax", _to_line_end(trouble, trouble.at), message, hint)


def _indentation(trouble: Trouble) -> Said:
    here, block = trouble.lines.place(trouble.at)[1] - 1, trouble.lines.place(trouble.since)[1] - 1
    span = _to_line_end(trouble, trouble.at)
    dash = trouble.lines.text.startswith(("- ", "-\n"), trouble.at)
    if "<document start>" not in trouble.problem and here == block and dash:
        return Said("yaml-syntax", span, say("an item of a list stands among keys"), say("write the key of the list above it, or indent it under its key"))
    if "'-'" in trouble.problem and here == block:
        return Said("yaml-syntax", span, say('a line without "- " stands among the items of a list'), say('begin it with "- ", or indent it under its item'))
    message = say("the indentation of this line, {count}, fits no line above it", count=here)
    return Said("yaml-syntax", span, message, say("give it as many spaces as the lines that it belongs with"))


def _open_quote(trouble: Trouble) -> Said:
    message = say("the quote that opens here is never closed")
    return Said("yaml-syntax", _to_line_end(trouble, trouble.since), message, say("close the quote where the text ends"))


def _escape(trouble: Trouble) -> Said:
    start = max(trouble.since, trouble.lines.text.rfind("\\", 0, trouble.at + 1))
    text = trouble.lines.text[start : start + 2]
    message = say("inside double quotes a backslash begins a sign of its own, and there is none like this: {text}", text=text)
    hint = say("write the backslash twice, or put the text in single quotes")
    return Said("yaml-syntax", trouble.lines.span(start, start + 2), message, hint)


def _no_value(trouble: Trouble) -> Said:
    if not trouble.sign:
        return _open_bracket(trouble)
    if trouble.sign == ":":
        return _no_key(trouble)
    message = say('a value is expected here, not "{sign}"', sign=trouble.sign)
    hint = say("remove the sign; if it belongs to a value, put the value in quotes")
    span = trouble.lines.span(trouble.at, trouble.at + 1)
    return trouble.about("yaml-syntax", trouble.at, span, message, hint) if trouble.sign == "?" else Said("yaml-syntax", span, message, hint)


Explanation = Callable[[Trouble], Said | None]
# The first part of libyaml's words that is found, with the explanation that has something to say.
_EXPLANATIONS: tuple[tuple[str, Explanation], ...] = (
    ("", _tab),
    ("character that cannot start any token", _first_sign),
    ("alphabetic or numeric character", _first_sign),
    ("comment or line break", _first_sign),
    ("whitespace or line break", _first_sign),
    ("expected tag URI", _first_sign),
    ("expected '!'", _first_sign),
    ("tag handle", _first_sign),
    ("expected '>'", _first_sign),
    ("mapping keys are not allowed", _first_sign),
    ("indentation indicator", _first_sign),
    ("incompatible YAML", _first_sign),
    ("directive", _first_sign),
    ("mapping values are not allowed", _second_colon),
    ("block sequence entries are not allowed", _dash),
    ("could not find expected ':'", _no_colon),
    ("unexpected end of stream", _open_quote),
    ("unexpected document indicator", _open_quote),
    ("expected ',' or", _in_brackets),
    ("expected key", _in_block),
    ("expected '-' indicator", _in_block),
    ("<document start>", _in_block),
    ("unknown escape character", _escape),
    ("hexdecimal number", _escape),
    ("invalid Unicode character escape", _escape),
    ("expected node content", _no_value),
    ("maximum nesting depth", _nested),
)
