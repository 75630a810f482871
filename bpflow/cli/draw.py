"""`diagram`, which draws a process, and `schema`, which tells editors what may be written."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bpflow.cli.calls import OutputFile, WrongUse, call_of, one_of, write
from bpflow.cli.output import tr
from bpflow.diagnostics import Severity, render, say

commands = typer.Typer()


KINDS = ("process", "document", "directory", "settings", "scenarios")


@commands.command("diagram", help=tr("Draw a process as a Mermaid flowchart."))
def diagram(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=tr("The file of the process."))],
    output: OutputFile = None,
) -> int:
    """Exit code 1 if the process has errors, which are told."""
    from bpflow.diagram import mermaid
    from bpflow.loading import load_process

    call = call_of(ctx)
    if not file.is_file():
        raise WrongUse(say('there is no file "{file}"', file=file))
    loaded = load_process(file)
    if loaded.graph is None:
        for finding in loaded.findings:
            if finding.severity is Severity.ERROR:
                call.out.note(render(finding, loaded.sources.get(finding.span.file), call.out.language))
        return 1
    write(mermaid(loaded.graph, call.out.language), output, call.out)
    return 0


@commands.command("schema", help=tr("Print the JSON Schema of a kind of file, for editors."))
def schema(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=tr("process, document, directory, settings or scenarios."), show_default=False)] = "process",
    output: OutputFile = None,
) -> None:
    """The schema as the models give it."""
    import json

    write(json.dumps(_schema(one_of(kind, KINDS, "KIND")), ensure_ascii=False, indent=2) + "\n", output, call_of(ctx).out)


def _schema(kind: str) -> dict[str, object]:
    from bpflow.definition.entries import DirectoryFile
    from bpflow.definition.fields import DocumentTypeModel
    from bpflow.definition.settings import Settings
    from bpflow.scenario.model import ScenarioFile
    from bpflow.schema.generate import model_schema, process_schema

    match kind:
        case "document":
            return model_schema(DocumentTypeModel, "bpflow document type")
        case "directory":
            return model_schema(DirectoryFile, "bpflow directory")
        case "settings":
            return _with_rules(model_schema(Settings, "bpflow workspace settings"))
        case "scenarios":
            return model_schema(ScenarioFile, "bpflow scenarios")
    return process_schema()


def _with_rules(settings: dict[str, Any]) -> dict[str, object]:
    """The settings with the rules that a workspace may switch off, so that editors offer them and show their pages."""
    from bpflow.checks import RULES

    known = settings["properties"]["rules"]
    known["properties"] = {
        rule.id: {**known["additionalProperties"], "description": rule.summary, "markdownDescription": rule.markdown}
        for rule in RULES.values()
        if rule.severity is not Severity.ERROR
    }
    return settings
