"""Whatever bpflow says, it says in Russian too."""

from bpflow.diagnostics import say
from tests import catalogue

KNOWN = catalogue.translations(catalogue.catalogue())


def test_every_message_is_a_literal() -> None:
    assert catalogue.unclear() == [], "give `say` and `tr` a literal: the catalogue is read out of the code"


def test_every_message_is_translated() -> None:
    assert catalogue.untranslated() == [], "`make update`, then translate them in bpflow/locale/ru/LC_MESSAGES/bpflow.po, and once more `make update`"


def test_translations_have_the_same_holes() -> None:
    assert {known: text for known, text in KNOWN.items() if catalogue.holes(text) != catalogue.holes(known)} == {}


def test_nothing_is_translated_that_nobody_says() -> None:
    assert set(KNOWN) - set(catalogue.said()) == set(), "run `make update`"


def test_the_compiled_catalogue_is_up_to_date() -> None:
    assert catalogue.read_compiled() == KNOWN, "run `make update`"


def test_a_message_is_said_in_russian() -> None:
    assert say('did you mean "{word}"?', word="approve").text("ru") == "может быть, «approve»?"
