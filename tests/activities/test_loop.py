from bpflow.graph import Choose, Expr, Flow, Step


def test_until_is_read_after_the_turn(made):
    found = made("""
        - id: until_met
          activity: loop
          until: document.status == "new"
          max: 5
          steps:
            - {id: ask, activity: request-info, to: document.responsible}
            - {activity: pause, for: 1h}
        - {activity: end, result: done}
    """)
    assert found.findings == []
    nodes = found.nodes
    assert nodes["until_met"] == Step("until_met", (Flow("until_met>until_met:turn", "until_met:turn"),), forgets=("until_met",))
    turn = Step("until_met:turn", (Flow("until_met:turn>until_met/ask", "until_met/ask"),), forgets=("ask",), turn="until_met", bound=5)
    assert nodes["until_met:turn"] == turn
    assert nodes["until_met/pause"].arms[0][1].to == "until_met:until"
    assert nodes["until_met:until"] == Choose(
        "until_met:until",
        ((Expr('document.status == "new"'), Flow("until_met:until[over]>end", "end")),),
        Flow("until_met:until[again]>until_met:turn", "until_met:turn"),
    )
    assert list(nodes) == ["until_met", "until_met:turn", "until_met:until", "until_met/ask", "until_met/pause", "end"]


def test_while_is_read_before_the_turn(made):
    found = made("""
        - activity: loop
          while: attempts < 3
          steps:
            - {activity: set-variables, set: {attempts: $(attempts + 1)}}
    """)
    assert found.findings == []
    nodes = found.nodes
    assert nodes["loop"].out[0].to == "loop:while"
    assert nodes["loop"].forgets == ("Step_loop",)
    assert nodes["loop:while"] == Choose(
        "loop:while", ((Expr("attempts < 3"), Flow("loop:while[again]>loop:turn", "loop:turn")),), Flow("loop:while[over]>off")
    )
    assert nodes["loop:turn"].turn == "Step_loop"
    assert nodes["loop/set-variables"].out[0].to == "loop:while"


def test_a_turn_forgets_the_results_of_all_steps_inside_also_of_inner_loops(made):
    found = made("""
        - id: outer
          activity: loop
          until: true
          steps:
            - id: inner
              activity: loop
              until: true
              steps:
                - activity: condition
                  branches:
                    - when: true
                      steps:
                        - {id: ask, activity: request-info, to: initiator}
                  otherwise: {next: go-on}
            - {activity: request-info, to: initiator}
    """)
    assert found.findings == []
    assert found.nodes["outer:turn"].forgets == ("ask", "inner")
    assert found.nodes["outer/inner:turn"].forgets == ("ask",)


def test_go_on_in_a_turn_ends_the_turn(made):
    found = made("""
        - id: again
          activity: loop
          until: true
          steps:
            - {activity: pause, for: 1h, next: go-on}
            - {activity: end, result: never}
    """)
    assert found.nodes["again/pause"].arms[0][1].to == "again:until"


def test_a_loop_has_one_condition(made):
    assert made("- {activity: loop, steps: [{activity: end, result: done}]}").findings == ['1:3 exactly-one: one of "while" / "until" is missing']


def test_what_may_happen_in_a_turn_need_not_lead_anywhere(made):
    found = made("""
        - activity: loop
          until: true
          steps:
            - activity: block
              steps: [{activity: pause, for: 1h}]
              meanwhile: [{command: stop, cancels: true}]
    """)
    assert found.findings == []
