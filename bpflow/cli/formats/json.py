"""For programs of one's own: all that a finding has, as data."""

from __future__ import annotations

import json

from bpflow.cli.checking import Checked
from bpflow.diagnostics import as_data


def write(checked: Checked, language: str) -> str:
    """The number of files, the findings, and those that are silenced with the reason."""
    silenced = [{**as_data(one.finding, language), "reason": one.reason} for one in checked.silenced]
    data = {"files": len(checked.files), "findings": [as_data(finding, language) for finding in checked.findings], "silenced": silenced}
    return json.dumps(data, ensure_ascii=False, indent=2)
