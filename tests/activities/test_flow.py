"""What the activities of flow become: blocks, choices, waits and joins."""

from __future__ import annotations

from bpflow.graph import Block, Call, Choose, Each, Expr, Flow, Handler, Join, Retry, Step, Trigger, Wait


def outline(nodes, *ids):
    return [type(nodes[id]).__name__ for id in ids]


def test_a_parallel_is_a_block_with_a_flow_for_each_branch(made):
    found = made("""
        - id: both
          activity: parallel
          join: any
          branches:
            a: {title: Первая, steps: [{id: p, activity: pause, for: 1h}]}
            b: {steps: [{id: q, activity: pause, for: 1h}]}
        - {id: after, activity: end, result: done}
    """)
    assert found.findings == []
    assert found.nodes["both"] == Block("both", (Flow("both[a]>both.a/p", "both.a/p"), Flow("both[b]>both.b/q", "both.b/q")), Flow("both>after", "after"), 1)
    assert found.nodes["both.a/p"].arms[0][1] == Flow("both.a/p>off")


def test_branches_with_a_when_come_from_a_choice_of_every_one_that_is_true(made):
    found = made("""
        - id: two
          activity: parallel
          join: 2
          branches:
            a: {when: document.ready, steps: [{id: p, activity: pause, for: 1h}]}
            b: {steps: [{id: q, activity: pause, for: 1h}]}
            c: {steps: [{id: r, activity: pause, for: 1h}]}
        - id: all_of_them
          activity: parallel
          branches:
            a: {when: document.ready, steps: [{id: s, activity: pause, for: 1h}]}
    """)
    assert found.findings == []
    choice = found.nodes["two:when"]
    assert isinstance(choice, Choose)
    assert (choice.hit, choice.least, choice.otherwise) == ("every", 2, None)
    assert [condition.text for condition, _ in choice.arms] == ["document.ready", "true", "true"]
    assert (found.nodes["two"].entry, found.nodes["two"].need) == ((Flow("two>two:when", "two:when"),), 2)
    assert (found.nodes["all_of_them:when"].least, found.nodes["all_of_them:when"].otherwise) == (0, Flow("all_of_them:when[nothing]>off"))


def test_a_for_each_is_a_block_with_a_turn_for_each_item(made):
    found = made("""
        - id: one_by_one
          activity: for-each
          items: document.tags
          as: tag
          collect: {word: $(tag), at: 2026-03-02T10:00+03:00}
          steps: [{id: p, activity: pause, for: 1h, next: after}]
        - id: at_once
          activity: for-each
          items: [1, 2]
          as: n
          in-parallel: true
          at-most: 3
          enough: done > 1
          collect: n
          steps: [{id: q, activity: pause, for: 1h}]
        - {id: after, activity: end, result: done}
    """)
    assert found.findings == []
    each = found.nodes["one_by_one"].each
    assert (each.at_most, each.name, [name for name, _ in each.collect_fields]) == (Expr("1"), "tag", ["word", "at"])
    assert found.nodes["one_by_one/p"].arms[0][1] == Flow("one_by_one/p>after", "after", 1)
    assert found.nodes["at_once"].each == Each(Expr("[1, 2]"), "n", Expr("3"), Expr("done > 1"), Expr("n"))
    assert found.nodes["at_once"].gives == "at_once"


def test_a_race_is_one_wait(made):
    found = made("""
        - id: which
          activity: race
          branches:
            paid: {message: paid, key: document.name, next: go-on}
            stop: {command: stop, title: Стоп, by: document.responsible, fields: {why: {type: string}}, comment: none, next: after}
            met: {at: document.met_at, next: go-on}
            ready: {changed: document.ready, steps: [{id: p, activity: pause, for: 1h}]}
            late: {after: 2h, next: go-on}
        - {id: after, activity: end, result: done}
    """)
    assert found.findings == []
    wait = found.nodes["which"]
    assert isinstance(wait, Wait)
    assert wait.names == ("paid", "stop", "met", "ready", "late")
    triggers = [trigger for trigger, _ in wait.arms]
    assert [(t.kind, t.name, t.fixed, t.expr.text if t.expr else None) for t in triggers] == [
        ("message", "paid", False, "document.name"),
        ("command", "stop", False, None),
        ("at", "", False, "moment(document.met_at)"),
        ("changed", "", False, "document.ready"),
        ("at", "", True, 'moment(duration("2h"))'),
    ]
    assert (triggers[1].title, triggers[1].comment, [name for name, _ in triggers[1].form]) == ("Стоп", "none", ["why"])
    assert [flow.to for _, flow in wait.arms] == ["after", "after", "after", "which.ready/p", "after"]


