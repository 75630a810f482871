from bpflow.graph import Call, Expr, Flow


def test_an_hour_unless_something_is_said(made):
    found = made("- {activity: calendar-event, title: Встреча с $(document.name), at: document.met_at, to: document.responsible}")
    assert found.findings == []
    assert found.nodes["calendar-event"] == Call(
        "calendar-event",
        "calendar.add",
        (
            ("title", Expr('text("Встреча с ", document.name)')),
            ("at", Expr("moment(document.met_at)")),
            ("lasts", Expr('duration("1h")')),
            ("to", Expr("document.responsible")),
        ),
        Flow("calendar-event>off"),
    )


def test_all_that_can_be_said(made):
    found = made("- {activity: calendar-event, title: Встреча, at: document.day, lasts: 90min, to: initiator, remind-before: 2h}")
    arguments = dict(found.nodes["calendar-event"].arguments)
    assert arguments["lasts"] == Expr('duration("90min")')
    assert arguments["remind_before"] == Expr('duration("2h")')
