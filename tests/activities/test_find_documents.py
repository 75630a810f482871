from bpflow.graph import Call, Expr, Flow


def test_expressions_travel_as_text_with_the_names_that_they_read(made):
    found = made("""
        - id: found
          activity: find-documents
          type: company
          where: item.status == document.status and item.visits > attempts and item.day < today() and item.met_at < now
          order: [-item.amount, item.name + "x", -(item.visits + attempts)]
          limit: 7
        - {id: all, activity: find-documents, type: client}
        - {activity: find-documents, type: client, order: item.last_contact}
    """)
    assert found.findings == []
    assert found.nodes["found"] == Call(
        "found",
        "documents.find",
        (
            ("type", Expr('"company"')),
            ("limit", Expr("7")),
            ("where", Expr('"item.status == document.status and item.visits > attempts and item.day < today() and item.met_at < now"')),
            ("order", Expr('["item.amount", "item.name + \\"x\\"", "item.visits + attempts"]')),
            ("descending", Expr("[true, false, true]")),
            ("names.document", Expr("document")),
            ("names.attempts", Expr("attempts")),
        ),
        Flow("found>all", "all"),
        gives="found",
    )
    assert dict(found.nodes["all"].arguments) == {"type": Expr('"client"'), "limit": Expr("100")}
    assert dict(found.nodes["find-documents"].arguments)["order"] == Expr('["item.last_contact"]')
    assert [type.type for type in found.graph.documents] == ["client", "company"]
