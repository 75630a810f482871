"""Types of a whole process: at each place what stands there must be what is taken there, and nothing is said where that is not known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypedDict

import pytest

from bpflow.checks import RULES
from bpflow.diagnostics import Diagnostic, Severity
from bpflow.expressions.data import User
from bpflow.loading import load_process, load_text, load_workspace
from bpflow.services.annotations import service_type
from bpflow.values import DocumentType, Field, ServiceType

DEAL = DocumentType(
    "deal",
    "Deal",
    (
        ("name", Field("string", required=True)),
        ("total", Field("money")),
        ("count", Field("integer")),
        ("stage", Field("choice", choices=(("new", "New"), ("won", "Won")))),
        ("owner", Field("user")),
        ("team", Field("user", many=True)),
        ("client", Field("document", of=("deal",))),
        ("day", Field("date")),
        ("at", Field("datetime")),
        ("hot", Field("boolean")),
        ("tags", Field("string", many=True)),
        ("office", Field("department")),
        ("length", Field("duration")),
    ),
)
HEAD = """\
bpflow: 1
id: example
document: deal
start: [{on: manual}]
variables:
  n: {type: integer, default: 0}
  level: {type: choice, choices: {low: Low, high: High}, default: low}
  notes: {type: string, many: true}
"""


def found(steps: str, head: str = HEAD) -> list[Diagnostic]:
    """The findings about types in a process with these steps."""
    text = f"{head}steps:\n{steps}"
    findings = [one for one in load_text(text, "example.yaml", {"deal": DEAL}).findings if one.rule != "never-read"]
    assert all(one.span.line <= text.count("\n") + 1 for one in findings)
    return findings


def marked(steps: str) -> list[tuple[str, str]]:
    """Each finding as its rule and the characters at which it stands."""
    lines = f"{HEAD}steps:\n{steps}".splitlines()
    return [(one.rule, lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1]) for one in found(steps)]


PLACES = {
    "condition": ("{activity: condition, branches: [{when: XX, next: go-on}], otherwise: {next: go-on}}", "document.hot == true", "document.owner"),
    "while": ("{activity: loop, while: XX, max: 3, steps: [{activity: pause, for: 1h}]}", "n > 3", "n"),
    "until": ("{activity: loop, until: XX, max: 3, steps: [{activity: pause, for: 1h}]}", "n > 3", "document.name"),
    "parallel": (
        "{activity: parallel, branches: {a: {when: XX, steps: [{activity: pause, for: 1h}]}, b: {steps: [{activity: pause, for: 1h}]}}}",
        "n > 3",
        "document.client",
    ),
    "decide": ("{id: d, activity: decide, rules: [{when: XX, then: {a: 1}}], otherwise: {a: 2}, gives: {a: {type: integer}}}", "n > 3", "document.total"),
    "decide-sum": ("{id: d, activity: decide, hit: sum, rules: [{when: XX, then: {a: 1}}], gives: {a: {type: integer}}}", "n > 3", "document.total"),
    "then": (
        "{id: d, activity: decide, hit: max, rules: [{when: n > 1, then: {a: $(XX)}}], gives: {a: {type: date}}}",
        "document.day",
        "document.at",
    ),
    "to": ("{activity: task, title: T, to: XX, due: 1d}", "document.owner", "document.name"),
    "to-list": ("{activity: task, title: T, to: [document.owner, XX], due: 1d}", "document.team", "document.day"),
    "who-may-not": ("{activity: task, title: T, to: document.owner, who-may-not: XX, due: 1d}", "document.team", "document.stage"),
    "if-nobody": ("{activity: task, title: T, to: document.owner, if-nobody: XX, due: 1d}", 'with_role("boss")', "document"),
    "observers": ("{activity: task, title: T, to: document.owner, observers: XX, due: 1d}", "document.office", "n"),
    "due": ("{activity: task, title: T, to: document.owner, due: XX}", "document.at", "document.count"),
    "remind-before": ("{activity: task, title: T, to: document.owner, due: 3d, remind-before: XX}", "hours(n)", "document.day"),
    "remind": ("{activity: task, title: T, to: document.owner, due: 3d, on-overdue: {remind: XX}}", "document.length", "document.total"),
    "tell": ("{activity: task, title: T, to: document.owner, due: 3d, on-overdue: {tell: XX}}", "head_of(document.office)", "document.tags"),
    "escalate-to": ("{activity: task, title: T, to: document.owner, due: 3d, on-overdue: {escalate-to: XX}}", "initiator", "document.hot"),
    "done-when": ("{activity: task, title: T, to: document.owner, done-when: XX}", 'document.stage == "won"', "document.stage"),
    "start-at": ("{id: c, activity: approve-chain, title: T, start-at: XX, levels: 2, outcomes: {rejected: {next: go-on}}}", "document.owner", "document.day"),
    "for": ("{activity: pause, for: XX}", "document.length", "document.count * 2"),
    "pause-until": ("{activity: pause, until: XX}", "document.day", "document.name"),
    "calendar-at": ("{activity: calendar-event, title: T, at: XX, to: document.owner}", "document.day", "document.total"),
    "lasts": ("{activity: calendar-event, title: T, at: now, lasts: XX, to: document.owner}", "document.length", "document.total"),
    "notify": ("{activity: notify, to: XX, text: T}", "members(document.office)", "document.total"),
    "pick": ("{activity: pick-user, from: XX, how: first}", "document.team", "document.tags"),
    "after": ("{activity: race, branches: {a: {after: XX, next: go-on}}}", "days(n)", "n"),
    "changed": ("{activity: race, branches: {a: {changed: XX, next: go-on}}}", "document.hot", "document.at"),
    "press": ("{activity: race, branches: {a: {command: press, by: XX, next: go-on}}}", "document.owner", "document.name"),
    "items": ("{activity: for-each, items: XX, as: one, steps: [{activity: pause, for: 1h}]}", "document.team", "document.owner"),
    "enough": (
        "{activity: for-each, items: document.team, as: one, enough: XX, steps: [{activity: pause, for: 1h}]}",
        "done > total // 2",
        "done",
    ),
    "where": ("{activity: find-documents, type: deal, where: XX}", "item.owner == document.owner", "item.total"),
    "keep": ("{activity: send-message, message: m, keep: XX}", "document.length", "document.at"),
    "text": ('{activity: notify, to: document.owner, text: "T $(XX)"}', "document.team", "previous_one.answers"),
    "set": ("{activity: update-document, set: {total: $(XX)}}", "document.count", "document.name"),
    "set-many": ("{activity: update-document, set: {team: [$(document.owner), $(XX)]}}", "initiator", "document.office"),
    "add": ("{activity: update-document, add: {tags: $(XX)}}", "document.name", "document.total"),
    "add-number": ("{activity: update-document, add: {total: $(XX)}}", "document.count", "document.name"),
    "of-another": ("{activity: update-document, document: document.client, set: {day: $(XX)}}", "today()", "now"),
    "create": ("{activity: create-document, type: deal, set: {name: $(XX)}}", "document.name", "document.count"),
    "variable": ("{activity: set-variables, set: {n: $(XX)}}", "document.count", "document.name"),
    "prefill": ("{activity: request-info, to: document.owner, due: 1d, fields: {f: {type: date, default: $(XX)}}}", "today()", "now"),
    "asked-when": ("{id: q, activity: request-info, to: document.owner, due: 1d, fields: {f: {type: date, when: XX}}}", "document.hot", "document.day"),
    "from": ("{activity: request-info, to: document.owner, due: 1d, fields: {f: {type: user, from: XX}}}", "document.office", "document.tags"),
    "from-texts": ("{activity: request-info, to: document.owner, due: 1d, fields: {f: {type: string, from: XX}}}", "document.tags", "document.team"),
    "check": ("{id: q, activity: request-info, to: document.owner, due: 1d, check: [{that: XX, say: No}]}", "document.hot", "document.name"),
    "say": ("{id: q, activity: request-info, to: document.owner, due: 1d, check: [{that: n > 1, say: No $(XX)}]}", "document.team", "previous_one"),
    "on-command": (
        "{activity: block, steps: [{activity: pause, for: 1h}], meanwhile: [{command: stop, by: XX, cancels: true, steps: [{activity: pause, for: 1h}]}]}",
        "document.team",
        "document.at",
    ),
}
BEFORE = "  - {id: previous_one, activity: review, title: T, to: document.owner, due: 1d}\n"


@pytest.mark.parametrize("place", PLACES)
def test_each_place_takes_what_it_can_use(place: str) -> None:
    step, right, wrong = PLACES[place]
    quote = "'" if '"' in right else ""
    assert marked(f"{BEFORE}  - {step.replace('XX', f'{quote}{right}{quote}' if '$(XX)' not in step else right)}\n") == []
    assert marked(f"{BEFORE}  - {step.replace('XX', wrong)}\n") == [("wrong-type", wrong)]


ARMS = [
    ("{activity: task, title: T, to: document.owner, due: 'XX'}", "coalesce(document.count, days(2))", ["document.count"]),
    ("{activity: task, title: T, to: document.owner, due: 'XX'}", "document.at if document.hot == true else 3", ["3"]),
    ("{activity: notify, to: 'XX', text: T}", "document.owner if n > 1 else document.name if n > 2 else document.team", ["document.name"]),
    ("{activity: update-document, set: {team: '$(XX)'}}", "document.team + [document.team]", ["document.team"]),
    ("{activity: update-document, set: {tags: '$(XX)'}}", "document.tags + [document.name, n]", ["n"]),
    ("{activity: notify, to: 'XX', text: T}", "[document.owner, [document.name], document.team, n]", ["document.name", "n"]),
    ("{activity: notify, to: 'XX', text: T}", "members(document.office) + [document.owner]", []),
    ("{activity: for-each, items: 'XX', as: one, steps: [{activity: pause, for: 1h}]}", "[1, document.name, [n]]", []),
    ("{activity: update-document, set: {total: '$(XX)'}}", "document.total + n if n > 1 else none", []),
]


@pytest.mark.parametrize("step, expression, wrong", ARMS)
def test_each_of_the_values_of_which_one_is_taken_is_judged(step: str, expression: str, wrong: list[str]) -> None:
    assert marked(f"  - {step.replace('XX', expression)}\n") == [("wrong-type", one) for one in wrong]


GOOD = [
    "{activity: find-documents, type: deal, order: [-item.at, -item.name, item.owner]}",
    "{activity: find-documents, type: deal, order: -item.day}",
    "{activity: notify, to: [document.owner, document.team, members(document.office)], text: $(document)}",
    "{activity: task, title: T, to: document.owner, due: none}",
    "{activity: update-document, set: {total: none, tags: [], team: $(members(document.office)), stage: won, day: 2026-03-05}}",
    "{activity: update-document, set: {name: Deal $(document.total), stage: $(document.client.stage)}}",
    "{activity: update-document, add: {tags: [a, $(document.name)], count: 1}, remove: {team: $(document.owner)}}",
    "{activity: set-variables, set: {n: $(document.total // 2), level: $(level), notes: '$(notes + [document.name])'}}",
    "{activity: set-variables, set: {n: $(round(document.total))}}",
    "{activity: pause, until: document.at - hours(2)}",
    "{activity: pause, until: document.hot == true or document.day > today()}",
    "{activity: notify, to: document.owner, text: $(nothing_known.of_this)}",
    "{activity: condition, branches: [{when: 'any(one.hot for one in [document, document.client] if one != none)', next: go-on}], otherwise: {next: go-on}}",
]


@pytest.mark.parametrize("step", GOOD)
def test_nothing_is_said_of_what_may_be_right(step: str) -> None:
    assert [one for one in found(f"  - {step}\n") if one.rule != "unknown-name"] == []


def test_one_name_in_several_forms_is_of_either_type() -> None:
    steps = """\
  - id: ask
    activity: request-info
    to: document.owner
    due: 1d
    outcomes:
      yes: {fields: {why: {type: choice, choices: [cheap, good]}}}
      no: {fields: {why: {type: choice, choices: [dear, bad]}}, next: go-on}
  - id: either
    activity: race
    branches:
      one: {command: one, fields: {what: {type: string}}, next: go-on}
      two: {command: two, fields: {what: {type: integer}}, next: go-on}
  - activity: condition
    branches:
      - {when: ask.why == "cheap" or ask.why == "dear", next: go-on}
      - {when: either.what == "a" or either.what == 1, next: go-on}
      - {when: ask.why == "odd", next: go-on}
    otherwise: {next: go-on}
