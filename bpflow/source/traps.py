"""What can be seen in the text itself: invisible characters, tabs, and `#` where a reader and YAML disagree about it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from operator import attrgetter

from bpflow.diagnostics import Severity, say
from bpflow.source.lines import Findings, Lines, Written
from bpflow.source.torn import in_quotes, shortened
from bpflow.source.tree import Comment

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STRANGE_BREAK = re.compile("[\x85\u2028\u2029]")
_INVISIBLE = {
    "\xa0": say("no-break space"),
    "\u202f": say("narrow no-break space"),
    "\u2007": say("figure space"),
    "\u3000": say("ideographic space"),
    "\xad": say("soft hyphen"),
    "\u200b": say("zero-width space"),
    "\u200e": say("left-to-right mark"),
    "\u200f": say("right-to-left mark"),
    "\u2060": say("word joiner"),
    "\ufeff": say("zero-width no-break space"),
}
_FIRST_TABS = re.compile(r"(?m)^\t+")
_TABS = re.compile("\t+")
_INVISIBLE_SPACE = re.compile(f"[{''.join(_INVISIBLE)}]+")
_REST_IS_NOTHING = re.compile(r"[ \t]*(?:[\r\n#]|$)")
_LOST = "\ufffd"
_GLUED = re.compile(r"\S#")
_NAME_WITH_HASH = re.compile(r"(?<!\w)[A-ZА-Я]#(?!\w)")  # C#
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def look_at_characters(lines: Lines, findings: Findings) -> bool:
    """Report characters that no text has. False where YAML can't be read because of them."""
    readable = True
    for found in _UNREADABLE.finditer(lines.text):
        readable = False
        message = say("there is an invisible control character here, {code}", code=f"U+{ord(found[0]):04X}")
        findings.add("control-character", lines.span(*found.span()), message, say("delete it"))
        if findings.full("control-character"):
            break
    for found in _STRANGE_BREAK.finditer(lines.text) if readable else ():
        message = say("there is an unusual line break here, {code}", code=f"U+{ord(found[0]):04X}")
        findings.add("control-character", lines.span(found.start(), found.start()), message, say("delete it and break the line with Enter"))
        if findings.full("control-character"):
            break
    if (lost := lines.text.find(_LOST)) >= 0:
        message = say('there is the sign "{sign}" here: text was lost when the file was converted', sign=_LOST)
        findings.add("encoding", lines.span(lost, lost + 1), message, say("type the lost text again"), Severity.WARNING)
    return readable


def report_invisible(lines: Lines, findings: Findings, start: int, end: int) -> None:
    """Report the characters from `start` up to `end` that look like spaces, or like nothing."""
    for found in _INVISIBLE_SPACE.finditer(lines.text, start, end):
        name, code = _INVISIBLE[found[0][0]], f"U+{ord(found[0][0]):04X}"
        message = say("there is a {name} here, {code}: it cannot be seen and is not a space for YAML", name=name, code=code)
        hint = say("replace it by an ordinary space, or delete it; if it belongs to a text, put the text in quotes")
        findings.add("no-break-space", lines.span(*found.span()), message, hint)
        if findings.full("no-break-space"):
            return


