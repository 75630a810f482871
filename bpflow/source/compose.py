"""From libyaml's events to the tree, with the findings that only the events show.

The law of this file: an event is looked at once, in its order, and nothing is expanded. So a file costs what its length costs:
aliases are findings and never followed, and depth and number are checked before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from bpflow.diagnostics import Message, Severity, Span, say
from bpflow.source.lines import Findings, Lines, Written, offsets
from bpflow.source.scalars import NotANumber, loses_its_look, read_plain
from bpflow.source.torn import Torn, mixed_letters
from bpflow.source.tree import Items, Table, Text, Tree

DEEPEST = 60
MOST_NODES = 200_000

_STYLES = {None: "plain", "": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}
_EDGES = {"plain": 0, "single": 2, "double": 2}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_PROPERTIES = re.compile(r"(?:[&!]\S*\s*)+")
_COLON = re.compile(r"\s*:")
_END_OF_ENTRY = re.compile(r"\s*[,}]")


class Readable(Struct, frozen=True):
    """The file's text as libyaml gets it, of the same length.

    `stand_in` is the character that stands for question marks which libyaml would misread. From the offsets `mended` on stand values
    with which it could do nothing, overwritten: each is reported already.
    """

    text: str
    stand_in: str = ""
    mended: tuple[int, ...] = ()

    def mend(self, start: int, end: int) -> Readable:
        """The text with one value more overwritten."""
        return Readable(self.text[:start] + "x" * (end - start) + self.text[end:], self.stand_in, (*self.mended, start))

    def indented(self, start: int, end: int) -> Readable:
        """The text with spaces in one more place."""
        return Readable(self.text[:start] + " " * (end - start) + self.text[end:], self.stand_in, self.mended)


class TooMuch(Exception):
    """The file is too deep or too long to be read on; the finding is made."""


class Composer:
    """Builds the tree of one file.

    A syntax error is explained by how far it came: `written` are the scalars so far, `last` the last event, and `flow` says
    how many `{` and `[` are open.
    """

    def __init__(self, lines: Lines, findings: Findings, readable: Readable) -> None:
        self.lines, self.findings = lines, findings
        self.written: list[Written] = []
        self.last: Event | None = None
        self.flow = 0
        self._stand_in, self._mended, self._text_read = readable.stand_in, frozenset(readable.mended), readable.text
        self._events: Iterator[Event] = iter(())
        self._nodes = self._depth = 0
        self._end = (1, 1)
        self._torn = Torn(lines, findings)

    def events(self) -> Iterator[Event]:
        """The events of the file. Raises yaml.YAMLError."""
        self._events = self._watched()
        return self._events

    @property
    def reached(self) -> int:
        """The offset behind the last scalar."""
        return self.written[-1].end if self.written else 0

    def check_directives(self, event: DocumentStartEvent) -> None:
        """Report `%YAML` and `%TAG` before a document."""
        if event.version or event.tags:
            start = self.lines.text.find("%")
            message = say("a line that begins with % sets how YAML is read: the language has no such lines")
            self.findings.add("tag", self.lines.span(start, self.lines.line_end(start)), message, say("remove it"))

    def _watched(self) -> Iterator[Event]:
        for event in yaml.parse(self._text_read, Loader=yaml.CSafeLoader):
            yield event
            self.last = event

    def node(self, event: Event) -> tuple[Tree, Span]:
        """The value that begins with `event`, and its place. Raises TooMuch."""
        self._check_size(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, CollectionStartEvent):
            return self._collection(event)
        return self._alias(event)

    def _check_size(self, event: Event, deeper: int = 0) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._too_much("too-many", event, say("the file has more than {limit} values", limit=MOST_NODES), say("divide it into several files"))
        if self._depth + deeper > DEEPEST:
            message = say("values are nested more than {limit} deep here", limit=DEEPEST)
            self._too_much("too-deep", event, message, say("nest less: divide the file"))

    def _too_much(self, rule: str, event: Event, message: Message, hint: Message) -> None:
        self.findings.add(rule, self._span(event), message, hint)
        raise TooMuch

    def _span(self, event: Event) -> Span:
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            return Span(self.lines.file, 1, 1, 1, 1)
        return Span(self.lines.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    # Scalars and aliases

    def _scalar(self, event: ScalarEvent) -> tuple[Tree, Span]:
        text = self._text(event)
        if text.style != "plain" or event.tag:
            return text, text.span
        try:
            value = read_plain(text)
        except NotANumber as problem:
            self.findings.add("number", text.span, problem.message, say("write a number, or put the text in quotes"))
            return text, text.span
        if isinstance(value, str):
            return text, text.span
        if loses_its_look(text, value):
            message = say("{word} is read as the number {value}", word=str(text), value=value)
            hint = say("put it in quotes if it is not a number: {quoted}", quoted=f'"{text}"')
            self.findings.add("number", text.span, message, hint, Severity.WARNING)
        return value, text.span

    def _text(self, event: ScalarEvent) -> Text:
        """A scalar as text with its place, whatever it means."""
        style = _STYLES[event.style]
        start, end = offsets(event)
        value: str = event.value
        if self._stand_in:
            value = value.replace(self._stand_in, "?")
        if event.anchor or event.tag:
            start = self._without_properties(event)
            span = self.lines.span(start, end)
        elif style in _EDGES:
            span = self._span(event)
        else:
            end = start + len(self.lines.text[start:end].rstrip())
            span = self.lines.span(start, end)
        raw = self._text_read[start:end]
        if start in self._mended:
            raw = self.lines.text[start:end]
            value = " ".join(raw.split())
        self.written.append(Written(start, end, style))
        self._end = (span.end_line, span.end_column)
        inner = span.line == span.end_line and style in _EDGES and len(value) + _EDGES[style] == end - start
        return Text(value, span, style, inner, "" if inner else raw)

    def _without_properties(self, event: ScalarEvent | CollectionStartEvent) -> int:
        """Report the anchor and the tag before a value; the offset at which the value itself begins."""
        start, end = offsets(event)
        found = _PROPERTIES.match(self.lines.text, start, end)
        for mark in re.finditer(r"[&!]\S*", found[0] if found else ""):
            span = self.lines.span(start + mark.start(), start + mark.end())
            if mark[0].startswith("&"):
                message = say('"{mark}" is a YAML anchor: the language has none', mark=mark[0])
                self.findings.add("alias", span, message, say('remove it; if "&" belongs to a text, put the text in quotes'))
            else:
                message = say('"{mark}" is a YAML tag: the language has none', mark=mark[0])
                self.findings.add("tag", span, message, say('remove it; if "!" belongs to the value, put the value in quotes'))
        return found.end() if found else start

    def _alias(self, event: Event) -> tuple[Tree, Span]:
        span = self._span(event)
        start, end = offsets(event)
        text = Text(self.lines.text[start:end], span, inner=True)
        message = say('"{mark}" is a YAML alias: the language has none', mark=str(text))
        self.findings.add("alias", span, message, say('write the value out here; if "*" belongs to a text, put the text in quotes'))
        self.written.append(Written(start, end, "plain"))
        self._end = (span.end_line, span.end_column)
        return text, span

    # Collections

    def _collection(self, event: CollectionStartEvent) -> tuple[Tree, Span]:
        self._depth += 1
        if event.anchor or event.tag:
            self._without_properties(event)
        flow = bool(event.flow_style)
        self.flow += flow
        tree = self._table(event, flow) if isinstance(event, MappingStartEvent) else self._items(event, flow)
        self.flow -= flow
        self._depth -= 1
        return tree, tree.span

    def _whole(self, opening: Event, closing: Event, flow: bool) -> Span:
        """The place of a collection. A block ends with its last value: where libyaml ends it, something else begins."""
        start, end = self._span(opening), self._span(closing)
        if flow:
            self._end = (end.end_line, end.end_column)
        return Span(start.file, start.line, start.column, *max(self._end, (start.line, start.column)))

    def _items(self, opening: Event, flow: bool) -> Items:
        items = Items()
        pieces: list[Written | None] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            known = len(self.written)
            if _is_absent(event):
                self.findings.add("empty-value", self._span(event), say("the list has an empty item"), say("write the item, or remove its dash"))
            items.put(*self.node(event))
            pieces.append(self.written[known] if isinstance(event, ScalarEvent) else None)
        items.span = self._whole(opening, event, flow)
        return self._torn.rejoin(items, pieces) if flow else items

    def _table(self, opening: Event, flow: bool) -> Table:
        table = Table()
        before: tuple[Text, Written] | None = None  # the entry before this one, if a comma could have torn its value
        while not isinstance(event := next(self._events), MappingEndEvent):
            key, following = self._key(event), next(self._events)
            if key is None or (key == "<<" and isinstance(following, AliasEvent)):
                _ = self.node(following) if key is None and not _is_absent(following) else None
            elif not _is_absent(following):
                known = len(self.written)
                value, span = self.node(following)
                self._put(table, key, value, span)
                before = (key, self.written[known]) if flow and isinstance(following, ScalarEvent) else None
            elif flow and _END_OF_ENTRY.match(self.lines.text, offsets(event)[1]):
                self._torn.tear(table, before, key, self.written[-1])
            else:
                self._put(table, key, None, key.span)
                if not flow or _COLON.match(self.lines.text, offsets(event)[1]):  # else the next event will be a syntax error
                    self._report_empty(key)
        self._torn.report()
        table.span = self._whole(opening, event, flow)
        return table

    def _put(self, table: Table, key: Text, value: Tree, span: Span) -> None:
        if key in table:
            message = say('the key "{key}" is here already, on line {line}', key=str(key), line=table.key_spans[key].line)
            self.findings.add("duplicate-key", key.span, message, say("keep one of the two"))
        else:
            table.put(key, key.span, value, span)

    def _report_empty(self, key: Text) -> None:
        hint = say('write the value after the colon, or remove "{key}"', key=str(key))
        end = self.written[-1].end
        rest = self.lines.text[end : self.lines.line_end(end)].lstrip(": \t")
        if rest.startswith("#") and rest[1:2].strip():
            hint = say('"#" begins a comment; if it belongs to the value, put the value in quotes: {quoted}', quoted=f'"{rest.rstrip()}"')
        self.findings.add("empty-value", key.span, say('"{key}" has no value', key=str(key)), hint)

    # Keys

    def _key(self, event: Event) -> Text | None:
        """The key that begins with `event`; None where it is no text, which is a finding."""
        self._check_size(event)
        if isinstance(event, ScalarEvent) and (event.style or event.tag or event.value not in _NULLS):
            return self._checked(self._text(event))
        start = offsets(event)[0]
        message, hint = say("a key must be a name, not a list or a table"), say("write a name before the colon, in quotes if it is unusual")
        if isinstance(event, ScalarEvent):
            message = say('"{word}" cannot be a key', word=event.value) if event.value else say("a key is missing before the colon")
        elif start and self.lines.text[start - 1 : start + 1] == "{{":
            hint = say('to put an expression into a text, write "$(…)" and put the text in quotes')
        self.findings.add("key-not-text", self._span(event), message, hint)
        self._skip(event)
        return None

    def _skip(self, event: Event) -> None:
        """Pass over a value of which nothing more is to be said."""
        depth = 0
        while True:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            self._check_size(event, depth)
            if isinstance(event, ScalarEvent):
                self.written.append(Written(*offsets(event), _STYLES[event.style]))
            if depth <= 0:
                return
            event = next(self._events)

    def _checked(self, key: Text) -> Text:
        if key == "<<" and key.style == "plain":
            message = say('"<<" merges by YAML aliases: the language has none')
            self.findings.add("alias", key.span, message, say("write the keys out here"))
        for offset, letter, likeness in () if key.isascii() else mixed_letters(key):
            message = say('in the key "{key}" letter {number} is the Cyrillic "{letter}"', key=str(key), number=offset + 1, letter=letter)
            if letter.isascii():
                message = say('in the key "{key}" letter {number} is the Latin "{letter}"', key=str(key), number=offset + 1, letter=letter)
            hint = say("type it again in the other alphabet: {word}", word=key[:offset] + likeness + key[offset + 1 :])
            self.findings.add("lookalike", key.at(offset), message, hint)
        return key


def _is_absent(event: Event) -> bool:
    """Nothing is written where a value is expected."""
    return isinstance(event, ScalarEvent) and not event.value and not event.style and not event.tag and not event.anchor
