"""What `docs/ci.md` promises: the hook for pre-commit, and the jobs, whose commands are run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bpflow.cli import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"(?<=^```yaml\n)(.*?)(?=^```$)", PAGE, re.DOTALL | re.MULTILINE)]
COMMANDS = sorted({command for command in re.findall(r"(?:- run: |    - |`)(bpflow [^\n`]+)", PAGE) if "--watch" not in command and " --" in command})

DEAL = "type: deal\nfields:\n  stage: {type: choice, choices: [new, won]}\n"
FLOW = 'bpflow: 1\nid: flow\ndocument: deal\nstart: [{on: document-changed, when: document.stage == "won"}]\nsteps:\n  - {activity: end, result: done}\n'


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Runs a command of the page as a shell would: its exit code, and what is on its two outputs, or in the file that it is led into."""
    call, _, rest = command.partition(" > ")
    name, *arguments = shlex.split(call)
    assert name == "bpflow"
    code = main(arguments)
    told = capsys.readouterr()
    if rest:
        Path(rest.removesuffix(" || true")).write_text(told.out, encoding="utf-8")
    return code, told.out, told.err


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a workspace, and with a file that is none of its; the current folder."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "processes/bpflow.yaml": "",
        "processes/documents/deal.yaml": DEAL,
        "processes/flow.yaml": FLOW,
        ".github/workflows/processes.yaml": "name: processes\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def hook() -> dict[str, object]:
    (only,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return dict(only)


def test_the_hook_is_the_one_of_the_page() -> None:
    made = hook()
    assert {"id", "name", "entry", "language", "types", "require_serial"} <= made.keys()
    assert made["language"] == "python"
    assert any(made["id"] == used["id"] for block in BLOCKS if "repos" in block for repo in block["repos"] for used in repo["hooks"])


def test_the_hook_checks_all_that_a_changed_file_concerns(repository: Path) -> None:
    """As pre-commit does: a process of its own, with the files that have changed behind the entry."""
    changed = ["processes/documents/deal.yaml", ".github/workflows/processes.yaml"]
    command = [sys.executable, "-c", "import sys; from bpflow.cli import main; sys.exit(main())", *shlex.split(str(hook()["entry"]))[1:], *changed]
    clean = subprocess.run(command, capture_output=True, text=True)
    assert (clean.returncode, clean.stdout) == (0, "clean (files: 3)\n")
    (repository / "processes/documents/deal.yaml").write_text(DEAL.replace("won", "lost"), encoding="utf-8")
    broken = subprocess.run(command, capture_output=True, text=True)
    assert broken.returncode == 1
    assert broken.stdout.startswith("processes/flow.yaml:4:")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_run(command: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, refused = run(command.replace("--whole", "--whole processes/flow.yaml"), capsys)
    assert (code, refused) == (0, "")
    assert told or "github" in command


def test_the_page_has_commands_and_every_form() -> None:
    assert {form for command in COMMANDS for form in re.findall(r"--format (\w+)", command)} == {"github", "sarif", "gitlab", "junit"}


def test_the_jobs_upload_what_they_write() -> None:
    job = next(block["processes"] for block in BLOCKS if "processes" in block and "script" in block["processes"])
    written = set(re.findall(r"> (\S+)", "\n".join(job["script"])))
    assert written == set(job["artifacts"]["reports"].values())
