"""What a workspace gives to each of its processes: its settings, its people and its document types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.checks.rules.directory import unknown_defaults
from bpflow.checks.rules.documents import unknown_types
from bpflow.definition.directory import check_directory
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.step import Step
from bpflow.definition.vocabulary import Vocabulary, vocabulary
from bpflow.definition.zones import USUAL_ZONE, is_zone
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.loading.models import read_rest
from bpflow.loading.silencing import Heeded, Silence, heed, silences_in, with_idle, wrong_rules
from bpflow.source import Source, read_file
from bpflow.values import DocumentType, ServiceType

if TYPE_CHECKING:  # who has no workspace needs none of them, and they take long to make
    from bpflow.definition.entries import DirectoryFile
    from bpflow.definition.settings import RuleSetting, Settings

SETTINGS = "bpflow.yaml"
DOCUMENTS = "documents"


class Surroundings(Struct, frozen=True):
    """A workspace without its processes; of a process that stands in none, what everybody has.

    `types` are its document types by name, `unread` the names of types and fields that could not be read, `activities` and `services` those
    that its processes may use, `sources` the texts of its files by their names, and `silences` the comments in them that silence rules.
    `directory` is what could be read of its directory, and `whole_directory` says whether that is all of it. Without a workspace, and only
    then, `settings` and `directory` are None.
    """

    folder: Path | None = None
    settings: Settings | None = None
    types: dict[str, DocumentType] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    activities: Vocabulary = field(default_factory=vocabulary)
    services: Mapping[str, ServiceType] = field(default_factory=dict)
    directory: DirectoryFile | None = None
    whole_directory: bool = True
    silences: list[Silence] = field(default_factory=list)

    @property
    def timezone(self) -> str:
        """The zone of processes that name none."""
        return self.settings.timezone if self.settings else USUAL_ZONE

    @property
    def rules(self) -> Mapping[str, RuleSetting]:
        """The rules that are taken otherwise than they say."""
        return self.settings.rules if self.settings else {}

    @property
    def directory_name(self) -> str | None:
        """What the file with its people is called."""
        return self.settings.directory if self.settings else None

    @property
    def people(self) -> DirectoryFile | None:
        """The directory by which the people of its processes are judged; None where somebody else knows them, or not all of it could be read."""
        return self.directory if self.whole_directory and self.directory and self.directory.people else None

    def heeded(self, findings: Iterable[Diagnostic], silences: Iterable[Silence]) -> Heeded:
        """The findings in order, as grave as the settings say, without what they or the comments silence."""
        return heed(findings, self.rules, silences)

    def with_idle(self, heeded: Heeded, silences: Iterable[Silence], *, whole: bool) -> Heeded:
        """With the comments that silence nothing; `whole`: all has been looked at that could have something to say of their lines."""
        return with_idle(heeded, self.rules, silences, whole=whole)


def find_workspace(path: Path) -> Path | None:
    """The nearest folder with a `bpflow.yaml`, from the folder of `path` upwards; named as `path` names it, as far as that goes."""
    for folder in (*path.parents, *path.absolute().parents):
        if (folder / SETTINGS).is_file():
            return folder
    return None


def load_surroundings(folder: Path, activities: Mapping[str, type[Step]] | None = None, services: Mapping[str, ServiceType] | None = None) -> Surroundings:
    """The settings, the directory and the document types of a workspace. `activities` may be used besides those that are installed, `services` besides those
    that the settings declare; what the settings say of one of these is what holds."""
    sources: dict[str, str] = {}
    findings: list[Diagnostic] = []
    silences: list[Silence] = []
    settings, written = _settings(folder, sources, findings, silences)
    known = {**(services or {}), **{name: service.type for name, service in settings.services.items()}}
    made = Surroundings(folder, settings, {}, findings, sources, activities=known_activities(activities), services=known, silences=silences)
    directory, whole = _directory(folder / settings.directory, made)
    made = replace(made, directory=directory, whole_directory=whole)
    if written is not None:
        findings += missing_directory(folder, settings, written)
    if written is not None and whole:
        findings += unknown_operators(settings, directory, written)
    models: list[tuple[DocumentTypeModel, Source]] = []
    for path in sorted((folder / DOCUMENTS).glob("*.yaml")):
        source = read_file(path, str(path))
        read = read_rest(source, DocumentTypeModel)
        sources[source.file] = source.text
        findings += read.findings
        silences += silences_in(source)
        made.unread.update(read.lost)
        if read.model:
            models.append((read.model, source))
        else:
            made.unread.add(path.stem)
    findings += _taken(models, made.types)
    for model, _ in models:
        findings += unknown_types(model, {*made.types, *made.unread})
        findings += unknown_defaults(model, made.people)
    return made


def known_activities(added: Mapping[str, type[Step]] | None) -> Vocabulary:
    """The activities that are installed, and those that a program adds."""
    return vocabulary().with_activities(added) if added else vocabulary()


def missing_directory(folder: Path, settings: Settings, source: Source) -> Iterator[Diagnostic]:
    """A finding for a directory that the settings name and that is not there; nobody needs to have one."""
    if "directory" in settings.model_fields_set and not is_file(folder / settings.directory):
        there = [path.name for path in folder.glob("*.y*ml") if path.name != SETTINGS]
        hint = did_you_mean(settings.directory, there) or say("check the name and the folder")
        yield Diagnostic(source.span_at(("directory",)), "file-missing", say('there is no file "{name}"', name=settings.directory), hint)


def unknown_operators(settings: Settings, directory: DirectoryFile, source: Source) -> Iterator[Diagnostic]:
    """Findings for operators who are neither people nor roles of the directory, where there is one."""
    known = {**directory.people, **directory.roles}
    for number, name in enumerate(settings.operators if directory.people else ()):
        if name not in known:
            message = say('there is no person and no role "{name}" in the directory', name=name)
            yield Diagnostic(source.span_at(("operators", number)), "unknown-person", message, did_you_mean(name, known))


def _settings(folder: Path, sources: dict[str, str], findings: list[Diagnostic], silences: list[Silence]) -> tuple[Settings, Source | None]:
    """The settings, and the file that has them."""
    from bpflow.definition.settings import Settings, check_settings

    path = folder / SETTINGS
    if not path.is_file():
        return Settings.model_construct(), None  # the defaults, without the checks of what nobody has written
    source = read_file(path, str(path))
    sources[source.file] = source.text
    if source.tree is None and all(finding.rule == "empty-file" for finding in source.findings):
        return Settings.model_construct(), None
    read = read_rest(source, Settings, lambda settings, source: [*check_settings(settings, source), *wrong_rules(settings, source)])
    findings += read.findings
    silences += silences_in(source)
    settings = read.model or Settings.model_construct()
    return settings if is_zone(settings.timezone) else settings.model_copy(update={"timezone": "UTC"}), source


def is_file(path: Path) -> bool:
    """Whether there is such a file. A name that no file can have is one of none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _directory(path: Path, made: Surroundings) -> tuple[DirectoryFile, bool]:
    """What can be read of the directory, and whether that is all of it. What there is to say of the file is added to what is `made`."""
    from bpflow.definition.entries import DirectoryFile

    if not is_file(path):
        return DirectoryFile.model_construct(), True
    source = read_file(path, str(path))
    read = read_rest(source, DirectoryFile, check_directory)
    made.sources[source.file] = source.text
    made.findings.extend(read.findings)
    made.silences.extend(silences_in(source))
    return read.model or DirectoryFile.model_construct(), read.whole


def _taken(models: list[tuple[DocumentTypeModel, Source]], types: dict[str, DocumentType]) -> Iterator[Diagnostic]:
    """Fills `types`; finds types that two files define."""
    files: dict[str, str] = {}
    for model, source in models:
        name = str(model.type)
        if name in types:
            message = say('the document type "{type}" is defined in "{file}" already', type=name, file=files[name])
            yield Diagnostic(source.span_at(("type",)), "duplicate-id", message)
            continue
        types[name] = model.document_type()
        files[name] = source.file
