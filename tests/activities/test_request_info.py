from bpflow.definition.process import Process
from bpflow.graph import Alarm, Call, Choose, Expr, Flow, Form, Outcome, Task
from bpflow.values import Field


def test_all_keys(made):
    found = made("""
        - id: ask
          activity: request-info
          title: Назначена ли встреча с $(document.name)?
          to: document.responsible
          who-may-not: initiator
          if-nobody: user("director")
          text: Позвоните.
          show: [phone, attempts, document.client.last_contact, 'document.name + "!"']
          due: 2 working days
          on-overdue: {remind: 1 working day, tell: initiator, outcome: silent}
          comment: none
          outcomes:
            arranged:
              title: Встреча назначена
              fields:
                place: {type: string, title: Где, default: Офис}
              fill: [met_at]
              required: [met_at]
            refused:
              comment: required
              steps:
                - {activity: end, result: refused}
            silent: {button: false, next: go-on}
        - {activity: end, result: done}
    """)
    assert found.findings == []
    place = Field("string", title="Где")
    met_at = Field("datetime", title="Встреча", required=True)
    assert found.nodes["ask"] == Task(
        id="ask",
        people=Expr("document.responsible"),
        form=Form(
            subject=Expr('text("Назначена ли встреча с ", document.name, "?")'),
            outcomes=(
                Outcome("arranged", "Встреча назначена", (("place", place), ("met_at", met_at)), "none"),
                Outcome("refused", "refused", comment="required"),
                Outcome("silent", "silent", comment="none", button=False),
            ),
            text=Expr('"Позвоните."'),
            show=(
                ("Телефон", Expr("document.phone")),
                ("attempts", Expr("attempts")),
                ("Последний контакт", Expr("document.client.last_contact")),
                ('document.name + "!"', Expr('document.name + "!"')),
            ),
            prefill=(("met_at", Expr("document.met_at")), ("place", Expr('"Офис"'))),
        ),
        outcomes=(
            ("arranged", Flow("ask[arranged]>ask:fill.arranged", "ask:fill.arranged")),
            ("refused", Flow("ask[refused]>ask.refused/end", "ask.refused/end")),
            ("silent", Flow("ask[silent]>end", "end")),
        ),
        alarms=(
            Alarm(
                Expr('deadline(duration("2 working days"))'),
                tell=Expr("initiator"),
                remind=Expr('moment(duration("1 working day"))'),
                outcome="silent",
            ),
        ),
        gives="ask",
        not_by=Expr("initiator"),
        if_nobody=Expr('user("director")'),
    )
    assert found.nodes["ask:fill.arranged"] == Call(
        "ask:fill.arranged",
        "documents.update",
        (("document", Expr("document")), ("set.met_at", Expr("ask.met_at"))),
        Flow("ask:fill.arranged>end", "end"),
    )


def test_as_short_as_can_be(made):
    found = made("- {activity: request-info, to: initiator}")
    assert found.nodes["request-info"] == Task(
        id="request-info",
        people=Expr("initiator"),
        form=Form(Expr('"Проверка"'), (Outcome("done", "done"),)),
        outcomes=(("done", Flow("request-info[done]>off")),),
    )


def test_what_an_unnamed_step_fills_is_found_under_a_hidden_name(made):
    found = made("- {activity: request-info, to: initiator, fill: [phone]}")
    assert found.findings == []
    assert found.nodes["request-info"].gives == "Step_request_D_info"
    assert dict(found.nodes["request-info:fill.done"].arguments)["set.phone"] == Expr("Step_request_D_info.phone")


def test_the_deadline_writes_nothing_into_the_document(made):
    found = made("""
        - id: ask
          activity: request-info
          to: initiator
          due: 1d
          on-overdue: {outcome: yes}
          fill: [phone]
          outcomes:
            yes: {}
            silent: {button: false, next: go-on}
        - {activity: end, result: done}
    """)
    assert found.findings == ['9:22 wrong-value: nothing chooses the outcome "silent": it has no button, and "on-overdue" does not name it']
    nodes = found.nodes
    assert dict(nodes["ask"].outcomes)["yes"].to == "ask:answered.yes"
    assert nodes["ask:answered.yes"] == Choose(
        "ask:answered.yes",
        ((Expr("ask.by != none"), Flow("ask:answered.yes[answered]>ask:fill.yes", "ask:fill.yes")),),
        Flow("ask:answered.yes[overdue]>end", "end"),
    )
    assert nodes["ask:fill.yes"].out.to == "end"
    assert dict(nodes["ask"].outcomes)["silent"].to == "end"


def test_keys_of_the_step_hold_for_every_outcome(made):
    found = made("""
        - id: ask
          activity: request-info
          to: initiator
          fields:
            reason: {type: text}
          outcomes:
            good: {}
            bad: {required: [reason], next: go-on}
    """)
    good, bad = found.nodes["ask"].form.outcomes
    assert dict(good.fields)["reason"].required is False
    assert dict(bad.fields)["reason"].required is True
    assert good.comment == "optional"


def test_what_is_wrong(made):
    found = made("""
        - id: ask
          activity: request-info
          to: initiator
          on-overdue: {outcome: god}
          required: [nothing]
          fields:
            by: {type: string}
            size: {type: string}
          outcomes:
            good:
              fields:
                size: {type: integer}
            bad:
              fill: [staus]
              next: go-on
              steps: [{activity: end, result: bad}]
            ugly:
              title: Так
            sad:
              next: hapy
            happy:
              fields: {x: {type: integer}}
              next: go-on
            glad:
              fields: {x: {type: string}}
              next: go-on
    """)
    assert found.findings == [
        '4:3 missing-key: "on-overdue" needs "due"',
        '4:25 wrong-value: there is no outcome "god" — did you mean "good"?',
        '5:14 unknown-field: the form has no field "nothing"',
        '7:5 name-clash: "by" is a result of every task, so no field can have this name',
        '12:9 name-clash: the form has a field "size" already',
        '14:14 unknown-field: the document has no field "staus" — did you mean "status"?',
        '15:7 exactly-one: only one of "steps" / "next" may be written',
        '17:5 unhandled-outcome: the outcome "ugly" does not say what follows — give it "steps", or "next: go-on" to carry on after the task',
        '20:13 unknown-step: there is no step "hapy"',
        '25:16 name-clash: "x" has another type than in the outcome "happy" — give one of them another name',
    ]


def test_results_are_known_with_their_types():
    process = Process.model_validate(
        {
            "bpflow": 1,
            "id": "test",
            "steps": [
                {
                    "id": "ask",
                    "activity": "request-info",
                    "to": "initiator",
                    "outcomes": {"yes": {"title": "Да", "fields": {"when": {"type": "date"}}}, "no": {"next": "go-on"}},
                }
            ],
        }
    )
    results = process.steps[0].results()
    assert results["outcome"].choices == (("yes", "Да"), ("no", "no"))
    assert list(results) == ["outcome", "by", "at", "comment", "when", "answers", "waiting", "overdue"]
    assert dict(results["answers"].fields)["when"].kind == "date"
