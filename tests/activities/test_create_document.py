from bpflow.graph import Call, Expr, Flow

HEAD = """\
bpflow: 1
id: test
document:
  type: visit
  fields:
    company: {type: document, of: company}
    companies: {type: document, of: [company, client], many: true}
    name: {type: string, required: true}
    kind: {type: choice, choices: [first, next], default: first}
    asked_by: {type: user, default: $(initiator)}
    earlier: {type: document, of: visit}
    later: {type: document, of: visit, many: true}
    anything: {type: document}
"""


def test_the_fields_the_defaults_and_the_way_back_are_arguments(made):
    found = made("- {id: visit, activity: create-document, type: visit, set: {name: V-$(document.name)}, link: {later: earlier, anything: companies}}", HEAD)
    assert found.findings == ['1:121 wrong-value: "companies" cannot refer to a document of the type "visit"']
    found = made("- {id: visit, activity: create-document, type: visit, set: {name: V-$(document.name)}, link: {later: earlier, anything: later}}", HEAD)
    assert found.findings == []
    assert found.nodes["visit"] == Call(
        "visit",
        "documents.create",
        (
            ("type", Expr('"visit"')),
            ("set.name", Expr('text("V-", document.name)')),
            ("set.earlier", Expr("document")),
            ("set.later", Expr("[document]")),
            ("set.kind", Expr('"first"')),
            ("set.asked_by", Expr("initiator")),
            ("document", Expr("document")),
            ("link", Expr('["later", "anything"]')),
        ),
        Flow("visit>off"),
        gives="visit",
    )


def test_the_graph_is_pinned_to_the_type_that_it_makes_and_what_that_leads_to(made):
    found = made("- {activity: create-document, type: company, set: {name: A}}", "bpflow: 1\nid: test\n")
    assert found.findings == []
    assert [type.type for type in found.graph.documents] == ["client", "company"]
