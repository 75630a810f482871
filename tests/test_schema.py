"""The shape: the schema that editors get, the judge that is quick and the one that explains, and the words of the findings."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bpflow.definition.directory import DirectoryFile
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings
from bpflow.definition.vocabulary import vocabulary
from bpflow.expressions.letters import foreign_letter
from bpflow.schema import check_file, check_shape, model_schema, process_schema
from bpflow.schema.generate import docstrings, shape_schema
from bpflow.schema.keeping import keeps
from bpflow.schema.mistakes import errors_of
from bpflow.schema.steps import definition_of
from bpflow.source import Items, Table, Text, read_source

CASES = Path(__file__).parent / "cases"
FILES = sorted([*(CASES / "ok").glob("*.yaml"), *(CASES / "err").glob("*.yaml")])


def said(text: str) -> list[str]:
    source = read_source(text, "x.yaml")
    return [f"{finding.span.line}:{finding.span.column} {finding.message} [{finding.rule}]" for finding in check_shape(source.tree, source)]


def process(*steps: str) -> str:
    return "\n".join(["bpflow: 1", "id: example", "steps:", *(f"  - {step}" for step in steps)]) + "\n"


# ── for editors ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_schema_is_a_schema_and_plain_json() -> None:
    schema = process_schema()
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("path", sorted((CASES / "ok").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_for_editors_accepts_good_processes(path: Path) -> None:
    assert list(Draft202012Validator(process_schema()).iter_errors(read_source(path.read_bytes(), path.name).tree)) == []


def test_the_schema_for_editors_follows_the_activity() -> None:
    validator = Draft202012Validator(process_schema())
    errors = [error.message for error in validator.iter_errors(read_source(process("{activity: end, result: done, to: me}"), "x").tree)]
    assert len(errors) == 1
    assert "'to' was unexpected" in errors[0]
    assert not validator.is_valid(read_source(process("{activity: ende, result: done}"), "x").tree)


def test_all_that_can_be_written_is_described() -> None:
    definitions = process_schema()["$defs"]
    for name in vocabulary():
        definition = definitions[definition_of(name)]
        assert definition["title"] == name
        assert len(definition["description"]) > 40
        undescribed = [key for key, schema in definition["properties"].items() if key != "activity" and "description" not in schema]
        assert undescribed == []


def test_descriptions_are_the_docstrings_of_the_keys() -> None:
    assert docstrings(vocabulary()["pause"])["until"] == "A date, or a condition."
    assert "id" in docstrings(vocabulary()["pause"])


def test_an_activity_without_source_has_no_descriptions() -> None:
    made = type("Made", (vocabulary()["pause"],), {"__module__": "nowhere"})
    assert docstrings(made) == docstrings(vocabulary()["pause"])


@pytest.mark.parametrize("model", [DocumentTypeModel, DirectoryFile, Settings])
def test_the_other_files_have_schemas_too(model: Any) -> None:
    Draft202012Validator.check_schema(model_schema(model, "a title"))


# ── the two judges ──────────────────────────────────────────────────────────────────────────────────────────────────
def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


def accident(tree: Any, chance: random.Random) -> None:
    """Takes something away, puts something else in its place, or adds a key."""
    path = chance.choice(list(places(tree))[1:])
    for key in path[:-1]:
        tree = tree[key]
    key = path[-1]
    match chance.randrange(4):
        case 0:
            tree.pop(key)
        case 1 if isinstance(tree, dict):
            tree["sуrplus"] = Text("x")
        case 2 if isinstance(tree, dict):
            tree[chance.choice(["next", "steps", "until", "outcomes", "type"])] = tree[key]
        case _:
            tree[key] = chance.choice([5, -1, True, None, Text(""), Text("no such"), Text("go-on"), Items(), Table(), Items([Text("x")])])


@given(st.sampled_from(FILES), st.integers(0, 2**32))
def test_the_judge_that_is_quick_and_the_one_that_explains_agree(path: Path, seed: int) -> None:
    source = read_source(path.read_bytes(), path.name)
    chance = random.Random(seed)
    if not isinstance(source.tree, Table):
        return
    for _ in range(chance.randint(0, 2)):
        accident(source.tree, chance)
    schema = shape_schema(source.tree, vocabulary())
    assert keeps(source.tree, schema) is not bool(errors_of(source.tree, schema))


def test_a_long_process_is_checked_in_linear_time() -> None:
    step = "{activity: request-info, to: initiator, title: What?, outcomes: {a: {title: A}, b: {title: B, next: go-on}}, wrong: 1}"
    source = read_source(process(*[step] * 1000), "x.yaml")
    started = process_time()
    assert len(check_shape(source.tree, source)) == 1000
    assert process_time() - started < 4


# ── the words ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "step, words",
    [
        ("{activity: end}", ['4:5 "end" needs "result" [missing-key]']),
        ("{activity: end, reslut: done}", ['4:21 "end" has no key "reslut" [unknown-key]']),
        ("{activity: end, result: [done]}", ['4:29 "result" must be a text, and this is a list [wrong-kind]']),
        ("{activity: end, result: Done}", ['4:29 "Done" cannot be a name [bad-id]']),
        ("{activity: end, result: dоne}", ['4:30 "о" in "dоne" is a Cyrillic letter [lookalike]']),
        ("{activity: ending}", ['4:16 there is no activity "ending" [unknown-activity]']),
        ("{activity: [end]}", ['4:16 "activity" must be a text, and this is a list [wrong-kind]']),
        ("{end: done}", ['4:6 a step says with "activity" what it does [missing-activity]']),
        ("{activty: end, result: done}", ['4:6 a step has no key "activty" [unknown-key]']),
        ("end", ['4:5 an item of "steps" must be a set of keys with values, and this is a text [wrong-kind]']),
        ("{activity: pause}", ['4:5 "pause" needs one of "for", "until" [exactly-one]']),
        ("{activity: pause, for: 1d, until: now}", ['4:32 "pause" takes only one of "for", "until" [exactly-one]']),
        ("{activity: pause, fur: 1d}", ['4:23 "pause" has no key "fur" [unknown-key]']),
        ("{activity: pause, for: 5}", ["4:28 5 of what? The unit is missing [bad-duration]"]),
        ("{activity: pause, for: {days: 5}}", ['4:28 "for" must be a duration or an expression, and this is a set of keys with values [wrong-kind]']),
        ("{activity: pause, for: 1d, next: Go On}", ['4:38 there is no step "Go On" [unknown-step]']),
        ("{activity: notify, to: {}, text: x}", ['4:28 "to" must be an expression, and this is a set of keys with values [wrong-kind]']),
        ("{activity: loop, until: true, steps: []}", ['4:42 "steps" must not be empty [too-short]']),
        ("{activity: loop, until: true, max: 0, steps: [{activity: end, result: x}]}", ['4:40 "max" must be at least 1 [not-allowed]']),
    ],
)
def test_mistakes_are_said_in_the_words_of_the_file(step: str, words: list[str]) -> None:
    assert said(process(step)) == words


def test_each_start_is_followed_by_what_it_is_on() -> None:
    assert said(process("{activity: end, result: x}") + "start: [{on: manual, bi: initiator}]\n") == ['5:22 an item of "start" has no key "bi" [unknown-key]']
    assert said(process("{activity: end, result: x}") + "start: [{by: initiator}]\n") == ['5:9 an item of "start" needs "on" [missing-key]']
    assert said(process("{activity: end, result: x}") + "start: [{on: monday}]\n") == ['5:14 "monday" is no value of "on" [not-allowed]']


def test_the_form_that_was_meant_is_the_one_that_is_explained() -> None:
    inline = "document: {type: note, fields: {text: {type: txt}}}\n"
    assert said(process("{activity: end, result: x}") + inline) == ['5:46 "txt" is no value of "type" [not-allowed]']
    assert said(process("{activity: end, result: x}") + "document: [note]\n") == [
        '5:11 "document" must be a text or a set of keys with values, and this is a list [wrong-kind]'
    ]


def test_other_files_are_explained_too() -> None:
    source = read_source("type: company\nfields: {name: {type: string, requird: true}}\n", "x.yaml")
    assert [str(finding.message) for finding in check_file(source, DocumentTypeModel)] == ['"name" has no key "requird"']


@pytest.mark.parametrize(
    "name, latin",
    [("сall", "call"), ("stаtus", "status"), ("а", "a"), ("статус", None), ("status", None), ("Иванов", None), ("x_а", "x_a"), ("дом", None)],
)
def test_a_cyrillic_letter_in_a_latin_name_is_told(name: str, latin: str | None) -> None:
    found = foreign_letter(name, ["a", "status"])
    assert (found.latin if found else None) == latin
