"""What `bpflow validate` says of a mutant.

The law of this file: a mutant is a file in a workspace, and goes the whole way that every file goes, through `load_workspace`. What has not
changed since the last time is not read again, and that is all that is done differently here.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from bpflow.checks import Subject
from bpflow.diagnostics import Diagnostic, Severity
from bpflow.graph import Graph
from bpflow.loading import Loaded, LoadedWorkspace, load_workspace
from bpflow.loading import process as reading
from bpflow.loading import workspace as gathering
from bpflow.source import Source
from tests.mutation.editing import Change, Original
from tests.mutation.kinds import Kind
from tests.mutation.playing import Theatre


@dataclass(frozen=True)
class Mutant:
    """A mutant and what became of it. `apart`: it does something else than its original, or cannot be run at all; `found`: the checker
    gives an error or a warning; `advised`: only advice; `failed`: a scenario is not fulfilled."""

    kind: Kind
    process: str
    change: Change
    apart: bool
    found: bool
    advised: bool
    failed: bool
    rules: tuple[str, ...]


class Court:
    """A workspace in a folder of its own, in which one file after the other is spoilt and mended."""

    def __init__(self, workspace: Path, folder: Path) -> None:
        self.folder = folder / workspace.name
        shutil.copytree(workspace, self.folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        self._loaded: dict[tuple[str, str], Loaded] = {}
        self._around: dict[str, Any] = {}
        self.subject: Subject | None = None
        self.subjects: dict[str, Subject] = {}
        with self._remembering():
            self.workspace = load_workspace(self.folder)
        self.before = Counter(map(_what, self.workspace.findings))
        self.theatre = Theatre(self.workspace)

    @property
    def originals(self) -> Iterator[Original]:
        """The processes of the workspace."""
        graphs = {name: subject.graph for name, subject in self.subjects.items()}
        for name, subject in sorted(self.subjects.items()):
            yield Original(name, subject.source, subject, self.workspace.documents, graphs)

    def judge(self, kind: Kind, original: Original, change: Change) -> Mutant:
        """Loads the workspace with a mutant in it, and plays the mutant."""
        workspace, subject = self._with(original.source, change.text)
        findings = self.new(workspace.findings)
        grave = [one for one in findings if one.severity is not Severity.ADVICE]
        graph = _compiled(workspace, subject, original.name)
        apart, failed = (True, True) if graph is None else self.theatre.told_apart(original.name, graph, bool(grave))
        rules = tuple(one.rule for one in grave or findings)
        return Mutant(kind, original.name, change, apart, bool(grave), bool(findings), failed, rules)

    def new(self, findings: list[Diagnostic]) -> list[Diagnostic]:
        """Those that the original has not."""
        left, found = Counter(self.before), list[Diagnostic]()
        for one in findings:
            left[_what(one)] -= 1
            if left[_what(one)] < 0:
                found.append(one)
        return found

    def _with(self, source: Source, text: str) -> tuple[LoadedWorkspace, Subject | None]:
        path = Path(source.file)
        path.write_text(text, encoding="utf-8", newline="")
        self.subject = None
        try:
            with self._remembering(path):
                return load_workspace(self.folder), self.subject
        finally:
            path.write_text(source.text, encoding="utf-8", newline="")

    @contextmanager
    def _remembering(self, spoilt: Path | None = None) -> Iterator[None]:
        load, around, check = gathering.load_process, gathering.load_surroundings, reading.check

        def load_once(path: Path, **more: Any) -> Loaded:
            key = str(path)
            if path == spoilt:
                return load(path, **more)
            if key not in self._loaded:
                self._loaded[key] = load(path, **more)
                if self.subject is not None:
                    self.subjects[str(self.subject.process.id)] = self.subject
            return self._loaded[key]

        def around_once(*args: Any) -> Any:
            found = self._around.setdefault("around", None) or around(*args)
            self._around["around"] = found
            return found

        def noted(subject: Subject) -> list[Diagnostic]:
            self.subject = subject
            return check(subject)

        named = {"load_process": load_once, "load_surroundings": around_once}
        with patch.multiple(gathering, **named), patch.object(reading, "check", noted):
            yield


def _compiled(workspace: LoadedWorkspace, subject: Subject | None, name: str) -> Graph | None:
    """The graph of a mutant, also where there are errors in it; None where the file cannot be read to its end, or ways lead nowhere."""
    loaded = workspace.processes.get(name)
    if loaded is None or loaded.process is None or subject is None or not subject.complete:
        return None
    return loaded.graph or replace(subject.graph, source="")


def _what(finding: Diagnostic) -> tuple[str, str, str]:
    return finding.span.file, finding.rule, str(finding.message)
