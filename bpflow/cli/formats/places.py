"""Where a finding is, as other programs want to be told: files from the working directory, columns in their units, and a mark that stays."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bpflow.diagnostics import Diagnostic, with_hint


def relative(file: str) -> str:
    """The name of a file from the working directory, with `/`."""
    return Path(os.path.relpath(file)).as_posix()


def sentence(finding: Diagnostic, language: str) -> str:
    """What a finding says, with its hint."""
    return with_hint(finding.message, finding.hint).text(language)


def line_of(finding: Diagnostic, sources: Mapping[str, str]) -> str:
    """The line in which a finding begins; empty where there is none."""
    return line_at(finding.span.file, finding.span.line, sources)


def line_at(file: str, line: int, sources: Mapping[str, str]) -> str:
    """A line of a file by its number, from 1."""
    lines = sources.get(file, "").splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else ""


def in_utf16(line: str, column: int) -> int:
    """A column that counts characters, as one that counts UTF-16 code units: a character beyond the first 65,536 is two."""
    return column + sum(ord(letter) > 0xFFFF for letter in line[: column - 1])


def marked(findings: Iterable[Diagnostic], sources: Mapping[str, str]) -> Iterator[tuple[Diagnostic, str]]:
    """The findings, each with a mark by which it is known again although lines above it come and go.

    The mark is made of the file, the rule, and what stands in the line; of several that have the same, of their number too.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        what = (relative(finding.span.file), finding.rule, line_of(finding, sources).strip())
        seen[what] += 1
        yield finding, hashlib.sha256("\0".join([*what, str(seen[what])]).encode()).hexdigest()
