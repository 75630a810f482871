from bpflow.graph import Call, Expr, Flow


def test_one_call(made):
    found = made("""
        - {id: pick, activity: pick-user, from: members(department("sales")), how: round-robin, skip-absent: true, if-nobody: user("boss")}
        - {activity: pick-user, from: [document.responsible, initiator], how: first}
    """)
    assert found.findings == []
    assert found.nodes["pick"] == Call(
        "pick",
        "people.pick",
        (
            ("from", Expr('members(department("sales"))')),
            ("how", Expr('"round-robin"')),
            ("people", Expr('"members(department(\\"sales\\"))"')),
            ("skip_absent", Expr("true")),
            ("if_nobody", Expr('user("boss")')),
        ),
        Flow("pick>pick-user", "pick-user"),
        gives="pick",
    )
    assert dict(found.nodes["pick-user"].arguments)["from"] == Expr("[document.responsible, initiator]")
