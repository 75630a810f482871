"""The forms in which `validate` tells what it has found: one for people, the others for programs that show it beside the files.

The law of this room: a form is one function in a file of its own, from `Checked` and the reader's language to text. The same findings
give the same text; files are named relative to the working directory, with `/`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from bpflow.cli.checking import Checked

FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit")


def written(format: str, checked: Checked, language: str) -> str:
    """What was found, in one of the FORMATS."""
    write: Callable[[Checked, str], str] = import_module(f"bpflow.cli.formats.{format}").write
    return write(checked, language)
