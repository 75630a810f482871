"""Messages between the processes of a workspace: what is sent, somebody receives as it is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpflow.loading import load_workspace

ORDER = """\
bpflow: 1
id: order
inputs: {order_no: {type: string}}
steps:
  - {id: paid, activity: wait-message, message: paid, key: order_no, values: {sum: {type: money, required: true}, day: {type: date}}}
  - {activity: end, result: paid}
"""
BILL = """\
bpflow: 1
id: bill
start:
  - {on: message, message: bill-wanted, values: {sum: {type: money, required: true}}}
meanwhile:
  - {message: bill-dropped, cancels: true, steps: [{activity: end, result: dropped}]}
steps:
  - {activity: pause, for: 1h}
"""


def said(folder: Path, sent: str, order: str = ORDER, broken: tuple[str, ...] = ()) -> list[str]:
    (folder / "bpflow.yaml").write_text("timezone: Europe/Moscow\n", encoding="utf-8")
    (folder / "order.yaml").write_text(order, encoding="utf-8")
    (folder / "bill.yaml").write_text(BILL, encoding="utf-8")
    (folder / "pay.yaml").write_text(f"bpflow: 1\nid: pay\nsteps:\n  - {{activity: send-message, {sent}}}\n", encoding="utf-8")
    findings = load_workspace(folder).findings
    assert {one.span.file.rpartition("/")[2] for one in findings} <= {"pay.yaml", *broken}
    return [f"{one.span.line}:{one.span.column} {one.message} — {one.hint or ''}" for one in findings if one.span.file.endswith("pay.yaml")]


@pytest.mark.parametrize(
    "sent",
    [
        'message: paid, key: "17", values: {sum: 5}',
        'message: paid, key: "17", values: {sum: 5, day: 2026-03-02}',
        "message: bill-wanted, values: {sum: 5}",
        'message: bill-wanted, key: "17", values: {sum: 5}',
        "message: bill-dropped",
        "message: bill-dropped, values: {why: nobody says what it reads}",
    ],
)
def test_a_message_that_is_received(tmp_path: Path, sent: str) -> None:
    assert said(tmp_path, sent) == []


@pytest.mark.parametrize(
    "sent, expected",
    [
        ('message: payed, key: "17", values: {sum: 5}', ['4:39 no process of this workspace waits for the message "payed" — did you mean "paid"?']),
        ("message: nothing-like-it", ['4:39 no process of this workspace waits for the message "nothing-like-it" — ']),
        ("message: paid, values: {sum: 5}", ['4:39 the message "paid" has no key, but is waited for with one: they never meet — ']),
        ('message: bill-dropped, key: "17"', ['4:39 the message "bill-dropped" has a key, but is waited for without one: they never meet — ']),
        (
            'message: paid, key: "17", values: {summ: 5}',
            ['4:71 no receiver of "paid" has a field "summ" — did you mean "sum"?'],
        ),
        ("message: bill-wanted", ['4:39 the receiver of "bill-wanted" requires "sum" — give it in "values"']),
    ],
)
def test_a_message_that_meets_nobody(tmp_path: Path, sent: str, expected: list[str]) -> None:
    assert said(tmp_path, sent) == expected


def test_nothing_is_said_while_a_process_cannot_be_read(tmp_path: Path) -> None:
    assert said(tmp_path, "message: payed", ORDER.replace("steps:", "stpes:"), ("order.yaml",)) == []
