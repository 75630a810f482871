from bpflow.graph import Choose, Expr, Flow, Step

TABLE = """
    - id: terms
      activity: decide
      hit: {hit}
      rules:
        - {{title: large, when: document.amount > 100, then: {{discount: 10}}}}
        - {{when: document.visits > 3, then: {{discount: $(attempts)}}}}
      gives:
        discount: {{type: number}}
"""
OTHERWISE = "      otherwise: {discount: 0}\n"


def test_where_one_rule_counts_it_is_a_branch(made):
    found = made(TABLE.format(hit="first") + OTHERWISE)
    assert found.findings == []
    nodes = found.nodes
    assert nodes["terms"] == Choose(
        "terms",
        (
            (Expr("document.amount > 100"), Flow("terms[1]>terms:1", "terms:1")),
            (Expr("document.visits > 3"), Flow("terms[2]>terms:2", "terms:2")),
        ),
        Flow("terms[otherwise]>terms:otherwise", "terms:otherwise"),
    )
    assert nodes["terms"].arms[0][1].title == "large"
    assert nodes["terms:1"] == Step("terms:1", (Flow("terms:1>off"),), (("discount", Expr("10")),), gives="terms")
    assert nodes["terms:otherwise"].sets == (("discount", Expr("0")),)
    assert made(TABLE.format(hit="unique")).nodes["terms"].hit == "only"


def test_where_several_count_it_is_one_step(made):
    rows = "[[10] if (document.amount > 100) else none, [attempts] if (document.visits > 3) else none]"
    for hit, text in (
        ("sum", f"sum(rule[0] for rule in {rows} if rule != none)"),
        ("collect", f"list(rule[0] for rule in {rows} if rule != none)"),
        ("max", f"max(rule[0] for rule in {rows} if rule != none) if any([(document.amount > 100), (document.visits > 3)]) else none"),
    ):
        (node,) = made(TABLE.format(hit=hit)).graph.nodes
        assert node == Step("terms", (Flow("terms>off"),), (("discount", Expr(text)),), gives="terms")
