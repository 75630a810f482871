"""`explain`, which tells why a rule is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bpflow.cli.calls import WrongUse, call_of
from bpflow.cli.formats.text import STYLES
from bpflow.cli.output import Output, colours, helped, paint, tr
from bpflow.diagnostics import did_you_mean, say, translate

if TYPE_CHECKING:
    from bpflow.checks import Rule

commands = typer.Typer()

ROOMS = {
    "files": tr("The text of a file"),
    "shapes": tr("Keys and their values"),
    "starts": tr("Starts"),
    "expressions": tr("Expressions"),
    "ids": tr("Names"),
    "names": tr("Names"),
    "typed": tr("Types of values"),
    "amounts": tr("Types of values"),
    "people": tr("People"),
    "directory": tr("People"),
    "nobody": tr("People"),
    "four_eyes": tr("People"),
    "deadlines": tr("Time"),
    "watched": tr("Time"),
    "zones": tr("Time"),
    "forms": tr("Forms"),
    "documents": tr("Documents"),
    "flow": tr("The way through the steps"),
    "gathering": tr("The way through the steps"),
    "soundness": tr("The way through the steps"),
    "certain": tr("Conditions and loops"),
    "cases": tr("Conditions and loops"),
    "loops": tr("Conditions and loops"),
    "assigned": tr("Results and variables"),
    "variables": tr("Results and variables"),
    "stages": tr("Stages"),
    "channels": tr("The other files of a workspace"),
    "workspace": tr("The other files of a workspace"),
    "calls": tr("Calls of processes and services"),
    "messages": tr("Messages"),
    "scenarios": tr("Scenarios"),
}
"""What the rules of a room are about, by the module in `bpflow/checks/rules`; several may be about one thing."""
_EXAMPLES = {"Bad:": ("✗", "red", tr("Bad:")), "Good:": ("✓", "green", tr("Good:"))}


@commands.command("explain", help=tr("Print the page of a rule. It says why the rule is there, with a bad and a good example."))
def explain(
    ctx: typer.Context,
    rule: Annotated[
        str | None, typer.Argument(metavar="RULE", help=tr("The rule, as it stands in brackets behind a finding; without it, all rules are listed."))
    ] = None,
) -> None:
    """The page of a rule, or the list of rules."""
    from bpflow.checks import RULES

    out = call_of(ctx).out
    if rule is None:
        _list(out)
        return
    id = rule.strip("[]")
    if id not in RULES:
        raise WrongUse(say('there is no rule "{rule}"', rule=rule), did_you_mean(id, RULES))
    for line in _page(RULES[id], out):
        print(line)


def _list(out: Output) -> None:
    """The rules under what they are about."""
    from bpflow.checks import RULES

    subjects: dict[str, list[Rule]] = {}
    for rule in RULES.values():
        subjects.setdefault(ROOMS.get(rule.room, rule.room), []).append(rule)
    for number, (subject, rules) in enumerate(subjects.items()):
        if number:
            out.line()
        out.line(helped(subject, out.language) or subject, "bold")
        rows = [(f"  {rule.id}", translate(rule.severity, out.language), helped(rule.summary, out.language) or "") for rule in rules]
        out.table((say("rule"), say("severity"), say("what it says")), rows)


def _page(rule: Rule, out: Output) -> Iterator[str]:
    """The page as it is; on a terminal with the examples in colour, and the name of the rule above."""
    severity = translate(rule.severity, out.language)
    yield f"{_in(rule.id, 'bold')} · {_in(severity, STYLES[rule.severity])}"
    yield ""
    yield helped(rule.summary, out.language) or rule.summary
    style, seen = "", colours(sys.stdout)
    for line in rule.manual.splitlines()[1:]:
        if line in _EXAMPLES:
            sign, style, title = _EXAMPLES[line]
            yield _in(f"{sign} {helped(title, out.language)}", style) if seen else helped(title, out.language) or line
        elif style and seen and line.startswith("    "):
            yield f"  {_in('│', style)} {line[4:]}"
        else:
            yield line


def _in(text: str, style: str) -> str:
    return paint(text, style, sys.stdout)
