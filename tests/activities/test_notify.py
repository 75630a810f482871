from bpflow.graph import Call, Expr, Flow


def test_texts_may_hold_expressions(made):
    found = made("""
        - activity: notify
          to: [document.responsible, initiator]
          title: Встреча
          text: Через $(document.term) встреча с $(document.name)
          channel: telegram
    """)
    assert found.findings == []
    assert found.nodes["notify"] == Call(
        "notify",
        "notify",
        (
            ("to", Expr("[document.responsible, initiator]")),
            ("title", Expr('"Встреча"')),
            ("text", Expr('text("Через ", document.term, " встреча с ", document.name)')),
            ("channel", Expr('"telegram"')),
        ),
        Flow("notify>off"),
        wait=False,
        people="to",
    )


def test_a_mistake_in_a_text_is_shown_in_its_place(made):
    found = made("""
        - activity: notify
          to: initiator
          text: "Привет, $(document.name) и $(1 +)"
    """)
    assert [line.partition(": ")[0] for line in found.findings] == ["3:41 bad-expression"]
