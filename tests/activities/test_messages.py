import pytest

from bpflow.graph import Call, Expr, Flow, Trigger, Wait
from bpflow.values import Field


def test_a_message_that_is_sent(made):
    found = made("- {activity: send-message, message: paid, key: document.name, values: {sum: 12.50, day: $(today())}, keep: 30d}")
    assert found.findings == []
    arguments = {"message": '"paid"', "key": "document.name", "keep": 'duration("30d")', "values.sum": "12.50", "values.day": "today()"}
    assert found.nodes["send-message"] == Call(
        "send-message", "messages.send", tuple((name, Expr(text)) for name, text in arguments.items()), Flow("send-message>off")
    )


def test_a_message_that_is_waited_for(made):
    found = made("- {id: got, activity: wait-message, message: paid, key: document.name, values: {sum: {type: money}}}")
    assert found.findings == []
    trigger = Trigger("message", Expr("document.name"), "paid", form=(("sum", Field("money", title="sum")),))
    assert found.nodes["got"] == Wait("got", ((trigger, Flow("got>off")),), gives="got")


def test_a_message_without_a_key(made):
    found = made("""
        - {activity: wait-message, message: paid}
        - {activity: send-message, message: paid}
    """)
    assert found.nodes["wait-message"].arms[0][0] == Trigger("message", None, "paid")
    assert found.nodes["send-message"].arguments == (("message", Expr('"paid"')),)


@pytest.mark.parametrize(
    "step, finding",
    [
        ("{activity: send-message, message: paid, values: {my sum: 1}}", "1:52 bad-id: "),
        ("{activity: send-message, message: paid, keep: 2 дня}", "1:49 bad-duration: "),
        ("{activity: wait-message, message: paid, values: {sum: {type: choice}}}", '1:57 missing-key: a field of type "choice" needs "choices"'),
    ],
)
def test_what_is_wrong(made, step, finding):
    (found,) = made(f"- {step}").findings
    assert found.startswith(finding)


def test_a_process_that_is_called(made):
    found = made("""
        - {id: sub, activity: call-process, process: sign-contract, inputs: {amount: 12, day: 2026-03-05, name: $(document.name)}, document: document.client}
        - {activity: call-process, process: sign-contract, wait: false}
    """)
    assert found.findings == []
    call = found.nodes["sub"]
    assert (call.service, call.gives, call.wait) == ("processes.start", "sub", True)
    assert {name: expr.text for name, expr in call.arguments} == {
        "process": '"sign-contract"',
        "initiator": "initiator",
        "document": "document.client",
        "inputs.amount": "12",
        "inputs.day": '"2026-03-05"',
        "inputs.name": "document.name",
    }
    alone = found.nodes["call-process"]
    assert (dict(alone.arguments)["wait"], alone.gives, alone.wait) == (Expr("false"), None, True)
