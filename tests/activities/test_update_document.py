from bpflow.graph import Call, Expr, Flow

NO_DOCUMENT = "bpflow: 1\nid: test\n"


def test_fields_are_arguments_by_name(made):
    found = made("""
        - activity: update-document
          set: {status: refused, visits: 3, amount: 1.50, ready: true, day: 2026-03-03, term: 2h, responsible: ivanov, phone: null, tags: [a, $(document.name)]}
          add: {tags: vip, visits: 1}
          remove: {tags: [x, y]}
          note: Отказ от $(document.name)
    """)
    assert found.findings == []
    assert found.nodes["update-document"] == Call(
        "update-document",
        "documents.update",
        (
            ("document", Expr("document")),
            ("set.status", Expr('"refused"')),
            ("set.visits", Expr("3")),
            ("set.amount", Expr("1.50")),
            ("set.ready", Expr("true")),
            ("set.day", Expr('date("2026-03-03")')),
            ("set.term", Expr('duration("2h")')),
            ("set.responsible", Expr('user("ivanov")')),
            ("set.phone", Expr("none")),
            ("set.tags", Expr('["a", document.name]')),
            ("add.tags", Expr('"vip"')),
            ("add.visits", Expr("1")),
            ("remove.tags", Expr('["x", "y"]')),
            ("note", Expr('text("Отказ от ", document.name)')),
        ),
        Flow("update-document>off"),
    )


def test_another_document_is_known_by_its_way(made):
    found = made("""
        - {activity: update-document, document: document.client, set: {last_contact: 2026-03-03}}
        - {activity: update-document, document: document.client, set: {last_contct: 2026-03-03}}
    """)
    assert dict(found.nodes["update-document"].arguments)["set.last_contact"] == Expr('date("2026-03-03")')
    assert found.findings == ['2:64 unknown-field: the document has no field "last_contct" — did you mean "last_contact"?']


def test_of_a_document_that_is_not_known_literals_are_taken_as_yaml_reads_them(made):
    found = made("- {activity: update-document, document: ask.found, set: {a: 1, b: text, c: [x, 2]}}")
    assert dict(found.nodes["update-document"].arguments) == {
        "document": Expr("ask.found"),
        "set.a": Expr("1"),
        "set.b": Expr('"text"'),
        "set.c": Expr('["x", 2]'),
    }


def test_what_is_wrong(made):
    found = made("""
        - activity: update-document
          set: {statis: new, status: Новая, visits: 1.5, ready: "да", day: 3 марта, address: Москва}
          add: {name: a}
        - {activity: update-document}
        - {activity: update-document, set: {name: null, rating: 9}, add: {rating: 7}}
    """)
    assert found.findings == [
        '2:9 unknown-field: the document has no field "statis" — did you mean "status"?',
        '2:30 wrong-value: "Новая" is not among the choices — "Новая" is the title; write "new"',
        '2:45 wrong-value: "1.5" is not a whole number',
        '2:57 wrong-value: "да" is not a truth value — write "true" or "false" without quotes',
        '2:68 wrong-value: "3 марта" is not a date — write it as 2026-03-31',
        "2:86 wrong-value: a value of this field cannot be written out — write an expression: $(…)",
        '3:9 wrong-value: "name" is neither a list nor a number, so "add" has no meaning',
        '4:3 missing-key: nothing is changed: write "set", "add", "remove" or "note"',
        "5:43 wrong-value: a value is required",
        "5:57 wrong-value: from 1 to 5 allowed, not the number 9",
    ]


def test_there_must_be_a_document(made):
    assert made("- {activity: update-document, set: {a: 1}}", NO_DOCUMENT).findings == [
        '1:3 missing-key: "update-document" needs a document, and the process has none'
    ]


def test_the_bare_word_none_empties_a_field(made):
    found = made("- {activity: update-document, set: {status: none, visits: none}}")
    assert found.findings == []
    (call,) = found.graph.nodes
    assert [expr.text for name, expr in call.arguments if name.startswith("set.")] == ["none", "none"]
    (finding,) = made('- {activity: update-document, set: {status: "none"}}').findings
    assert "is not among the choices" in finding
