from bpflow.graph import Expr, Flow, Step

HEAD = """\
bpflow: 1
id: test
variables:
  attempts: {type: integer, default: 0}
  mood: {type: choice, choices: {good: Хорошо, bad: Плохо}, default: good}
  since: {type: datetime, default: 2026-03-02T10:00}
  names: {type: string, many: true, default: [a, b]}
timezone: Europe/Moscow
"""


def test_literals_are_read_by_the_type_of_the_variable(made):
    found = made("- {activity: set-variables, set: {attempts: $(attempts + 1), mood: bad, since: 2026-03-03T12:00+05:00, names: []}}", HEAD)
    assert found.findings == []
    assert found.nodes["set-variables"] == Step(
        "set-variables",
        (Flow("set-variables>off"),),
        (("attempts", Expr("attempts + 1")), ("mood", Expr('"bad"')), ("since", Expr('datetime("2026-03-03T12:00+05:00")')), ("names", Expr("[]"))),
    )
    defaults = {variable.name: variable.default.text for variable in found.graph.variables}
    assert defaults == {"attempts": "0", "mood": '"good"', "since": 'datetime("2026-03-02T10:00+03:00")', "names": '["a", "b"]'}


def test_what_is_wrong(made):
    found = made(
        """
        - activity: set-variables
          set:
            atempts: 1
            attempts: many
            mood: Хорошо
            names: a
            since: $(now) и ещё
        """,
        HEAD,
    )
    assert found.findings == [
        '3:5 unknown-name: there is no variable "atempts" — did you mean "attempts"?',
        '4:15 wrong-value: "many" is not a whole number',
        '5:11 wrong-value: "Хорошо" is not among the choices — "Хорошо" is the title; write "good"',
        "6:12 wrong-value: this field holds several values, so a list is expected — write [a]",
        "7:12 wrong-value: a datetime is expected here, and this is a text — write only $(…), with nothing around it",
    ]
