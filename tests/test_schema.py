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

from bpflow.definition.entries import DirectoryFile
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings
from bpflow.definition.step import Step
from bpflow.definition.types import Title
from bpflow.definition.vocabulary import vocabulary
from bpflow.expressions.letters import foreign_letter
from bpflow.scenario import ScenarioFile
from bpflow.schema.generate import docstrings, model_schema, process_schema
from bpflow.schema.keeping import keeps
from bpflow.schema.mistakes import errors_of
from bpflow.schema.shape import check_file, check_shape
from bpflow.schema.shapes import shape_schema
from bpflow.schema.steps import definition_of
from bpflow.source import Items, Source, Table, Text, read_source

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


@pytest.fixture(scope="module")
def for_editors() -> dict[str, Draft202012Validator]:
    """A judge for each kind of file, by what editors are given."""
    models = {"document": DocumentTypeModel, "directory": DirectoryFile, "settings": Settings, "scenarios": ScenarioFile}
    schemas = {"process": process_schema(), **{kind: model_schema(model, kind) for kind, model in models.items()}}
    return {kind: Draft202012Validator(schema) for kind, schema in schemas.items()}


def kind_of(path: Path) -> str:
    """The kind of a file, as its name and its folder tell."""
    named = {"bpflow.yaml": "settings", "directory.yaml": "directory"}
    return "scenarios" if path.name.endswith(".test.yaml") else "document" if path.parent.name == "documents" else named.get(path.name, "process")


MODELS: dict[str, Any] = {"document": DocumentTypeModel, "directory": DirectoryFile, "settings": Settings, "scenarios": ScenarioFile}


def refused(path: Path, source: Source) -> bool:
    """Whether `validate` finds a mistake of shape: of keys, and of the kinds of values."""
    kind = kind_of(path)
    return bool(check_shape(source.tree, source) if kind == "process" else check_file(source, MODELS[kind]))


@pytest.mark.parametrize("path", sorted((CASES / "ok").rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_for_editors_accepts_what_is_right(path: Path, for_editors: dict[str, Draft202012Validator]) -> None:
    assert list(for_editors[kind_of(path)].iter_errors(read_source(path.read_bytes(), path.name).tree)) == []


def test_the_schema_for_editors_refuses_mistakes_of_shape_and_no_others(for_editors: dict[str, Draft202012Validator]) -> None:
    """Whoever writes in an editor sees at once what `validate` would say of the shape, and is not told of what is none."""
    judged: dict[Path, tuple[bool, bool]] = {}
    for path in sorted((CASES / "err").rglob("*.yaml")):
        source = read_source(path.read_bytes(), path.name)
        if source.tree is not None:
            judged[path] = not for_editors[kind_of(path)].is_valid(source.tree), refused(path, source)
    assert {path.name: told for path, told in judged.items() if told[0] != told[1]} == {}
    assert sum(wrong for wrong, _ in judged.values()) > 50
    assert sum(not wrong for wrong, _ in judged.values()) > 100


def test_the_schema_for_editors_follows_the_activity() -> None:
    validator = Draft202012Validator(process_schema())
    errors = [error.message for error in validator.iter_errors(read_source(process("{activity: end, result: done, to: me}"), "x").tree)]
    assert len(errors) == 1
    assert "'to' was unexpected" in errors[0]
    assert not validator.is_valid(read_source(process("{activity: ende, result: done}"), "x").tree)


def keys_within(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that some set of keys may have, with what the schema says of it; not what an `if` looks at."""
    if isinstance(schema, dict):
        yield from ((f"{path}.{key}", said) for key, said in schema.get("properties", {}).items() if "if" not in path.split("."))
        for word, inner in schema.items():
            yield from keys_within(inner, f"{path}.{word}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from keys_within(inner, path)


@pytest.mark.parametrize("kind", ["process", "document", "directory", "settings", "scenarios"])
def test_every_key_has_a_text_to_be_shown(kind: str, for_editors: dict[str, Draft202012Validator]) -> None:
    keys = dict(keys_within(for_editors[kind].schema))
    assert len(keys) > 5
    assert [path for path, said in keys.items() if not str(said.get("description", "")).strip()] == []


def test_every_activity_has_a_page_to_be_shown() -> None:
    definitions = process_schema()["$defs"]
    for name in vocabulary():
        definition = definitions[definition_of(name)]
        assert definition["title"] == name
        assert len(definition["description"]) > 15
        assert "\n" not in definition["description"]
        assert definition["markdownDescription"].count("```") >= 2
        assert definition["properties"]["activity"]["description"] == definition["description"]
    offered = definitions["step"]["properties"]["activity"]
    assert dict(zip(offered["enum"], offered["enumDescriptions"], strict=True)) == {
        name: definitions[definition_of(name)]["description"] for name in vocabulary()
    }


class SignPaper(Step):
    """Has a paper signed in ink.

    Somebody must go there.

        steps:
          - {activity: sign-paper, where: Reception}
    """

    where: Title
    """Where the paper lies."""


def test_a_programs_own_activities_are_in_the_schema_with_their_docstrings() -> None:
    schema = process_schema({"sign-paper": SignPaper})
    made = schema["$defs"]["activity.sign-paper"]
    assert made["description"] == "Has a paper signed in ink."
    assert "```yaml\nsteps:\n  - {activity: sign-paper, where: Reception}\n```" in made["markdownDescription"]
    assert made["properties"]["where"]["description"] == "Where the paper lies."
    judge = Draft202012Validator(schema)
    assert judge.is_valid(read_source(process("{activity: sign-paper, where: Reception}"), "x").tree)
    assert not judge.is_valid(read_source(process("{activity: sign-paper, were: Reception}"), "x").tree)
    assert "activity.sign-paper" not in process_schema()["$defs"]


def test_installed_activities_are_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = vocabulary().with_activities({"sign-paper": SignPaper})
    monkeypatch.setattr("bpflow.schema.generate.vocabulary", lambda: installed)
    assert "activity.sign-paper" in process_schema()["$defs"]


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
