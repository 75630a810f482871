"""What a workspace gives to each of its processes: its settings and its document types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bpflow.checks.documents import unknown_types
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings, check_settings
from bpflow.diagnostics import Diagnostic, say
from bpflow.loading.models import read_model
from bpflow.source import Source, read_file
from bpflow.values import DocumentType

SETTINGS = "bpflow.yaml"
DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A workspace without its processes: `types` are its document types by name, `sources` the text of each file by its name."""

    folder: Path | None = None
    settings: Settings = field(default_factory=Settings)
    types: dict[str, DocumentType] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)


def find_workspace(path: Path) -> Path | None:
    """The nearest folder with a `bpflow.yaml`, from the folder of `path` upwards; named as `path` names it, as far as that goes."""
    for folder in (*path.parents, *path.absolute().parents):
        if (folder / SETTINGS).is_file():
            return folder
    return None


def load_surroundings(folder: Path) -> Surroundings:
    """The settings and the document types of a workspace."""
    made = Surroundings(folder, _settings(folder, sources := {}, findings := []), {}, findings, sources)
    models: list[tuple[DocumentTypeModel, Source]] = []
    for path in sorted((folder / DOCUMENTS).glob("*.yaml")):
        source = read_file(path, str(path))
        model, found = read_model(source, DocumentTypeModel)
        sources[source.file] = source.text
        findings += found
        if model:
            models.append((model, source))
    findings += _taken(models, made.types)
    for model, _ in models:
        findings += unknown_types(model, made.types)
    return made


def _settings(folder: Path, sources: dict[str, str], findings: list[Diagnostic]) -> Settings:
    path = folder / SETTINGS
    if not path.is_file():
        return Settings()
    source = read_file(path, str(path))
    sources[source.file] = source.text
    if source.tree is None and all(finding.rule == "empty-file" for finding in source.findings):
        return Settings()
    settings, found = read_model(source, Settings)
    findings += found
    if settings is None:
        return Settings()
    findings += check_settings(settings, source)
    return settings


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
