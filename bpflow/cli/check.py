"""`validate`, which tells an analyst what is wrong with what he wrote, and `explain`, which tells why a rule is there."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpflow.cli.calls import SCENARIOS, SETTINGS, WrongUse, call_of, one_of
from bpflow.cli.output import Output, colours, helped, paint, tr
from bpflow.diagnostics import Diagnostic, Severity, as_data, did_you_mean, in_order, render, say

if TYPE_CHECKING:
    from bpflow.loading import LoadedWorkspace

commands = typer.Typer()


@dataclass(slots=True)
class Checked:
    """What was found in which files."""

    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def add(self, findings: list[Diagnostic], sources: dict[str, str], file: str | None = None) -> None:
        """Takes in what was found in all those sources, or only in one file."""
        self.findings += [finding for finding in findings if file is None or finding.span.file == file]
        self.sources |= sources
        self.files |= set(sources) if file is None else {file}


@commands.command("validate", help=tr("Check processes and workspaces. Exit code 1 if there are errors."))
def validate(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=tr("Files, or folders with all that is in them."))],
    format: Annotated[str, typer.Option("--format", metavar="text|json", help=tr("Text for people, or JSON for programs."), show_default=False)] = "text",
    as_json: Annotated[bool, typer.Option("--json", help=tr("The same as --format json."))] = False,
    strict: Annotated[bool, typer.Option("--strict", help=tr("Exit code 1 for warnings and advice too."))] = False,
) -> int:
    """Exit code 1 if there are findings that count."""
    out = call_of(ctx).out
    as_json |= one_of(format, ("text", "json"), "--format") == "json"
    checked = Checked()
    for path in paths:
        if not path.exists():
            raise WrongUse(say('there is no file or folder "{path}"', path=path))
        _check(path, checked)
    findings = in_order(checked.findings)
    if as_json:
        out.data({"files": len(checked.files), "findings": [as_data(finding, out.language) for finding in findings]})
    else:
        _tell(findings, checked, out)
    return int(any(strict or finding.severity is Severity.ERROR for finding in findings))


def _check(path: Path, checked: Checked) -> None:
    if path.is_dir():
        _check_folder(path, checked)
    elif path.name.endswith(SCENARIOS):
        from bpflow.loading import find_workspace, load_workspace

        _check_scenarios(path, load_workspace(find_workspace(path) or path.parent), checked)
    elif (workspace := _workspace_of(path)) is not None:
        from bpflow.loading import load_workspace

        loaded = load_workspace(workspace)
        checked.add(loaded.findings, loaded.sources, str(path))
    else:
        from bpflow.loading import load_process

        process = load_process(path)
        checked.add(process.findings, process.sources, None if any(f.span.file != str(path) for f in process.findings) else str(path))


def _check_folder(folder: Path, checked: Checked) -> None:
    """A workspace as a whole; of any other folder all files in it and below it."""
    if not (folder / SETTINGS).is_file():
        for path in sorted(folder.iterdir()):
            if path.suffix == ".yaml" or (path.is_dir() and not path.name.startswith(".")):
                _check(path, checked)
        return
    from bpflow.loading import load_workspace

    loaded = load_workspace(folder)
    checked.add(loaded.findings, loaded.sources)
    for path in loaded.scenarios.values():
        _check_scenarios(path, loaded, checked)


def _check_scenarios(path: Path, workspace: LoadedWorkspace, checked: Checked) -> None:
    from bpflow.scenario import check_scenarios
    from bpflow.source import read_file

    source = read_file(path, str(path))
    checked.add(check_scenarios(path, workspace), {source.file: source.text})


def _workspace_of(path: Path) -> Path | None:
    """The workspace of which the file is a part other than a process: its settings, its directory, a document type."""
    folder = path.parent.parent if path.parent.name == "documents" else path.parent
    if not (folder / SETTINGS).is_file():
        return None
    if path.name == SETTINGS or folder != path.parent:
        return folder
    from bpflow.loading import load_surroundings

    return folder if path.name == load_surroundings(folder).settings.directory else None


def _tell(findings: list[Diagnostic], checked: Checked, out: Output) -> None:
    for finding in findings:
        print(_painted(finding, checked.sources.get(finding.span.file), out.language))
    files = len(checked.files)
    if findings:
        out.line(say("files: {files}, findings: {findings}", files=files, findings=len(findings)), "bold")
    else:
        out.line(say("clean (files: {files})", files=files), "green")


def _painted(finding: Diagnostic, source: str | None, language: str) -> str:
    """The finding in colour, where there is any: its place, its rule, and the caret."""
    text = render(finding, source, language)
    if not colours(sys.stdout):
        return text
    head, *rest = text.split("\n")
    place, rule = f"{finding.span}:", f"[{finding.rule}]"
    style = "red" if finding.severity is Severity.ERROR else "yellow"
    middle = head.removeprefix(place).removesuffix(rule)
    carets = [paint(line, "dim" if number == 0 else style, sys.stdout) for number, line in enumerate(rest)]
    return "\n".join([f"{paint(place, 'bold', sys.stdout)}{middle}{paint(rule, 'dim', sys.stdout)}", *carets])


@commands.command("explain", help=tr("Print the page of a rule. It says why the rule is there, with a bad and a good example."))
def explain(
    ctx: typer.Context,
    rule: Annotated[
        str | None, typer.Argument(metavar="RULE", help=tr("The rule, as it stands in brackets behind a finding; without it, all rules are listed."))
    ] = None,
) -> None:
    """The page of a rule, or the list of rules."""
    from bpflow.checks import RULES

    out = call_of(ctx).out
    if rule is None:
        out.table((say("rule"), say("what it says")), [(id, helped(RULES[id].summary, out.language) or "") for id in sorted(RULES)])
        return
    found = RULES.get(rule.strip("[]"))
    if found is None:
        raise WrongUse(say('there is no rule "{rule}"', rule=rule), did_you_mean(rule, RULES))
    print(found.manual)
