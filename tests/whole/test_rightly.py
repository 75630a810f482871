"""No false alarm: a process in which everything is of the right type and known where it is read has no errors, and runs without one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from bpflow.diagnostics import Severity, render
from bpflow.loading import Loaded, load_process, load_surroundings
from tests.runtime.conftest import DIRECTORY, SETTINGS
from tests.whole.making import written
from tests.whole.rightly import DEEP, FLAT, Writer, write
from tests.whole.test_whole import DEAL, seeds


class Place:
    """A folder into which one process after the other is written, and read as every process is."""

    def __init__(self, folder: Path) -> None:
        (folder / "documents").mkdir()
        for name, text in {"bpflow.yaml": SETTINGS, "directory.yaml": DIRECTORY, "documents/deal.yaml": DEAL}.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.folder, self.around = folder, load_surroundings(folder)

    def __repr__(self) -> str:
        return "a workspace"

    def load(self, text: str) -> Loaded:
        path = self.folder / "p.yaml"
        path.write_text(text, encoding="utf-8")
        return load_process(path, surroundings=self.around)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("workspace"))


@seeds(1)
def test_nothing_is_wrong_with_what_is_right(place: Place, seed: int):
    chance = Random(seed)
    text = written(write(chance.randint, chance.choice((1, 2, 3)), chance.choice((5, 12, 25))))
    errors = [one for one in place.load(text).findings if one.severity is Severity.ERROR]
    assert not errors, text + "\n".join(render(one, text) for one in errors)


def test_all_that_can_be_written_is_written():
    """The writer comes to every activity, to results in branches, and to values that may be none."""
    texts = [written(write(Random(seed).randint, 3, 25)) for seed in range(60)]
    activities = Counter(line.split()[-1] for text in texts for line in text.splitlines() if "activity:" in line)
    assert len(activities) >= len({*FLAT, *DEEP})
    assert min(activities.values()) > 5
    assert sum("coalesce(" in text for text in texts) > 30
    assert sum('.outcome == "yes"' in text for text in texts) > 20
    assert Writer(Random(1).randint).condition()