"""
    assert marked(steps) == [("wrong-value", '"odd"')]


def test_who_is_asked_follows_from_the_names_for_people_whatever_their_order() -> None:
    head = HEAD + "people:\n  second: head_of(first)\n  first: boss\n  boss: document.owner\n  odd: document.total\n"
    assert [(one.rule, one.span.line) for one in found("  - {activity: notify, to: second, text: $(second + 1)}\n", head)] == [
        ("wrong-type", 13),
        ("wrong-type", 15),
    ]
    assert [(one.rule, one.span.line) for one in found("  - {activity: notify, to: [second, odd], text: T}\n", head)] == [("wrong-type", 13)]


def test_items_and_results_of_turns_have_types() -> None:
    steps = """\
  - id: outer
    activity: for-each
    items: document.team
    as: person
    collect: {who: $(person), much: $(document.total)}
    steps: [{activity: notify, to: person, text: "$(person + 1)"}]
  - id: inner
    activity: for-each
    items: outer.results
    as: row
    collect: row.who
    steps: [{activity: notify, to: row.who, text: "$(row.whom)"}]
  - {activity: notify, to: inner.results, text: "$(inner.results[0] + 1)"}
"""
    assert marked(steps) == [("wrong-type", "person + 1"), ("unknown-field", "whom"), ("wrong-type", "inner.results[0] + 1")]


def test_of_what_could_not_be_read_nothing_is_said() -> None:
    steps = """\
  - {id: ask, activity: request-info, too: document.owner, fields: {day: {type: date, required: true}}}
  - {activity: condition, branches: [{when: ask.day, next: go-on}, {when: ask.other > 1, next: go-on}], otherwise: {next: go-on}}
  - {activity: notify, to: document.total, text: T}
