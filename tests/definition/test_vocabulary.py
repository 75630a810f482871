import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from bpflow.activities.pause import Pause
from bpflow.definition.vocabulary import GROUP, HOUSE, Vocabulary, installed, vocabulary
from bpflow.schema.generate import docstrings


@pytest.fixture
def others(monkeypatch):
    """Puts other entry points in the place of those that are installed."""

    def put(*points):
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
        installed.cache_clear()

    yield put
    installed.cache_clear()


def test_the_built_in_activities_are_entry_points_as_all_others_are():
    assert {name: point.load() for name, point in installed().items() if point.value.startswith("bpflow.")} == {name: vocabulary()[name] for name in HOUSE}
    assert set(vocabulary()) >= HOUSE
    assert vocabulary()["pause"] is Pause
    assert "pauze" not in vocabulary()


def test_a_class_is_loaded_when_it_is_asked_for(others):
    others(EntryPoint("broken", "no.such.module:Class", GROUP))
    assert "broken" in Vocabulary()
    with pytest.raises(ModuleNotFoundError):
        Vocabulary()["broken"]


def test_what_is_installed_is_not_searched_for_an_activity_of_the_house():
    code = "import sys; from bpflow.definition.vocabulary import vocabulary; vocabulary()['pause']; assert 'pause' in vocabulary(); sys.exit(len(calls))"
    spied = f"import importlib.metadata as m; calls = []; m.entry_points = lambda group: calls.append(1) if group == {GROUP!r} else ()"
    assert subprocess.run([sys.executable, "-c", f"{spied}; {code}"]).returncode == 0


def test_a_program_may_add_its_own():
    more = vocabulary().with_activities({"nap": Pause})
    assert more["nap"] is Pause
    assert "nap" not in vocabulary()
    assert len(more) == len(vocabulary()) + 1


@pytest.mark.parametrize(
    "points", [[EntryPoint("Bad Name", "a:B", GROUP)], [EntryPoint("pause", "a:B", GROUP), EntryPoint("pause", "c:D", GROUP)]], ids=["bad name", "twice"]
)
def test_names_are_held_to_the_rules(points, others):
    others(*points)
    with pytest.raises(ValueError, match="activity"):
        list(vocabulary())


@pytest.mark.parametrize("name", sorted(HOUSE))
def test_every_activity_has_a_page_and_every_key_a_line(name):
    model = vocabulary()[name]
    assert "\n    steps:\n" in "\n".join(line[4:] if line.startswith("    ") else line for line in (model.__doc__ or "").splitlines()), "an example"
    said = docstrings(model)
    assert [key for key in model.model_fields if not said.get(key)] == []
