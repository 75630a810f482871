"""What `validate` looks at: the files and workspaces that are named, each with what was found in it.

The law of this file: what is checked together is one `Unit`: a workspace as a whole, or one file. A unit knows which files have a say in
it, so that whoever watches need not check what has not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from bpflow.cli.calls import SCENARIOS, SETTINGS
from bpflow.diagnostics import Diagnostic, Severity, in_order

if TYPE_CHECKING:
    from bpflow.loading import LoadedWorkspace, Silenced


class Checked(Struct):
    """What was found in which files, and what was silenced; `strict`: warnings and advice count as errors do.

    `workspaces` are those that had to be read for it, by their folders: each once.
    """

    findings: list[Diagnostic] = field(default_factory=list)
    silenced: list[Silenced] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    strict: bool = False
    workspaces: dict[Path, LoadedWorkspace] = field(default_factory=dict)

    def workspace(self, folder: Path) -> LoadedWorkspace:
        """The workspace in a folder."""
        from bpflow.loading import load_workspace

        if folder not in self.workspaces:
            self.workspaces[folder] = load_workspace(folder)
        return self.workspaces[folder]

    def add(self, findings: list[Diagnostic], silenced: list[Silenced], sources: dict[str, str], file: str | None = None) -> None:
        """Takes in what was found in all those sources, or only in one file."""
        self.findings += [finding for finding in findings if file is None or finding.span.file == file]
        self.silenced += [one for one in silenced if file is None or one.finding.span.file == file]
        self.sources |= sources
        self.files |= set(sources) if file is None else {file}

    def join(self, other: Checked) -> None:
        """Takes in what was found elsewhere."""
        self.findings = in_order([*self.findings, *other.findings])
        self.silenced += other.silenced
        self.sources |= other.sources
        self.files |= other.files

    def counts(self, finding: Diagnostic) -> bool:
        """Whether the finding counts for the exit code."""
        return self.strict or finding.severity is Severity.ERROR

    @property
    def failed(self) -> bool:
        """Whether any finding counts."""
        return any(map(self.counts, self.findings))


class Unit(Struct, frozen=True):
    """A workspace (`whole`), or one file."""

    path: Path
    whole: bool = False

    def check(self, checked: Checked) -> None:
        """Adds what is found here."""
        if self.whole:
            _check_workspace(self.path, checked)
        elif self.path.name.endswith(SCENARIOS):
            from bpflow.loading import find_workspace

            _check_scenarios(self.path, checked.workspace(find_workspace(self.path) or self.path.parent), checked)
        else:
            _check_file(self.path, checked)

    def files(self) -> Iterator[Path]:
        """The files that have a say in what is found here; some may not be there."""
        from bpflow.loading import find_workspace

        folder = self.path if self.whole else find_workspace(self.path)
        if not self.whole:
            yield self.path
        if folder is not None:
            yield folder / SETTINGS
            yield from folder.glob("documents/*.y*ml")
            yield from folder.glob("*.y*ml") if self.whole or self.path.name.endswith(SCENARIOS) else ()


def units(paths: Iterable[Path]) -> list[Unit]:
    """What there is to check in files and folders: each once, in the order in which they are named."""
    return list(dict.fromkeys(unit for path in paths for unit in _units(path)))


def _units(path: Path) -> Iterator[Unit]:
    """A workspace is one; of any other folder all files in it and below it."""
    if not path.is_dir():
        yield Unit(path)
    elif (path / SETTINGS).is_file():
        yield Unit(path, whole=True)
    else:
        for inner in sorted(path.iterdir()):
            if inner.suffix == ".yaml" or (inner.is_dir() and not inner.name.startswith(".")):
                yield from _units(inner)


def check(units: Iterable[Unit], strict: bool = False, workspaces: dict[Path, LoadedWorkspace] | None = None) -> Checked:
    """All that is found in the units. `workspaces` are those that have been read already; what has to be read is added to them."""
    checked = Checked(strict=strict, workspaces={} if workspaces is None else workspaces)
    for unit in units:
        unit.check(checked)
    checked.findings = in_order(checked.findings)
    return checked


def workspace_of(path: Path) -> Path | None:
    """The workspace of which a file, or a folder of documents, is a part."""
    folder = path if path.is_dir() else path.parent
    folder = folder.parent if folder.name == "documents" else folder
    return folder if (folder / SETTINGS).is_file() else None


def _check_workspace(folder: Path, checked: Checked) -> None:
    loaded = checked.workspace(folder)
    checked.add(loaded.findings, loaded.silenced, loaded.sources)
    for path in loaded.scenarios.values():
        _check_scenarios(path, loaded, checked)


def _check_scenarios(path: Path, workspace: LoadedWorkspace, checked: Checked) -> None:
    from bpflow.scenario import heed_scenarios, load_scenarios

    file = load_scenarios(path)
    heeded = heed_scenarios(file, workspace)
    checked.add(heeded.findings, heeded.silenced, {file.file: file.text})


def _check_file(path: Path, checked: Checked) -> None:
    from bpflow.loading import load_process

    workspace = workspace_of(path)
    if workspace is not None and not _is_process(path, workspace):
        loaded = checked.workspace(workspace)
        checked.add(loaded.findings, loaded.silenced, loaded.sources, str(path))
    else:
        process = load_process(path)
        elsewhere = any(finding.span.file != str(path) for finding in process.findings)
        checked.add(process.findings, process.silenced, process.sources, None if elsewhere else str(path))


def _is_process(path: Path, workspace: Path) -> bool:
    """Whether the file of a workspace is none of its settings, its directory and its document types."""
    if path.name == SETTINGS or path.parent != workspace:
        return False
    from bpflow.loading import load_surroundings

    return path.name != load_surroundings(workspace).directory_name