"""
    assert {rule for rule, _ in marked(steps)} == {"unknown-key", "wrong-type"}
    assert ("wrong-type", "document.total") in marked(steps)


def test_who_began_is_known_by_the_starts() -> None:
    head = HEAD.replace("document: deal\n", "")
    by_clock = "  - {on: schedule, cron: 0 9 * * 1}"
    step = "  - {activity: notify, to: initiator, text: T}\n"
    assert [one.rule for one in found(step, head.replace("[{on: manual}]", f"\n{by_clock}"))] == ["wrong-type"]
    assert found(step, head.replace("[{on: manual}]", f"\n  - {{on: manual}}\n{by_clock}")) == []
    asked = '  - {activity: task, title: T, to: initiator, if-nobody: user("boss"), who-may-not: initiator, due: 1d}\n'
    assert found(asked, head.replace("[{on: manual}]", f"\n{by_clock}")) == []


# ── across the files of a workspace ─────────────────────────────────────────────────────────────────────────────────
CHILD = """\
bpflow: 1
id: child
inputs: {who: {type: user, required: true}, much: {type: money}, label: {type: string}}
outputs: {by: ask.by, share: much / 2}
steps:
  - {id: ask, activity: request-info, to: who, due: 1d, outcomes: {yes: {}, no: {steps: [{activity: end, result: refused}]}}}
  - {activity: end, result: agreed}
