"""The crash tests can fail: a store or an engine with a flaw does not pass them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.crash.clerk import Firm
from tests.crash.conftest import RUNS, same
from tests.crash.flaws import FLAWS
from tests.crash.lives import Run
from tests.crash.reckoning import Reckoning


@pytest.mark.slow
@pytest.mark.parametrize("flaw", FLAWS if RUNS > 1 else ["state_before_the_rest", "told_first"])
def test_a_flaw_is_found(folder: Path, nursery: subprocess.Popen[str], firm: Firm, reckoning: Reckoning, flaw: str) -> None:
    flawed = Run(nursery, str(folder / f"{flaw}.db"), folder, flaw)

    def passes() -> None:
        flawed.until_done(lambda: {"new": True, "but": list(flawed.kills), "flaw": flaw, "patience": 10}, most=600)
        same(flawed, firm, reckoning)

    with pytest.raises(AssertionError) as found:
        passes()
    said = str(found.value).strip().splitlines()[-1][:200]
    print(f"{flaw}:", said)
    assert not re.search("TypeError|AttributeError|the nursery is dead", said), "this would be a flaw of the flaw"
