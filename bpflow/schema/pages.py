"""A page of the manual as Markdown: the docstrings of activities and rules, in which what is indented is YAML."""

from __future__ import annotations

import re
import textwrap

_BLOCK = re.compile(r"(?m)(?:^ {4}.*(?:\n|\Z)(?:\n+(?= {4}))?)+")
"""Lines that are indented, and the empty ones between them."""


def markdown(page: str) -> str:
    """The page with its examples in blocks of YAML."""
    return _BLOCK.sub(lambda block: f"```yaml\n{textwrap.dedent(block[0]).rstrip()}\n```\n", page)


def opening(page: str) -> str:
    """The first paragraph of a page, as one line."""
    return " ".join(page.partition("\n\n")[0].split())
