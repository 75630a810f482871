"""A process around some steps, read from YAML and lowered."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.definition.reading import Reading
from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import in_order
from bpflow.graph import Graph, Node, from_json, to_json
from bpflow.source import read_source

COMPANY = {
    "type": "company",
    "title": "Компания",
    "fields": {
        "name": {"type": "string", "title": "Название", "required": True},
        "phone": {"type": "string", "title": "Телефон"},
        "status": {"type": "choice", "choices": {"new": "Новая", "refused": "Отказ"}},
        "tags": {"type": "string", "many": True},
        "visits": {"type": "integer"},
        "amount": {"type": "money"},
        "rating": {"type": "integer", "min": 1, "max": 5},
        "met_at": {"type": "datetime", "title": "Встреча"},
        "day": {"type": "date"},
        "ready": {"type": "boolean"},
        "term": {"type": "duration"},
        "responsible": {"type": "user", "title": "Ответственный"},
        "client": {"type": "document", "of": "client"},
        "address": {"type": "object", "fields": {"city": {"type": "string", "title": "Город"}}},
    },
}
CLIENT = {"type": "client", "fields": {"last_contact": {"type": "date", "title": "Последний контакт"}}}
HEAD = """\
bpflow: 1
id: test
title: Проверка
timezone: Europe/Moscow
document: company
variables:
  attempts: {type: integer, default: 0}
"""


@dataclass
class Made:
    """What came of the steps: nodes by id, and findings as "line:column rule: message — hint"."""

    graph: Graph
    findings: list[str]

    @property
    def nodes(self) -> dict[str, Node]:
        return {node.id: node for node in self.graph.nodes}


@pytest.fixture
def made() -> Callable[..., Made]:
    """Lowers steps given as YAML; lines are counted from the first of them. `head` is the process without `steps`."""

    def make(steps: str, head: str = HEAD) -> Made:
        text = f"{head}steps:\n{textwrap.indent(textwrap.dedent(steps).strip(), '  ')}\n"
        source = read_source(text, "test.yaml")
        assert not source.findings, source.findings
        types = {kind.type: kind for kind in (DocumentTypeModel.model_validate(each).document_type() for each in (COMPANY, CLIENT))}
        reading = Reading("test.yaml", vocabulary())
        process = Process.model_validate(source.tree, context=reading)
        compiled = lower(process, types, reading=reading)
        assert from_json(to_json(compiled.graph)) == compiled.graph
        first = head.count("\n") + 1
        found = in_order(reading.findings + compiled.findings)
        said = [f"{f.span.line - first}:{f.span.column - 2} {f.rule}: {f.message}{f' — {f.hint}' if f.hint else ''}" for f in found]
        return Made(compiled.graph, said)

    return make
