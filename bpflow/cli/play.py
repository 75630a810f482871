"""`test`: plays scenarios, and says what of a process none of them has visited."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import SCENARIOS, SETTINGS, WrongUse, call_of
from bpflow.cli.output import Output, paint, tr
from bpflow.diagnostics import Severity, as_data, render, say

if TYPE_CHECKING:
    from bpflow.scenario import Coverage, Played, Report, Share

commands = typer.Typer()


@commands.command("test", help=tr("Play the scenarios of processes. Exit code 1 if one fails."))
def play_scenarios(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=tr("Files of scenarios, processes that have one beside them, or folders."))],
    required: Annotated[bool, typer.Option("--coverage-required", help=tr("Exit code 1 too if a step, a branch or an outcome was not visited."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print JSON."))] = False,
) -> int:
    """Exit code 1 if a scenario fails, or could not be played."""
    from bpflow.scenario import Workspaces, play_file

    out = call_of(ctx).out
    workspaces = Workspaces()
    reports, alone = [], []
    for path in _files(paths):
        if not path.exists():
            alone.append(path.name.removesuffix(SCENARIOS))
            continue
        report = play_file(path, workspaces.of(path))
        reports.append(report)
        if not as_json:
            _tell(report, out)
    if as_json:
        out.data({"reports": [_data(report, out.language) for report in reports], "without_scenarios": alone})
    else:
        _sum_up(reports, alone, out)
    full = all(report.coverage is not None and report.coverage.full for report in reports) and not alone
    return int(not all(report.ok for report in reports) or (required and not full))


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files of scenarios that are meant; one that is not there stands for a process that has none. WrongUse if there are none at all."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise WrongUse(say('there is no file or folder "{path}"', path=path))
        found |= dict.fromkeys(_in_folder(path) if path.is_dir() else [path if path.name.endswith(SCENARIOS) else path.with_name(path.stem + SCENARIOS)])
    if not any(path.exists() for path in found):
        raise WrongUse(say('there are no scenarios here: no file that ends in "{ending}"', ending=SCENARIOS))
    yield from found


def _in_folder(folder: Path) -> list[Path]:
    """The scenarios of a folder, and of a workspace also where those of the other processes would be."""
    found = [*folder.glob(f"*{SCENARIOS}")] if (folder / SETTINGS).is_file() else [*folder.rglob(f"*{SCENARIOS}")]
    if (folder / SETTINGS).is_file():
        from bpflow.loading import load_workspace

        found += [folder / f"{process}{SCENARIOS}" for process in load_workspace(folder).processes]
    return sorted(set(found))


# ── for people ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _tell(report: Report, out: Output) -> None:
    from bpflow.scenario import told

    out.line(f"{report.process or report.file}", "bold")
    for finding in report.findings:
        if finding.severity is Severity.ERROR or report.coverage is None:
            print(render(finding, report.sources.get(finding.span.file), out.language))
    for played in report.played:
        _tell_played(played, out)
    if report.coverage is not None:
        for line in told(report.coverage):
            out.line(line, None if report.coverage.full else "yellow")


def _tell_played(played: Played, out: Output) -> None:
    mark = paint("✓", "green", sys.stdout) if played.failure is None else paint("✗", "red", sys.stdout)
    print(f"  {mark} {played.title}")
    for line in played.failure.text(out.language).split("\n") if played.failure is not None else ():
        print(f"      {line}".rstrip())


def _sum_up(reports: list[Report], alone: list[str], out: Output) -> None:
    for process in alone:
        out.line(say('"{process}" has no scenarios', process=process), "yellow")
    failed = sum(len(report.failed) for report in reports) + sum(report.coverage is None for report in reports)
    played = sum(len(report.played) for report in reports)
    out.line(say("played: {played}, failed: {failed}", played=played, failed=failed), "red" if failed else "green")


# ── for programs ────────────────────────────────────────────────────────────────────────────────────────────────────
def _data(report: Report, language: str) -> dict[str, Any]:
    return {
        "file": report.file,
        "process": report.process,
        "ok": report.ok,
        "findings": [as_data(finding, language) for finding in report.findings],
        "scenarios": [_played_data(played, language) for played in report.played],
        "coverage": _coverage_data(report.coverage, language) if report.coverage is not None else None,
    }


def _played_data(played: Played, language: str) -> dict[str, Any]:
    failure = played.failure
    said = [{"line": m.span.line, "column": m.span.column, "message": m.message.text(language)} for m in failure.mismatches] if failure else []
    stood = [line.text(language) for line in failure.stood] if failure else []
    return {"title": played.title, "line": played.span.line, "ok": played.ok, "failures": said, "stood": stood}


def _coverage_data(coverage: Coverage, language: str) -> dict[str, Any]:
    return {
        "steps": _share_data(coverage.steps, language),
        "branches": _share_data(coverage.branches, language),
        "outcomes": _share_data(coverage.outcomes, language),
    }


def _share_data(share: Share, language: str) -> dict[str, Any]:
    unvisited = [{"name": part.name.text(language), "line": part.span.line, "column": part.span.column} for part in share.unvisited]
    return {"visited": share.visited, "total": share.total, "unvisited": unvisited}