"""


def across(folder: Path, parent: str, child: str = CHILD, services: Mapping[str, ServiceType] | None = None) -> list[tuple[str, int, Severity]]:
    folder.mkdir(exist_ok=True)
    (folder / "bpflow.yaml").write_text("timezone: Europe/Moscow\n", encoding="utf-8")
    (folder / "child.yaml").write_text(child, encoding="utf-8")
    head = "bpflow: 1\nid: parent\ninputs: {amount: {type: money, required: true}, word: {type: string, required: true}, day: {type: date, required: true}}\n"
    (folder / "parent.yaml").write_text(f"{head}steps:\n{parent}", encoding="utf-8")
    findings = load_workspace(folder, services=services).findings
    findings = [one for one in findings if one.rule != "never-read"]
    return [(one.rule, one.span.line, one.severity) for one in findings if one.span.file.endswith("parent.yaml")]


CALL = "  - {id: called, activity: call-process, process: child, inputs: {INPUTS}}\n"


@pytest.mark.parametrize(
    "inputs, rules",
    [
        ("who: $(initiator), much: $(amount), label: $(word)", []),
        ("who: $(word), label: $(amount)", []),
        ("who: $(amount)", ["call-inputs"]),
        ("who: $(initiator), much: $(word)", ["call-inputs"]),
        ("who: $(initiator), much: $(day)", ["call-inputs"]),
        ("who: $(initiator), label: $(word) $(day)", []),
        ("who: $(initiator), label: '$([word])'", ["call-inputs"]),
    ],
)
def test_what_a_called_process_gets_is_of_its_types(tmp_path: Path, inputs: str, rules: list[str]) -> None:
    assert [rule for rule, _, _ in across(tmp_path, CALL.replace("INPUTS", inputs))] == rules


@pytest.mark.parametrize(
    "read, rule",
    [
        ('called.result == "agreed"', ""),
        ('called.result == "agrees"', "wrong-value"),
        ("called.share > amount", ""),
        ("called.shares > amount", "unknown-field"),
        ("called.by > 3", "wrong-type"),
        ("called.result == none", ""),
    ],
)
def test_what_a_called_process_gives_has_its_types(tmp_path: Path, read: str, rule: str) -> None:
    step = f"  - {{activity: condition, branches: [{{when: '{read}', next: go-on}}], otherwise: {{next: go-on}}}}\n"
    found = across(tmp_path, CALL.replace("INPUTS", "who: $(initiator)") + step)
    assert [one for one, _, _ in found] == ([rule] if rule else [])


def test_of_a_called_process_with_errors_nothing_is_known(tmp_path: Path) -> None:
    step = "  - {activity: notify, to: called.nobody_knows, text: T}\n"
    assert across(tmp_path, CALL.replace("INPUTS", "who: $(amount)") + step, CHILD.replace("to: who", "too: who")) == []


class Verdict(TypedDict):
    limit: Decimal
    word: Literal["good", "bad"]


def check_credit(client: str, amount: Decimal, by: User, days: list[date]) -> Verdict:
    raise NotImplementedError


@pytest.mark.parametrize(
    "given, read, rule",
    [
        ("client: $(word), amount: $(amount), by: $(initiator), days: [$(day)]", 'check.word == "good" and check.limit > amount', ""),
        ("client: $(initiator), amount: $(word), by: $(word), days: [$(day)]", "true", ""),
        ("client: $(word), amount: '$([amount])', by: $(initiator), days: []", "true", "wrong-type"),
        ("client: $(word), amount: $(initiator), by: $(initiator), days: []", "true", "wrong-type"),
        ("client: $(word), amount: $(amount), by: $(initiator), days: $(day)", "true", "wrong-type"),
        ("client: $(word), amount: $(amount), by: $(initiator), days: []", 'check.word == "so"', "wrong-value"),
        ("client: $(word), amount: $(amount), by: $(initiator), days: []", "check.limits > 1", "unknown-field"),
        ("client: $(word), amount: $(amount), days: []", "true", "missing-key"),
    ],
)
def test_a_service_is_called_by_the_annotations_of_its_function(tmp_path: Path, given: str, read: str, rule: str) -> None:
    step = f"  - {{id: check, activity: call-service, service: credit, with: {{{given}}}}}\n"
    step += f"  - {{activity: condition, branches: [{{when: '{read}', next: go-on}}], otherwise: {{next: go-on}}}}\n"
    found = across(tmp_path, step, services={"credit": service_type("credit", check_credit)})
    assert [one for one, _, _ in found] == ([rule] if rule else [])


# ── all there is ────────────────────────────────────────────────────────────────────────────────────────────────────
ROOT = Path(__file__).parent.parent.parent
TYPED = {"wrong-type", "wrong-value", "unknown-field", "maybe-none", "missing-input", "call-inputs", "unmatched-message"}


def test_no_false_alarm_in_any_process_that_runs() -> None:
    assert RULES.keys() >= TYPED
    folders = [ROOT / "processes", ROOT / "tests" / "scenarios", ROOT / "examples" / "tested" / "processes"]
    findings = [one for folder in folders for one in load_workspace(folder).findings]
    for path in sorted((ROOT / "tests" / "patterns").glob("*.yaml")):
        findings += load_process(path).findings if ".traces" not in path.name else []
    assert [f"{one.span} {one.message}" for one in findings if one.rule in TYPED] == []


def test_types_of_a_thousand_steps_are_soon_judged() -> None:
    ask = "  - {{id: q{0}, activity: request-info, to: document.owner, due: 1d, fields: {{a: {{type: integer}}, b: {{type: date}}}}}}\n"
    rest = "  - {{activity: set-variables, set: {{n: '$(n + coalesce(q{0}.a, {0}))'}}}}\n  - {{activity: notify, to: q{0}.by, text: '$(q{0}.b), $(n + {0})'}}\n"
    more = "  - {{activity: condition, branches: [{{when: n > {0} and q{0}.a != none, next: go-on}}], otherwise: {{next: go-on}}}}\n"
    text = HEAD + "steps:\n" + "".join(f"{ask}{rest}{more}".format(number) for number in range(250))
    loaded = load_text(text, "example.yaml", {"deal": DEAL})
    assert loaded.subject is not None
    assert {one.rule for one in loaded.findings} <= {"never-read"}
    rules = [RULES[rule].check for rule in ("wrong-type", "wrong-value", "unknown-field", "maybe-none")]
    again = type(loaded.subject)(loaded.subject.source, loaded.subject.process, loaded.subject.graph, loaded.subject.origins, {"deal": DEAL})
    begun = time.process_time()
    assert [one for rule in rules if rule for one in rule(again)] == []
    assert time.process_time() - begun < 1


def test_a_condition_that_gives_something_else_is_told_once() -> None:
    """That a text is never true is not said besides."""
    (finding,) = found("  - {id: look, activity: find-documents, type: deal, where: item.name if item.name != none else false}\n")
    assert finding.rule == "wrong-type"
