"""A workspace: all processes of a folder with their documents, people and scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from bpflow.checks import RULES, check_calls, check_messages, interfaces
from bpflow.diagnostics import Diagnostic, Severity, Span, say
from bpflow.loading.process import Activities, Loaded, load_process
from bpflow.loading.silencing import Heeded, Silence, Silenced
from bpflow.loading.surroundings import DOCUMENTS, SETTINGS, Surroundings, load_surroundings
from bpflow.values import DocumentType, ServiceType

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile
    from bpflow.definition.settings import Settings

SCENARIOS = ".test.yaml"


class LoadedWorkspace(Struct, frozen=True):
    """A workspace as loaded: `processes` by id, `scenarios` the files of scenarios by the id of their process, `sources` by file name;
    `silenced` are the findings that are not told."""

    folder: Path
    settings: Settings
    directory: DirectoryFile
    documents: dict[str, DocumentType]
    processes: dict[str, Loaded]
    scenarios: dict[str, Path]
    findings: list[Diagnostic]
    sources: dict[str, str]
    silenced: list[Silenced] = field(default_factory=list)


def load_workspace(
    folder: Path | str, *, activities: Activities | None = None, processes: bool = True, services: Mapping[str, ServiceType] | None = None
) -> LoadedWorkspace:
    """All that is in the folder of a workspace. Findings name files as `folder` does.

    `activities` may be used besides those that are installed: a program's own, by name; `services` are a program's own too. Without
    `processes` only what is around them is read: enough to go on with what is deployed, and quick however many there are.
    """
    folder = Path(folder)
    around = load_surroundings(folder, activities, services)
    told = _Told(list(around.findings), dict(around.sources), list(around.silences))
    found: dict[str, Loaded] = {}
    for path, loaded in _processes(folder, around) if processes else ():
        told.take(loaded, _named(path, loaded, found))
        found.setdefault(_id(path, loaded), loaded)
    told.tell_of_all(list(_calls(found)))
    told.findings += [*_not_read(folder), *([] if folder.is_dir() else [_no_folder(folder)])]
    heeded = told.heeded(around, whole=processes)
    scenarios = {path.name.removesuffix(SCENARIOS): path for path in sorted(folder.glob(f"*{SCENARIOS}"))}
    assert around.settings and around.directory  # a workspace has them, whatever is in its files
    return LoadedWorkspace(folder, around.settings, around.directory, around.types, found, scenarios, heeded.findings, told.sources, heeded.silenced)


class _Told(Struct):
    """What there is to say of the files of a workspace, as they are read one after the other."""

    findings: list[Diagnostic]
    sources: dict[str, str]
    silences: list[Silence]
    silenced: list[Silenced] = field(default_factory=list)

    def take(self, loaded: Loaded, more: Iterable[Diagnostic]) -> None:
        """Takes in a process, and what else there is to say of its file."""
        self.findings += [*loaded.findings, *more]
        self.sources |= loaded.sources
        self.silences += loaded.silences
        self.silenced += loaded.silenced

    def tell_of_all(self, more: list[Diagnostic]) -> None:
        """What only all processes together tell. In a file with such a mistake nothing is said that is said last, when there is none."""
        wrong = {finding.span.file for finding in more if finding.severity is Severity.ERROR}
        self.findings = [finding for finding in self.findings if finding.span.file not in wrong or not RULES[finding.rule].last] + more

    def heeded(self, around: Surroundings, *, whole: bool) -> Heeded:
        """What is told of all that and what is silenced, with what the comments do in vain."""
        heeded = around.heeded(self.findings, self.silences)
        heeded.silenced.extend(self.silenced)
        return around.with_idle(heeded, self.silences, whole=whole)


def _processes(folder: Path, around: Surroundings) -> list[tuple[Path, Loaded]]:
    """The processes with their files; those that are called as their files come first, so that a copy is told from its original."""
    others = {SETTINGS, around.directory_name}
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.name not in others and not path.name.endswith(SCENARIOS)]
    loaded = [(path, load_process(path, surroundings=around)) for path in paths]
    return sorted(loaded, key=lambda one: one[0].stem != _id(*one))


def _calls(processes: Mapping[str, Loaded]) -> Iterator[Diagnostic]:
    """What is wrong with the calls of processes by each other, and with their messages to each other."""
    fit = {id: one.subject if one.graph is not None else None for id, one in processes.items()}
    subjects, known = [subject for subject in fit.values() if subject is not None], interfaces(fit)
    for subject in subjects:
        yield from check_calls(subject, known)
    if len(subjects) == len(known):
        yield from check_messages(subjects)


def _id(path: Path, loaded: Loaded) -> str:
    return str(loaded.process.id) if loaded.process else path.stem


def _named(path: Path, loaded: Loaded, before: dict[str, Loaded]) -> Iterator[Diagnostic]:
    """The file of a process is called as the process, and no other process is."""
    if loaded.process is None:
        return
    id, span = str(loaded.process.id), loaded.process.value_span("id")
    first = before.get(id)
    if first and first.process:
        message = say('the process "{id}" is defined in "{file}" already', id=id, file=first.process.place.file)
        yield Diagnostic(span, "duplicate-id", message)
    elif path.stem != id:
        hint = say('call the file "{file}"', file=f"{id}.yaml")
        yield Diagnostic(span, "file-name", say("the file of a process is called as the process"), hint, Severity.ADVICE)


def _not_read(folder: Path) -> Iterator[Diagnostic]:
    """Files that would be read if they were called otherwise."""
    for path in sorted([*folder.glob("*.yml"), *(folder / DOCUMENTS).glob("*.yml")]):
        hint = say('call it "{file}"', file=f"{path.stem}.yaml")
        yield Diagnostic(Span(str(path), 1, 1), "file-name", say("this file is not read: the names of files end in .yaml"), hint, Severity.WARNING)


def _no_folder(folder: Path) -> Diagnostic:
    return Diagnostic(Span(str(folder), 1, 1), "file-missing", say('there is no folder "{folder}"', folder=str(folder)))
