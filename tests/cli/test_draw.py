"""`diagram` and `schema`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bpflow.checks import RULES
from bpflow.diagnostics import Severity

Bpflow = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent


def test_a_process_is_drawn(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("diagram", "purchase.yaml")
    assert told.code == 0
    assert told.out.startswith("flowchart TD\n")
    assert "Покупаем?" in told.out


def test_a_drawing_goes_into_a_file(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("diagram", "purchase.yaml", "-o", "purchase.mmd")
    assert (told.out, told.err) == ("", 'written to "purchase.mmd"\n')
    assert (workspace / "purchase.mmd").read_text(encoding="utf-8").startswith("flowchart TD\n")
    told = bpflow("diagram", "purchase.yaml", "-o", "no/such/folder.mmd")
    assert told.code == 2
    assert told.err.startswith('"no/such/folder.mmd" cannot be written: ')


def test_what_has_errors_is_not_drawn(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "broken.yaml").write_text("bpflow: 1\nid: broken\nsteps: []\n", encoding="utf-8")
    told = bpflow("diagram", "broken.yaml")
    assert (told.code, told.out) == (1, "")
    assert "broken.yaml:" in told.err
    assert bpflow("diagram", "nosuch.yaml").code == 2


def test_the_schema_is_the_one_that_is_kept(bpflow: Bpflow) -> None:
    told = bpflow("schema")
    assert told.out == (ROOT / "schemas" / "process.schema.json").read_text(encoding="utf-8")
    assert told.out == bpflow("schema", "process").out


@pytest.mark.parametrize("kind, key", [("document", "fields"), ("directory", "people"), ("settings", "timezone"), ("scenarios", "scenarios")])
def test_each_kind_of_file_has_a_schema(bpflow: Bpflow, kind: str, key: str) -> None:
    schema = json.loads(bpflow("schema", kind).out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert key in schema["properties"]


def test_the_schema_of_settings_offers_the_rules_that_can_be_switched_off(bpflow: Bpflow, workspace: Path) -> None:
    schema = json.loads(bpflow("schema", "settings").out)
    offered = schema["properties"]["rules"]["properties"]
    assert offered.keys() == {rule.id for rule in RULES.values() if rule.severity is not Severity.ERROR}
    assert offered["hash-cut"]["description"] == RULES["hash-cut"].summary
    judge = Draft202012Validator(schema)
    assert judge.is_valid({"rules": {"hash-cut": {"severity": "off", "reason": "So they write"}, "unknown-name": {"severity": "error", "reason": "It is one"}}})
    assert not judge.is_valid({"rules": {"hash-cut": {"severity": "off"}}})


def test_an_unknown_kind(bpflow: Bpflow) -> None:
    told = bpflow("schema", "proces")
    assert told.code == 2
    assert 'not "proces" — did you mean "process"?' in told.err
