from bpflow.graph import Choose, Exit, Expr, Flow


def test_branches_become_arms_in_their_order(made):
    found = made("""
        - activity: condition
          id: which
          title: Какая?
          branches:
            - when: document.status == "new"
              title: новая
              steps:
                - {activity: end, result: new}
            - when: document.amount > 10
              next: go-on
          otherwise:
            next: last
        - {activity: notify, to: document.responsible, text: Дальше}
        - {id: last, activity: end, result: done}
    """)
    assert found.findings == []
    assert found.nodes["which"] == Choose(
        "which",
        (
            (Expr('document.status == "new"'), Flow("which[1]>which.1/end", "which.1/end")),
            (Expr("document.amount > 10"), Flow("which[2]>notify", "notify")),
        ),
        Flow("which[otherwise]>last", "last"),
    )
    assert found.nodes["which"].arms[0][1].title == "новая"
    assert found.nodes["which.1/end"] == Exit("which.1/end", "end", "new")
    assert [info.path for info in found.graph.steps] == ["which", "which.1/end", "notify", "last"]
    assert found.graph.steps[0].title == "Какая?"


def test_a_branch_that_runs_off_its_list_carries_on_after_the_condition(made):
    found = made("""
        - activity: condition
          branches:
            - when: true
              steps:
                - {activity: pause, for: 1h}
        - {activity: end, result: done}
    """)
    assert found.nodes["condition.1/pause"].arms[0][1].to == "end"
    assert found.nodes["condition"].otherwise is None


def test_a_branch_has_steps_or_next(made):
    found = made("""
        - activity: condition
          branches:
            - when: true
            - when: false
              next: go-on
              steps:
                - {activity: end, result: done}
    """)
    assert found.findings == [
        '3:7 exactly-one: one of "steps" / "next" is missing',
        '4:7 exactly-one: only one of "steps" / "next" may be written',
    ]


def test_a_condition_that_cannot_be_read_is_shown_in_its_place_and_the_rest_is_read_too(made):
    found = made("""
        - activity: condition
          branches:
            - when: document.status == = "new"
              next: go-on
            - when: document.amount >
              next: nowhere
    """)
    assert [line.partition(": ")[0] for line in found.findings] == ["3:32 bad-expression", "5:29 bad-expression", "6:13 unknown-step"]
