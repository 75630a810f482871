"""What comes of deploying a process."""

from __future__ import annotations

from msgspec import Struct

from bpflow.diagnostics import Refused, Severity, say
from bpflow.loading import Loaded


class Deployed(Struct, frozen=True):
    """What `deploy` did: `new` is false where the same content was deployed already."""

    process: str
    digest: str
    version: int
    new: bool


class NotDeployable(Refused):
    """The process has findings; `findings` are what `bpflow validate` says of it."""

    def __init__(self, loaded: Loaded) -> None:
        self.findings = loaded.findings
        errors = [finding for finding in loaded.findings if finding.severity is Severity.ERROR]
        super().__init__(say("{place}: {first} (errors in this process: {count})", place=str(errors[0].span), first=errors[0].message, count=len(errors)))