def test_what_may_happen_meanwhile_are_handlers_of_the_block(made):
    found = made("""
        - id: careful
          activity: block
          steps: [{id: p, activity: pause, for: 1h}]
          meanwhile:
            - {command: stop, cancels: true, next: after}
            - {after: 1h, cancels: true}
            - {after: 2h, cancels: false, steps: [{id: q, activity: pause, for: 1h, next: after}]}
            - {error: no_money, id: broke, cancels: true, steps: [{id: r, activity: pause, for: 1h}]}
        - {id: after, activity: end, result: done}
    """)
    assert found.findings == []
    block = found.nodes["careful"]
    assert [(h.name, h.trigger.kind, h.cancels, h.entry, h.gives) for h in block.handlers] == [
        ("stop", "command", True, Flow("careful[stop]>after", "after", 1), "stop"),
        ("after", "at", True, Flow("careful[after]>off"), None),
        ("after-2", "at", False, Flow("careful[after-2]>careful.after-2/q", "careful.after-2/q"), None),
        ("broke", "error", True, Flow("careful[broke]>careful.broke/r", "careful.broke/r"), "broke"),
    ]
    assert block.handlers[3].trigger.name == "no_money"
    assert found.nodes["careful.after-2/q"].arms[0][1] == Flow("careful.after-2/q>after", "after", 1)


def test_a_split_is_a_node_and_a_join_knows_its_ways(made):
    found = made("""
        - {id: a, activity: pause, for: 1h, next: [b, c]}
        - {id: b, activity: pause, for: 1h, next: both}
        - {id: c, activity: pause, for: 1h}
        - {id: both, activity: join}
        - id: which
          activity: condition
          branches: [{when: document.ready, next: [a, done]}]
          otherwise: {next: go-on}
        - {id: done, activity: end, result: done}
    """)
    assert found.findings == []
    assert found.nodes["a:split"] == Step("a:split", (Flow("a:split>b", "b"), Flow("a:split>c", "c")))
    assert found.nodes["a"].arms[0][1] == Flow("a>a:split", "a:split")
    assert found.nodes["both"] == Join("both", ("b>both", "c>both"), Flow("both>which", "which"))
    assert [flow.to for flow in found.nodes["which:split.1"].out] == ["a", "done"]


def test_a_loop_whose_body_can_fork_has_a_block_for_it(made):
    found = made("""
        - id: turns
          activity: loop
          until: document.ready
          steps:
            - {id: a, activity: pause, for: 1h, next: [b, c]}
            - {id: b, activity: pause, for: 1h, next: go-on}
            - {id: c, activity: pause, for: 1h}
        - id: plain
          activity: loop
          until: document.ready
          steps:
            - activity: block
              steps: [{id: d, activity: pause, for: 1h, next: [e, f]}, {id: e, activity: pause, for: 1h}, {id: f, activity: pause, for: 1h}]
    """)
    assert found.findings == []
    assert found.nodes["turns:body"] == Block("turns:body", (Flow("turns:body>turns/a", "turns/a"),), Flow("turns:body>turns:until", "turns:until"))
    assert found.nodes["turns/b"].arms[0][1] == Flow("turns/b>off")
    assert "plain:body" not in found.nodes


def test_on_error_is_a_block_round_the_step_and_retry_is_the_calls(made):
    found = made("""
        - id: tell
          activity: notify
          to: document.responsible
          text: Ура
          retry: {times: 5, first: 10s, at-most: 1h}
          on-error: {steps: [{id: p, activity: pause, for: 1h}]}
          next: [after, q]
        - {id: q, activity: notify, to: document.responsible, text: Ура, on-error: {next: after}}
        - {id: after, activity: end, result: done}
    """)
    assert found.findings == []
    guard = found.nodes["tell:guard"]
    caught = Handler("on-error", Trigger("error"), True, Flow("tell:guard[on-error]>tell.on-error/p", "tell.on-error/p"), gives="error")
    assert guard == Block("tell:guard", (Flow("tell:guard[try]>tell", "tell"),), Flow("tell:guard>tell:split", "tell:split"), handlers=(caught,))
    call = found.nodes["tell"]
    assert isinstance(call, Call)
    assert (call.retry, call.out) == (Retry(5, 10, 3600), Flow("tell>off"))
    assert [flow.to for flow in found.nodes["tell:split"].out] == ["after", "q:guard"]
    assert found.graph.entry == (Flow(">tell:guard", "tell:guard"),)
    assert found.nodes["q:guard"].handlers[0].entry == Flow("q:guard[on-error]>after", "after", 1)


def test_a_process_has_handlers_too(made):
    head = """\
bpflow: 1
id: p
meanwhile:
  - {command: stop, cancels: true, steps: [{id: s, activity: pause, for: 1h, next: after}]}
  - {after: 1d, cancels: true, next: after}
"""
    found = made(
        """
        - {id: p, activity: pause, for: 1h}
        - {id: after, activity: end, result: done}
    """,
        head,
    )
    assert found.findings == []
    assert [(h.name, h.entry) for h in found.graph.handlers] == [("stop", Flow("[stop]>.stop/s", ".stop/s")), ("after", Flow("[after]>after", "after"))]
    assert found.nodes[".stop/s"].arms[0][1] == Flow(".stop/s>after", "after")
