import pytest
from pydantic import ValidationError

from bpflow.definition.fields import DocumentTypeModel, FieldModel
from bpflow.definition.reading import Reading
from bpflow.source import read_source
from bpflow.values import DocumentType, Field


def findings(text: str) -> list[str]:
    source = read_source(text, "documents/x.yaml")
    assert not source.findings, source.findings
    reading = Reading("documents/x.yaml")
    DocumentTypeModel.model_validate(source.tree, context=reading)
    return [f"{f.span.line}:{f.span.column} {f.rule}: {f.message}{f' — {f.hint}' if f.hint else ''}" for f in reading.findings]


@pytest.mark.parametrize(
    "written, field",
    [
        ({"type": "string"}, Field("string", title="x")),
        (
            {"type": "text", "title": "Текст", "help": "Подсказка", "required": True, "secret": True},
            Field("text", "Текст", required=True, help="Подсказка", secret=True),
        ),
        ({"type": "integer", "min": 0, "max": 10}, Field("integer", "x", min="0", max="10")),
        ({"type": "date", "min": "2026-01-01"}, Field("date", "x", min="2026-01-01")),
        ({"type": "choice", "choices": ["a", 2]}, Field("choice", "x", choices=(("a", "a"), ("2", "2")))),
        ({"type": "choice", "choices": {"a": "А", "b": None}}, Field("choice", "x", choices=(("a", "А"), ("b", "b")))),
        ({"type": "document", "of": "deal"}, Field("document", "x", of=("deal",))),
        ({"type": "document", "of": ["deal", "lead"], "many": True}, Field("document", "x", many=True, of=("deal", "lead"))),
        ({"type": "object", "fields": {"город": {"type": "string"}}}, Field("object", "x", fields=(("город", Field("string", "город")),))),
        ({"type": "string", "pattern": "[0-9]{6}"}, Field("string", "x", pattern="[0-9]{6}")),
        ({"type": "boolean", "default": True}, Field("boolean", "x", default="true")),
        ({"type": "integer", "many": True, "default": [1, "$(n)"]}, Field("integer", "x", many=True, default="[1, n]")),
    ],
)
def test_every_key_comes_through(written, field):
    assert FieldModel.model_validate(written).field("x") == field


def test_what_is_wrong_is_found_with_its_place():
    assert findings("""\
type: company
title-field: nam
fields:
  name: {type: string, choices: [a]}
  kind: {type: choice}
  parts: {type: object}
  size: {type: integer, min: few}
  ready: {type: boolean, max: 1}
  code: {type: string, pattern: "(a+)+"}
  year: {type: integer, default: soon}
  когда и где: {type: string}
  class: {type: string}
""") == [
        '4:24 unknown-key: a field of type "string" has no "choices"',
        '5:9 missing-key: a field of type "choice" needs "choices"',
        '6:10 missing-key: a field of type "object" needs "fields"',
        '7:30 wrong-value: "few" is not a whole number',
        '8:26 unknown-key: a field of type "boolean" has no "max"',
        '9:33 wrong-value: the pattern "(a+)+" is not allowed: a part that repeats has another, or a choice, inside',
        '10:34 wrong-value: "soon" is not a whole number',
        '11:3 bad-id: "когда и где" cannot be the name of a field: letters, digits and "_" only, the first a letter, and no word of the expressions'
        ' — write "когда_и_где" and put the rest into "title"',
        '12:3 bad-id: "class" cannot be the name of a field: letters, digits and "_" only, the first a letter, and no word of the expressions',
        '2:14 unknown-field: there is no field "nam" — did you mean "name"?',
    ]


def test_without_a_reading_a_mistake_is_an_error():
    with pytest.raises(ValidationError, match=r"needs \"choices\" \[missing-key\]"):
        FieldModel.model_validate({"type": "choice"})


def test_a_document_type():
    model = DocumentTypeModel.model_validate({"type": "deal", "title": "Сделка", "title-field": "number", "fields": {"number": {"type": "string"}}})
    assert model.document_type() == DocumentType("deal", "Сделка", (("number", Field("string", "number")),), "number")