class Reader:
    """Looks over the text between and inside the scalars of a file, up to `end`: how far libyaml came."""

    def __init__(self, lines: Lines, findings: Findings, written: list[Written], end: int) -> None:
        self._lines, self._findings, self._written, self._end = lines, findings, written, end
        self._comments: list[tuple[int, int]] = []

    def look_over(self) -> list[Comment]:
        """Report hashes, tabs and invisible spaces; the comments."""
        self._hashes()
        self._spaces("tab", _TABS, self.tab)
        self._spaces("no-break-space", _INVISIBLE_SPACE, partial(report_invisible, self._lines, self._findings))
        return [Comment(self._lines.span(start, end), self._lines.text[start + 1 : end]) for start, end in self._comments]

    def _scalar(self, offset: int) -> Written | None:
        """The scalar in which a character stands, or the last one before it."""
        number = bisect_right(self._written, offset, key=attrgetter("start"))
        return self._written[number - 1] if number else None

    def _hashes(self) -> None:
        text, at = self._lines.text, 0
        while (at := text.find("#", at, self._end)) >= 0:
            scalar = self._scalar(at)
            if scalar and at < scalar.end:
                if scalar.style == "plain":
                    self._glued(scalar)
                at = scalar.end
                continue
            end = self._lines.line_end(at)
            self._comments.append((at, end))
            if at and text[at - 1] not in " \t\r\n\x85\u2028\u2029":
                self._close(at)
            elif scalar and scalar.style == "plain" and not text[scalar.end : at].strip(" \t"):
                self._cut(scalar, at, end)
            at = end

    def _glued(self, scalar: Written) -> None:
        """`text#comment`: a comment begins only after a blank, and a reader may not know."""
        text = self._lines.text
        for found in _GLUED.finditer(text, scalar.start, scalar.end):
            word = text[text.rfind(" ", 0, found.end()) + 1 : found.end()]
            if "://" in word or text.count('"', scalar.start, found.start()) % 2 or _NAME_WITH_HASH.match(text, found.start()):
                continue
            self._close(found.end() - 1)
            return

    def _close(self, at: int) -> None:
        message = say('"#" stands close to what is before it: a comment begins only after a blank')
        hint = say('put a blank before "#" if a comment begins there; if it belongs to the value, put the value in quotes')
        self._findings.add("hash-glued", self._lines.span(at, at + 1), message, hint, Severity.WARNING)

    def _cut(self, scalar: Written, at: int, end: int) -> None:
        """`text #5`: what follows is a comment, and may have been meant as text."""
        value, rest = self._lines.text[scalar.start : scalar.end], self._lines.text[at:end]
        inside = _is_open(value) and any(sign in rest for sign in "\"')]}")
        if not inside and not re.match(r"#\w", rest):
            return
        message = say('" #" begins a comment: the value is only "{value}"', value=shortened(value))
        span = self._lines.span(at, end)
        if inside:
            self._findings.add("hash-cut", span, message, in_quotes(self._lines.text[scalar.start : end]))
        else:
            hint = say('write "# " before a comment; if "#" belongs to the value, put the value in quotes')
            self._findings.add("hash-cut", span, message, hint, Severity.WARNING)

    def _spaces(self, rule: str, pattern: re.Pattern[str], report: Callable[[int, int], None]) -> None:
        """Report what `pattern` finds outside of comments and of quoted and block text."""
        at = 0
        while (found := pattern.search(self._lines.text, at, self._end)) and not self._findings.full(rule):
            at, end = found.span()
            scalar, number = self._scalar(at), bisect_right(self._comments, (at, self._end))
            if scalar and at < scalar.end and scalar.style != "plain":
                at = scalar.end
            elif number and at < self._comments[number - 1][1]:
                at = self._comments[number - 1][1]
            else:
                report(at, end)
                at = end

    def tab(self, start: int, end: int) -> None:
        """Report a tab, unless nothing or only a comment follows it."""
        if _REST_IS_NOTHING.match(self._lines.text, end):
            return
        if not self._lines.text[self._lines.line_start(start) : start].strip(" "):
            message = say("there is a tab at the beginning of the line: YAML indents by spaces only")
            self._findings.add("tab", self._lines.span(start, end), message, say("replace it by spaces; editors can be set to insert spaces for Tab"))
        else:
            self._findings.add("tab", self._lines.span(start, end), say("there is a tab here"), say("replace it by a space"))

    def look_behind(self, line_of_error: int) -> None:
        """Report what can still be told beyond a syntax error: tabs that begin a line, and invisible spaces in the line of the error."""
        text = self._lines.text
        for found in _FIRST_TABS.finditer(text, self._end):
            self.tab(*found.span())
            if self._findings.full("tab"):
                break
        start = max(self._end, self._lines.line_start(line_of_error))
        report_invisible(self._lines, self._findings, start, self._lines.line_end(line_of_error))


def _is_open(value: str) -> bool:
    """A quote or bracket is opened in `value` and not closed."""
    return bool(value.count('"') % 2) or any(value.count(sign) > value.count(closing) for sign, closing in _CLOSING.items())
