import pytest

from bpflow.graph import Expr, Flow, Trigger, Wait


def test_for_is_fixed_on_entry(made):
    found = made("- {activity: pause, for: 2 working days}")
    trigger = Trigger("at", Expr('moment(duration("2 working days"))'), fixed=True)
    assert found.nodes["pause"] == Wait("pause", ((trigger, Flow("pause>off")),))


def test_until_is_a_date_or_a_condition(made):
    found = made("""
        - {activity: pause, until: document.met_at - hours(2)}
        - {activity: pause, until: document.status == "refused"}
    """)
    assert found.findings == []
    assert found.nodes["pause"].arms[0][0] == Trigger("until", Expr("moment(document.met_at - hours(2))"))
    assert found.nodes["pause-2"].arms[0][0] == Trigger("until", Expr('moment(document.status == "refused")'))


@pytest.mark.parametrize(
    "step, finding",
    [
        ("{activity: pause}", '1:3 exactly-one: one of "for" / "until" is missing'),
        ("{activity: pause, for: 1h, until: document.met_at}", '1:3 exactly-one: only one of "for" / "until" may be written'),
        ("{activity: pause, until: 2026-12-31}", '1:28 bad-expression: "2026-12-31" is a subtraction here, not a date — write date("2026-12-31")'),
        ("{activity: pause, for: 2 дня}", '1:26 bad-duration: "2 дня" is not a duration — durations are written in English: "2 days"'),
    ],
)
def test_what_is_wrong(made, step, finding):
    assert made(f"- {step}").findings == [finding]


def test_an_expression_may_give_the_duration(made):
    found = made("- {activity: pause, for: 2 * document.term}")
    assert found.findings == []
    assert found.nodes["pause"].arms[0][0].expr == Expr("moment(2 * document.term)")
