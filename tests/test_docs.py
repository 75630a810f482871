"""The manual keeps its word: its generated parts are those of the code, its examples load, its commands print what it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from bpflow.cli import main
from bpflow.expressions import compile_code
from bpflow.loading import LoadedWorkspace, load_text, load_workspace
from bpflow.scenario import check_scenarios, play_file
from docs.generate import PAGES, PART, PARTS, fresh

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TOLD = {"language.md": "en", "operating.md": "en", "ru.md": "ru"}
"""The pages with examples that are read from top to bottom, and the language of their commands."""
BLOCK = re.compile(r"(?<=^```)(yaml|console|python)\n(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.yaml)\n")
HEAD = {"bpflow": "bpflow: 1", "id": "id: example", "document": "document: order", "people": "people: {manager: document.responsible}"}
"""What fragments leave out."""
MOMENT = re.compile(r"\d\d\.\d\d\.\d{4} \d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+(?:[+-]\d\d:\d\d|Z)")
"""What the clock of the machine decides."""


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def by_hand(page: str) -> str:
    return PART.sub("", text_of(page))


def blocks(page: str) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in BLOCK.finditer(by_hand(page))]


# ── what is generated ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_up_to_date(page: str) -> None:
    assert text_of(page) == fresh(text_of(page)), "run `make update`"


def test_every_generated_part_stands_on_a_page_once() -> None:
    used = [found[1] for page in PAGES for found in PART.finditer(text_of(page))]
    assert sorted(used) == sorted(PARTS)


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("page", TOLD)
def test_the_workspace_of_a_page(page: str, tmp_path: Path) -> None:
    """The examples that are files, together: no findings, and their scenarios come out as they say."""
    for language, block in blocks(page):
        if language == "yaml" and (file := FILE.match(block)):
            keep(tmp_path / file[1], block)
    for settings in tmp_path.rglob("bpflow.yaml"):
        workspace = load_workspace(settings.parent)
        assert workspace.findings == []
        for path in workspace.scenarios.values():
            assert check_scenarios(path, workspace) == []
            assert [played.title for played in play_file(path, workspace).played if not played.ok] == []


@pytest.mark.parametrize("page", TOLD)
def test_the_other_examples_of_a_page(page: str, tmp_path: Path) -> None:
    """A few lines of a process, in the workspace of the language's page."""
    workspace = workspace_of("language.md", tmp_path)
    for language, block in blocks(page):
        if language == "yaml" and not FILE.match(block):
            found = load_text(whole(block), "example.yaml", workspace.documents).findings
            assert [finding for finding in found if finding.rule != "never-read"] == [], block


def keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def workspace_of(page: str, folder: Path) -> LoadedWorkspace:
    for _, block in blocks(page):
        if file := FILE.match(block):
            keep(folder / file[1], block)
    return load_workspace(folder)


def whole(fragment: str) -> str:
    """A process with the fragment in it: some steps, or some keys."""
    lines = ["steps:", *fragment.splitlines()] if fragment.startswith("- ") else fragment.splitlines()
    lines += [] if "steps:" in lines else ["steps:", "  - {activity: end, result: done}"]
    return "\n".join([*(line for key, line in HEAD.items() if f"{key}:" not in lines), *lines]) + "\n"


def test_the_table_of_expressions() -> None:
    rows = re.findall(r"^\| `(.+)` \| `(.+)` \|$", by_hand("language.md").partition("| expression | gives |")[2], re.MULTILINE)
    scope = SimpleNamespace(names={}, now=datetime(2026, 3, 2, tzinfo=UTC), zone="Europe/Moscow", ask=None)
    assert len(rows) >= 9
    for expression, value in rows:
        assert compile_code(expression)(scope) == compile_code(value)(scope), expression


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("page", TOLD)
def test_the_story_of_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: bool) -> None:
    """All that a page shows, from top to bottom, in one folder: files are written, commands are given, programs run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", f"{TOLD[page]}.UTF-8")
    monkeypatch.delenv("BPFLOW_DB", raising=False)
    (tmp_path / "processes").symlink_to(ROOT / "processes")
    changed = text_of(page)
    for language, block in blocks(page):
        if language == "console":
            pairs = list(replayed(block, monkeypatch))
            if update:
                changed = changed.replace(block, "".join(shown if is_same(seen, shown) else seen for shown, seen in pairs), 1)
            for shown, seen in () if update else pairs:
                assert is_same(seen, shown), f"seen:\n{seen}\non the page:\n{shown}\nrun `make update`"
        elif language == "python":
            exec(compile(block, page, "exec"), {})
        elif file := FILE.match(block):
            keep(tmp_path / file[1], block)
    if update:
        (DOCS / page).write_text(changed, encoding="utf-8")


def replayed(block: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with what the page shows, and with what it prints now."""
    for shown in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
        command = shown.partition("\n")[0]
        program, *arguments = shlex.split(command.removeprefix("$ "))
        if program == "cd":
            monkeypatch.chdir(arguments[0])
            yield shown, f"{command}\n"
        else:
            assert program == "bpflow", command
            yield shown, f"{command}\n{printed(arguments)}"


def printed(arguments: list[str]) -> str:
    with io.StringIO() as both, contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        main(arguments)
        return both.getvalue()


def is_same(seen: str, shown: str) -> bool:
    """Whether a page shows what is seen: moments are those of the machine's clock, and `…` on a line stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…\n" else re.escape(line) for line in masked(shown).splitlines(keepends=True))
    return re.fullmatch(pattern, masked(seen)) is not None


def masked(text: str) -> str:
    return MOMENT.sub("‹moment›", text)


# ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)", text_of(page)):
        target = DOCS / (file or page)
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def anchors(path: Path) -> set[str]:
    """The anchors of the headings of a page, as the usual viewers of Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
