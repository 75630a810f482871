"""What the tests of the engine ask of their processes: that they can run. What is only a warning or advice there is the matter of the tests of the rules."""

from __future__ import annotations

from typing import TypeVar

from bpflow.diagnostics import Severity
from bpflow.loading import Loaded, LoadedWorkspace

L = TypeVar("L", Loaded, LoadedWorkspace)


def runnable(loaded: L) -> L:
    """What was loaded, if no finding in it is an error."""
    errors = [f"{finding.span} {finding.rule}: {finding.message}" for finding in loaded.findings if finding.severity is Severity.ERROR]
    assert not errors, "\n".join(errors)
    return loaded
