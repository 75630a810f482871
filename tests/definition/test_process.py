import pytest
from pydantic import ValidationError

from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.definition.reading import Reading
from bpflow.definition.step import walk
from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import in_order
from bpflow.graph import Expr, Flow, Start, to_json
from bpflow.source import read_source
from bpflow.values import DocumentType, Field

TYPES = {
    "company": DocumentType("company", "Компания", (("name", Field("string")), ("client", Field("document", of=("client",))))),
    "client": DocumentType("client", "Клиент", (("name", Field("string")), ("parent", Field("document", of=("company",))))),
    "other": DocumentType("other", "Другое", ()),
}


def read(text: str):
    source = read_source(text, "p.yaml")
    assert not source.findings, source.findings
    reading = Reading("p.yaml", vocabulary())
    process = Process.model_validate(source.tree, context=reading)
    compiled = lower(process, TYPES, reading=reading)
    said = [f"{f.span.line}:{f.span.column} {f.rule}: {f.message}{f' — {f.hint}' if f.hint else ''}" for f in in_order(reading.findings + compiled.findings)]
    return process, compiled, said


WHOLE = """\
bpflow: 1
id: whole
title: Целое
description: Всё сразу.
timezone: Asia/Yekaterinburg
document: company
start:
  - on: document-changed
    when: previous.name != document.name
    with: {span: 3}
  - {on: document-created}
  - {on: manual, by: manager, with: {since: 2026-03-02T10:00}}
inputs:
  span: {type: integer, default: 1}
  since: {type: datetime}
people:
  manager: document.client
variables:
  attempts: {type: integer, default: 0}
outputs:
  count: attempts + span
unless-running: true
steps:
  - {activity: end, result: done}
"""


def test_the_whole_head_comes_into_the_graph():
    _, compiled, said = read(WHOLE)
    graph = compiled.graph
    assert said == []
    assert (graph.process, graph.title, graph.timezone, graph.document, graph.source) == ("whole", "Целое", "Asia/Yekaterinburg", "company", "p.yaml")
    assert [kind.type for kind in graph.documents] == ["client", "company"]
    assert graph.unless_running
    assert graph.starts == (
        Start("document-changed", Expr("previous.name != document.name"), (("span", Expr("3")),)),
        Start("document-created"),
        Start("manual", give=(("since", Expr('datetime("2026-03-02T10:00+05:00")')),), by=Expr("manager")),
    )
    assert dict(graph.inputs)["span"] == Field("integer", "span", default="1")
    assert [(v.name, v.field.kind, v.default) for v in graph.variables] == [("attempts", "integer", Expr("0"))]
    assert graph.outputs == (("count", Expr("attempts + span")),)
    assert graph.people == (("manager", Expr("document.client")),)
    assert graph.entry == (Flow(">end", "end"),)


def test_expressions_know_where_they_stand():
    _, compiled, _ = read(WHOLE)
    part = compiled.origins[9, 11][0]
    assert part.text == "previous.name != document.name"
    assert str(part.span(17, 8)) == "p.yaml:9:28"


def test_a_moved_line_changes_no_digest_but_a_changed_condition_does():
    graph = read(WHOLE)[1].graph
    assert read("# remark\n" + WHOLE)[1].graph.digest == graph.digest
    assert to_json(read("# remark\n" + WHOLE)[1].graph) != to_json(graph)
    assert read(WHOLE.replace("attempts + span", "attempts - span"))[1].graph.digest != graph.digest


def test_a_document_type_may_stand_in_the_process():
    _, compiled, said = read("bpflow: 1\nid: p\ndocument: {type: note, fields: {body: {type: text}}}\nsteps: [{activity: update-document, set: {body: a}}]\n")
    assert said == []
    assert compiled.graph.document == "note"


def test_what_is_wrong_in_the_head():
    _, _, said = read("""\
bpflow: 1
id: p
timezone: Europe/Moskow
document: compani
start:
  - {on: manual, by: "ivanov or", with: {spam: 3, span: many}}
inputs:
  span: {type: integer, default: x}
people:
  boss: 2026-03-02
variables:
  n: {type: integer, default: $(1 +)}
steps: [{activity: update-document, set: {anything: 1}}]
""")
    assert said == [
        '3:11 unknown-timezone: there is no time zone "Europe/Moskow" — did you mean "Europe/Moscow"?',
        '4:11 unknown-type: there is no document type "compani" — did you mean "company"?',
        '6:30 bad-expression: something is missing after "or"',
        '6:42 unknown-name: there is no input "spam" — did you mean "span"?',
        '6:57 wrong-value: "many" is not a whole number',
        '8:34 wrong-value: "x" is not a whole number',
        '10:9 bad-expression: "2026-03-02" is a subtraction here, not a date — write date("2026-03-02")',
        '12:35 bad-expression: something is missing after "+"',
    ]


def test_starts_by_documents_need_one():
    _, _, said = read("bpflow: 1\nid: p\nunless-running: true\nstart: [{on: document-created}]\nsteps: [{activity: end, result: done}]\n")
    assert [line.partition(": ")[0] for line in said] == ["3:1 missing-key", "4:9 missing-key"]


def test_an_own_document_type_may_not_hide_one_of_the_workspace():
    _, _, said = read("bpflow: 1\nid: p\ndocument: {type: company, fields: {body: {type: text}}}\nsteps: [{activity: end, result: done}]\n")
    assert said == ['3:18 name-clash: the workspace has a document type "company" already — write "document: company"']


def test_plain_data_will_do():
    process = Process.model_validate({"bpflow": 1, "id": "p", "steps": [{"activity": "pause", "for": "1h"}, {"activity": "end", "result": "done"}]})
    compiled = lower(process, {})
    assert compiled.findings == []
    assert [node.id for node in compiled.graph.nodes] == ["pause", "end"]


def test_without_a_reading_mistakes_are_errors():
    with pytest.raises(ValidationError, match="unknown-activity"):
        Process.model_validate({"bpflow": 1, "id": "p", "steps": [{"activity": "paus", "for": "1h"}]})
    with pytest.raises(ValidationError, match="bad-expression"):
        Process.model_validate({"bpflow": 1, "id": "p", "steps": [{"activity": "pause", "until": "1 +"}]})


def test_keys_that_there_are_not_are_unknown():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Process.model_validate({"bpflow": 1, "id": "p", "on-error": {}, "steps": [{"activity": "end", "result": "done"}]})


def test_a_process_has_steps_or_stages():
    steps = [{"activity": "end", "result": "done"}]
    for keys in ({}, {"steps": steps, "document": "deal", "stage-field": "stage", "stages": {"new": {"final": True}}}):
        with pytest.raises(ValidationError, match=r"of \"steps\" / \"stages\"|\"steps\" / \"stages\" is"):
            Process.model_validate({"bpflow": 1, "id": "p", **keys})
    with pytest.raises(ValidationError, match=r'"moves" goes with "stages" only'):
        Process.model_validate({"bpflow": 1, "id": "p", "steps": steps, "moves": {"new": {}}})


def test_walk_finds_the_steps_inside():
    process, _, _ = read("""\
bpflow: 1
id: p
steps:
  - id: a
    activity: loop
    until: true
    steps:
      - id: b
        activity: condition
        branches: [{when: true, steps: [{id: c, activity: end, result: x}]}]
        otherwise: {steps: [{id: d, activity: end, result: y}]}
  - {id: e, activity: end, result: z}
""")
    assert [step.id for step in walk(process.steps)] == ["a", "b", "c", "d", "e"]
    assert str(process.steps[0].place) == "p.yaml:4:5"
