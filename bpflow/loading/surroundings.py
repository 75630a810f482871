"""What a workspace gives to each of its processes: its settings and its document types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bpflow.checks.documents import unknown_types
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings, check_settings
from bpflow.diagnostics import Diagnostic, say
from bpflow.loading.models import read_rest
from bpflow.source import Source, read_file
from bpflow.values import DocumentType

SETTINGS = "bpflow.yaml"
DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A workspace without its processes.

    `types` are its document types by name, and `unread` the names of files of types that cannot be read; `sources` are the texts of
    its files by their names.
    """

    folder: Path | None = None
    settings: Settings = field(default_factory=Settings)
    types: dict[str, DocumentType] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)


def find_workspace(path: Path) -> Path | None:
    """The nearest folder with a `bpflow.yaml`, from the folder of `path` upwards; named as `path` names it, as far as that goes."""
    for folder in (*path.parents, *path.absolute().parents):
        if (folder / SETTINGS).is_file():
            return folder
    return None


def load_surroundings(folder: Path) -> Surroundings:
    """The settings and the document types of a workspace."""
    sources: dict[str, str] = {}
    findings: list[Diagnostic] = []
    made = Surroundings(folder, _settings(folder, sources, findings), {}, findings, sources)
    models: list[tuple[DocumentTypeModel, Source]] = []
    for path in sorted((folder / DOCUMENTS).glob("*.yaml")):
        source = read_file(path, str(path))
        model, found, _ = read_rest(source, DocumentTypeModel)
        sources[source.file] = source.text
        findings += found
        if model:
            models.append((model, source))
        else:
            made.unread.add(path.stem)
    findings += _taken(models, made.types)
    for model, _ in models:
        findings += unknown_types(model, {*made.types, *made.unread})
    return made


def _settings(folder: Path, sources: dict[str, str], findings: list[Diagnostic]) -> Settings:
    path = folder / SETTINGS
    if not path.is_file():
        return Settings()
    source = read_file(path, str(path))
    sources[source.file] = source.text
    if source.tree is None and all(finding.rule == "empty-file" for finding in source.findings):
        return Settings()
    settings, found, _ = read_rest(source, Settings, check_settings)
    findings += found
    return settings or Settings()


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
