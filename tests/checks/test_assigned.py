"""What is proved to be there, and what is not: small processes, each with one reading."""

from __future__ import annotations

import textwrap
import time

import pytest

from bpflow.checks.ways.walk import Walk
from bpflow.expressions.facts import Fact
from bpflow.graph import Graph
from bpflow.loading import load_text
from tests.checks.test_rules import COMPANY

ASK = """\
- id: ask
  activity: request-info
  to: initiator
  outcomes:
    arranged: {fields: {meet_at: {type: datetime, required: true}}}
    later: {fields: {call_at: {type: datetime, required: true}}, next: go-on}
    refused: {next: go-on}
"""
BESIDE = ("never-read", "always-true", "always-false")
"""What is right of processes as small as these, and not looked at here."""
READ = "- {activity: pause, until: ask.meet_at}\n"


def process(steps: str, head: str = "") -> str:
    """A process with these steps."""
    return f"bpflow: 1\nid: p\ndocument: company\nvariables: {{known: {{type: boolean, default: false}}}}\n{head}steps:\n{textwrap.indent(steps, '  ')}"


def found(steps: str, head: str = "") -> list[str]:
    """What is said to be missing, as it is written; nothing else may be said."""
    text = process(steps, head)
    findings = load_text(text, "p.yaml", {"company": COMPANY}).findings
    findings = [finding for finding in findings if finding.rule not in BESIDE]
    assert {finding.rule for finding in findings} <= {"unset-result"}, findings
    lines = text.splitlines()
    return [lines[finding.span.line - 1][finding.span.column - 1 : finding.span.end_column - 1] for finding in findings]


def graph(steps: str) -> Graph:
    made = load_text(process(steps), "p.yaml", {"company": COMPANY}).graph
    assert made is not None
    return made


WHEN = """\
- activity: condition
  branches:
    - when: {when}
      steps:
        - activity: pause
          until: {read}
  otherwise: {{next: go-on}}
"""


@pytest.mark.parametrize(
    "when, read, missing",
    [
        ('ask.outcome == "arranged"', "ask.meet_at", []),
        ('ask.outcome != "later" and ask.outcome != "refused"', "ask.meet_at", []),
        ('ask.outcome in ["arranged"]', "ask.meet_at", []),
        ('ask.outcome == "later"', "ask.meet_at", ["ask.meet_at"]),
        ('not (ask.outcome == "later" or ask.outcome == "refused")', "ask.meet_at", []),
        ("ask.meet_at != none", "ask.meet_at", []),
        ("ask.meet_at > now", "ask.meet_at", ["ask.meet_at"]),
        ("ask.call_at == none", "ask.meet_at", ["ask.meet_at"]),
        ("coalesce(ask.meet_at, now) > now", "ask.meet_at", ["ask.meet_at"]),
        ("ask.by != none", "coalesce(ask.meet_at, ask.call_at, now)", []),
        ("true", '(ask.meet_at if ask.outcome == "arranged" else now)', []),
        ('ask.outcome == "later" and ask.call_at > now', "ask.call_at", []),
        ('ask.outcome == "arranged" and ask.call_at > now', "ask.meet_at", ["ask.call_at"]),
    ],
)
def test_what_conditions_prove(when, read, missing):
    assert found(ASK + WHEN.format(when=when, read=read)) == missing


@pytest.mark.parametrize(
    "steps, missing",
    [
        (ASK.replace("next: go-on", "steps: [{activity: end, result: no}]") + READ, []),
        (ASK.replace("next: go-on", "next: ask") + READ, []),
        (ASK + READ, ["ask.meet_at"]),
        (ASK + "- activity: pause\n  until: ask.answers[0].at\n", []),
        (READ + ASK, ["ask.meet_at"]),
    ],
)
def test_the_flows_of_outcomes(steps, missing):
    assert found(steps) == missing


