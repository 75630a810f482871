from importlib.metadata import EntryPoint

import pytest

from bpflow.activities.pause import Pause
from bpflow.definition import vocabulary as room
from bpflow.definition.vocabulary import GROUP, Vocabulary, vocabulary
from bpflow.schema.generate import docstrings

BUILT_IN = {"calendar-event", "condition", "end", "loop", "notify", "pause", "request-info", "set-variables", "update-document"}


def test_the_built_in_activities_come_through_the_entry_points():
    assert set(vocabulary()) >= BUILT_IN
    assert vocabulary()["pause"] is Pause
    assert "pause" in vocabulary()
    assert "pauze" not in vocabulary()


def test_a_class_is_loaded_when_it_is_asked_for():
    broken = Vocabulary({"broken": EntryPoint("broken", "no.such.module:Class", GROUP)})
    assert list(broken) == ["broken"]
    with pytest.raises(ModuleNotFoundError):
        broken["broken"]


def test_a_program_may_add_its_own():
    more = vocabulary().with_activities({"nap": Pause})
    assert more["nap"] is Pause
    assert "nap" not in vocabulary()
    assert len(more) == len(vocabulary()) + 1


@pytest.mark.parametrize(
    "points", [[EntryPoint("Bad Name", "a:B", GROUP)], [EntryPoint("pause", "a:B", GROUP), EntryPoint("pause", "c:D", GROUP)]], ids=["bad name", "twice"]
)
def test_names_are_held_to_the_rules(points, monkeypatch):
    monkeypatch.setattr(room, "entry_points", lambda group: points)
    vocabulary.cache_clear()
    try:
        with pytest.raises(ValueError, match="activity"):
            vocabulary()
    finally:
        vocabulary.cache_clear()


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_activity_has_a_page_and_every_key_a_line(name):
    model = vocabulary()[name]
    assert "\n    steps:\n" in "\n".join(line[4:] if line.startswith("    ") else line for line in (model.__doc__ or "").splitlines()), "an example"
    said = docstrings(model)
    assert [key for key in model.model_fields if not said.get(key)] == []
