"""The README keeps its word: its process loads, its program runs, its finding is what `validate` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bpflow.diagnostics import render
from bpflow.loading import load_text

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_process_loads():
    assert load_text(block("yaml"), "vacation.yaml").findings == []


def test_the_program_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "processes").symlink_to(ROOT / "processes")
    program = block("python")
    assert len(program.splitlines()) <= 12
    exec(compile(program, "README.md", "exec"), {})
    assert (tmp_path / "company.db").exists()


def test_the_finding_is_what_validate_prints():
    text = block("yaml").replace("$(ask_head.comment)", "$(ask_haed.comment)")
    finding = load_text(text, "processes/vacation.yaml").findings[0]
    printed = [line.strip() for line in render(finding, text).splitlines()]
    shown = [line.strip() for line in README.splitlines()]
    assert printed[0] in shown, "\n".join(printed)
    assert printed[1] in shown, "\n".join(printed)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert link.startswith("http") or (ROOT / link).exists(), link


def test_as_many_patterns_run_as_it_says():
    running = len(list((ROOT / "tests" / "patterns").glob("*.traces.yaml")))
    assert f"{running} of the 43" in README