def test_what_was_the_case_earlier_is_still_known():
    """Two conditions on one thing: the second proves what was done after the first."""
    first = "- activity: condition\n  branches: [{when: known, steps: [{id: ask, activity: request-info, to: initiator, fields: {meet_at: {type: date}}}]}]\n"
    first += "  otherwise: {next: go-on}\n- {activity: notify, to: initiator, text: Так}\n"
    read = WHEN.format(when="known", read="at_time(coalesce(ask.meet_at, today()), '09:00') if ask.by != none else now")
    assert found(first + WHEN.format(when="known", read="(now if ask.by == none else now)")) == []
    assert found(first + read) == []
    again = WHEN.format(when="known", read="(ask.answers[0].at)")
    assert found(first + again) == []
    assert found(first + "- {activity: set-variables, set: {known: true}}\n" + again) == ["ask.answers"]
    of_document = first.replace("when: known", 'when: document.status == "new"')
    assert found(of_document + again.replace("when: known", 'when: document.status == "new"')) == ["ask.answers"], "others may change it meanwhile"


def test_a_variable_tells_what_was_done():
    ask = ASK.replace("later: {", "later: {steps: [{activity: set-variables, set: {known: true}}], ").replace(", next: go-on}\n    refused", "}\n    refused")
    assert found(ask + WHEN.format(when="known", read="ask.call_at")) == []
    assert found(ask + WHEN.format(when="not known", read="ask.call_at")) == ["ask.call_at"]


@pytest.mark.parametrize(
    "steps, missing",
    [
        ("- {activity: notify, to: initiator, text: $(error.message)}\n", []),
        ("- {activity: notify, to: initiator, text: $(crm.value)}\n", ["crm.value"]),
    ],
)
def test_errors(steps, missing):
    call = "- id: crm\n  activity: call-process\n  process: other\n  document: document\n  on-error:\n    steps:\n" + textwrap.indent(steps, "      ")
    assert found(call.replace("crm.value", "crm.result")) == [one.replace("value", "result") for one in missing]


def test_threads_are_gathered():
    split = """\
- {id: begin, activity: pause, for: 1h, next: [left, right]}
- {id: left, activity: request-info, to: initiator, fields: {n: {type: integer}}, next: both}
- {id: right, activity: request-info, to: initiator, fields: {n: {type: integer}}}
- {id: both, activity: join}
- {activity: notify, to: initiator, text: $(left.n) $(right.n)}
"""
    assert found(split) == []
    assert found(split.replace("fields: {n: {type: integer}}}", "title: $(left.n), fields: {n: {type: integer}}}", 1)) == ["left.n"]


BRANCHES = """\
- activity: parallel
  join: {join}
  branches:
    one: {{when: document.name != none, steps: [{{id: one, activity: request-info, to: initiator, fields: {{n: {{type: integer}}}}}}]}}
    two: {{steps: [{{id: two, activity: request-info, to: initiator, fields: {{n: {{type: integer}}}}}}]}}
- {{activity: notify, to: initiator, text: $({read}.n)}}
"""


@pytest.mark.parametrize("join, read, missing", [("all", "two", []), ("all", "one", ["one.n"]), ("any", "two", ["two.n"]), ("2", "two", [])])
def test_branches(join, read, missing):
    assert found(BRANCHES.format(join=join, read=read)) == missing


def test_facts_at_a_node():
    walk = Walk(graph(ASK + '- {id: after, activity: condition, branches: [{when: ask.outcome == "later", next: go-on}], otherwise: {next: go-on}}\n'))
    assert len(walk.cases("after")) == 3
    assert Fact(("ask", "outcome"), False, None) in walk.facts("after")


def test_wide_and_deep_parallels_cost_little():
    """Seventeen branches, and twelve inside each other: no case for each of the ways in which they may interleave."""
    branches = "\n".join(
        f"    b{n}: {{steps: [{{id: a{n}, activity: request-info, to: initiator, outcomes: {{yes: {{}}, no: {{next: go-on}}}}}}]}}" for n in range(17)
    )
    reads = " or ".join(f'a{n}.outcome == "yes"' for n in range(17))
    wide = f"- activity: parallel\n  branches:\n{branches}\n- {{activity: condition, branches: [{{when: {reads}, next: go-on}}], otherwise: {{next: go-on}}}}\n"
    deep = "- {id: inner, activity: request-info, to: initiator}\n"
    for number in range(12):
        other = f"    b: {{steps: [{{id: b{number}, activity: pause, for: 1h}}]}}\n"
        deep = f"- activity: parallel\n  branches:\n    a:\n      steps:\n{textwrap.indent(deep, '        ')}{other}"
    for steps in (wide, deep + "- {activity: notify, to: inner.by, text: Так}\n"):
        made = graph(steps)
        begin = time.process_time()
        Walk(made)
        assert time.process_time() - begin < 1
