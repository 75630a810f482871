"""One process: from its text to its graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic import ValidationError

from bpflow.checks import Subject, check
from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.definition.reading import Reading
from bpflow.definition.step import Step
from bpflow.diagnostics import Diagnostic, Severity, in_order
from bpflow.expressions import SITUATION_NAMES
from bpflow.graph import Graph, Place
from bpflow.loading.models import merged, or_refused
from bpflow.loading.silencing import Heeded, Silence, Silenced, silences_in
from bpflow.loading.surroundings import Surroundings, find_workspace, known_activities, load_surroundings
from bpflow.schema.found import Rest
from bpflow.schema.shape import process_shape
from bpflow.source import Items, Source, Table, Text, Tree, read_file, read_source
from bpflow.values import DocumentType

Activities: TypeAlias = Mapping[str, type[Step]]


class Loaded(Struct, frozen=True):
    """A process as loaded.

    `process` is None where its file cannot be read as one; `graph` is None unless it is fit to be run: there is no error among the
    findings. `sources` is the text of each file that findings are about. `silenced` are the findings that are not told, `silences` the comments
    that silence rules, and `subject` is what the rules have looked at, where they have.
    """

    process: Process | None
    graph: Graph | None
    findings: list[Diagnostic]
    sources: dict[str, str]
    silenced: list[Silenced] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    subject: Subject | None = None


def load_process(path: Path | str, *, activities: Activities | None = None, surroundings: Surroundings | None = None) -> Loaded:
    """The process in a file, with the document types of the nearest workspace, unless its `surroundings` are given.

    `activities` may be used besides those that are installed. Findings name the file as `path` does. What is wrong with the
    workspace's own files is among them, where they had to be read.
    """
    path = Path(path)
    source = read_file(path, str(path))
    if surroundings is not None:
        return _load(source, surroundings)
    folder = find_workspace(path)
    around = load_surroundings(folder, activities) if folder else Surroundings(activities=known_activities(activities))
    return _with_around(_load(source, around), around)


def load_text(
    text: str | bytes,
    file: str = "process.yaml",
    types: Mapping[str, DocumentType] | None = None,
    *,
    timezone: str = "UTC",
    activities: Activities | None = None,
) -> Loaded:
    """The process in a text; `file` is what findings call it, `types` are the document types that it may use.

    `activities` may be used besides those that are installed.
    """
    around = Surroundings(types=dict(types or {}), activities=known_activities(activities))
    return _with_around(_load(read_source(text, file), around, timezone), around)


def _with_around(loaded: Loaded, around: Surroundings) -> Loaded:
    """The process with what there is to say of the workspace's files that had to be read, and of its comments."""
    own, sources = around.heeded(around.findings, around.silences), {**around.sources, **loaded.sources}
    heeded = Heeded([*own.findings, *loaded.findings], [*own.silenced, *loaded.silenced])
    heeded = around.with_idle(heeded, [*around.silences, *loaded.silences], whole=around.folder is None)
    return replace(loaded, findings=heeded.findings, sources=sources, silenced=heeded.silenced)


def _load(source: Source, around: Surroundings, timezone: str | None = None) -> Loaded:
    sources = {source.file: source.text}
    if not isinstance(source.tree, Table):
        shape = () if source.findings else process_shape(source.tree, source, around.activities).findings
        return Loaded(None, None, in_order([*source.findings, *shape]), sources)
    examined = _Examined(source, source.tree, around, timezone or around.timezone)
    silences = silences_in(source)
    heeded = around.heeded(examined.findings, silences)
    fit = not any(finding.severity is Severity.ERROR for finding in heeded.findings)
    return Loaded(examined.process, examined.graph if fit else None, heeded.findings, sources, heeded.silenced, silences, examined.subject)


_TORN = ("unknown-step", "jump-into-block", "jump-out-of-parallel", "unknown-stage", "stage-field")
"""With these, ways are missing from the graph."""


class _Examined:
    """The way of one tree through the rooms."""

    def __init__(self, source: Source, tree: Table, around: Surroundings, timezone: str) -> None:
        self.source, self.around, self.timezone = source, around, timezone
        self.types, self.services, self.activities, self.unread = around.types, around.services, around.activities, frozenset(around.unread)
        self.process: Process | None = None
        self.graph: Graph | None = None
        self.subject: Subject | None = None
        reading = Reading(source.file, self.activities)
        shape = process_shape(tree, source, self.activities)
        try:
            self.process = Process.model_validate(tree, context=reading)
        except ValidationError as error:
            shape = or_refused(shape, error, source)
        found = self._whole(self.process, reading) if self.process else self._rest(shape.rest, reading) if shape.rest else []
        self.findings = merged(source, shape, [*reading.findings, *found])

    def _whole(self, process: Process, reading: Reading, lost: frozenset[str] = frozenset(), complete: bool = True) -> list[Diagnostic]:
        """The findings of lowering and of the rules."""
        compiled = lower(process, self.types, timezone=self.timezone, reading=reading, services=self.services)
        self.graph = compiled.graph
        complete = complete and not any(finding.rule in _TORN for finding in compiled.findings)
        lost |= self.unread
        flawed = not complete or bool(self.source.findings or reading.findings or compiled.findings)
        known = (self.types, lost, complete, flawed, self.services, self.around.people, self.around.settings)
        self.subject = Subject(self.source, process, compiled.graph, compiled.origins, *known)
        return [finding for finding in (*compiled.findings, *check(self.subject)) if not _about_lost(finding, lost)]

    def _rest(self, rest: Rest, reading: Reading) -> list[Diagnostic]:
        """The findings about what can be read of a process with mistakes of shape."""
        from bpflow.schema.standin import STAND_IN, StandIn  # only where something is wrong

        for place in shown_fields(self.source.tree):
            reading.origins.pop(place, None)  # what a broken step shows may be fields, which only its lowering tells from names
        again = Reading(self.source.file, self.activities.with_activities({STAND_IN: StandIn}), origins=reading.origins)
        try:
            process = Process.model_validate(rest.tree, context=again)
        except ValidationError:
            return []
        lost = rest.lost | SITUATION_NAMES.keys()  # a broken step does not say which of its expressions see them
        found = self._whole(process, again, lost, complete=False)
        self.graph = None
        return [*again.findings, *found]


def shown_fields(tree: Tree) -> Iterator[Place]:
    """The places of single words in `show`."""
    if isinstance(tree, Table):
        shown = tree.get("show")
        if isinstance(shown, Items):
            yield from ((item.span.line, item.span.column) for item in shown if isinstance(item, Text) and item.isidentifier())
    for one in tree.values() if isinstance(tree, Table) else tree if isinstance(tree, Items) else ():
        yield from shown_fields(one)


def _about_lost(finding: Diagnostic, lost: frozenset[str]) -> bool:
    values = finding.message.values
    return finding.rule.startswith(("unknown-", "jump-", "wrong-type")) and not lost.isdisjoint({str(values.get(key)) for key in ("name", "field", "type")})
