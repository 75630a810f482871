"""The graph's JSON, and the builder, also with blocks, which an activity of these tests opens through the guests' door."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.definition.reading import Reading
from bpflow.definition.step import Step as Activity
from bpflow.definition.step import Steps
from bpflow.definition.types import Expression, Name
from bpflow.definition.vocabulary import vocabulary
from bpflow.graph import (
    Alarm,
    Block,
    Call,
    Choose,
    Climb,
    Each,
    Exit,
    Expr,
    Flow,
    Form,
    Graph,
    Handler,
    Join,
    Lowering,
    Outcome,
    Retry,
    Start,
    Step,
    StepInfo,
    Task,
    Trigger,
    Variable,
    Wait,
    expressions,
    flows,
    from_json,
    map_flows,
    step_of,
    to_json,
)
from bpflow.values import DocumentType, Field

# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────
names = st.text("abcdefghij_/.:-[]>", min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
expr = st.builds(Expr, texts, st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)))
some_expr = st.none() | expr
flow = st.builds(Flow, names, st.none() | names, st.integers(0, 3), texts)
sets = st.lists(st.tuples(names, expr), max_size=3).map(tuple)
plain_field = st.builds(
    Field,
    st.sampled_from(["string", "choice", "object"]),
    texts,
    st.booleans(),
    choices=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    min=st.none() | texts,
)
field = st.builds(lambda outer, inner: replace(outer, fields=tuple(inner)), plain_field, st.lists(st.tuples(names, plain_field), max_size=2))
fields = st.lists(st.tuples(names, field), max_size=2).map(tuple)
comments = st.sampled_from(["none", "optional", "required"])
trigger = st.builds(
    Trigger, st.sampled_from(["at", "changed", "until", "message", "command"]), some_expr, texts, st.booleans(), some_expr, texts, fields, comments
)
handler = st.builds(Handler, names, trigger, st.booleans(), flow, st.booleans(), st.none() | names)
outcome = st.builds(Outcome, names, texts, fields, comments, st.booleans())
form = st.builds(Form, expr, st.lists(outcome, max_size=2).map(tuple), some_expr, sets, sets)
climb = st.builds(Climb, flow)
alarm = st.builds(Alarm, expr, st.booleans(), some_expr, some_expr, st.none() | names)
each = st.builds(Each, expr, names, some_expr, some_expr, some_expr, sets)


def some(item, size=2):
    return st.lists(item, max_size=size).map(tuple)


node = st.one_of(
    st.builds(Step, names, some(flow), sets, some(names), st.none() | names, st.none() | st.integers(0, 9), st.none() | names),
    st.builds(Choose, names, some(st.tuples(expr, flow)), st.none() | flow, st.sampled_from(["first", "every", "only"]), st.integers(0, 2)),
    st.builds(Join, names, some(names), flow, st.sampled_from(["all", "live", 2])),
    st.builds(Wait, names, some(st.tuples(trigger, flow)), st.none() | names, some(names)),
    st.builds(
        Task,
        names,
        expr,
        form,
        some(st.tuples(names, flow)),
        some(alarm),
        st.none() | names,
        some_expr,
        some_expr,
        climb=st.none() | climb,
        done_when=some_expr,
        checklist=some(expr),
        observers=some_expr,
        parts=some(names),
        part=st.none() | st.tuples(names, names),
    ),
    st.builds(Call, names, texts, sets, flow, st.none() | names, st.none() | st.builds(Retry, st.integers(0, 9)), some_expr, st.booleans()),
    st.builds(Block, names, some(flow), flow, st.sampled_from(["all", 1]), st.none() | each, some(handler), st.none() | names),
    st.builds(Exit, names, st.sampled_from(["end", "terminate", "raise"]), texts, st.none() | flow),
)
graphs = st.builds(
    Graph,
    process=names,
    title=texts,
    entry=some(flow),
    nodes=some(node, 4),
    steps=some(st.builds(StepInfo, names, names, texts, st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)))),
    document=st.none() | names,
    documents=some(st.builds(DocumentType, names, texts, fields, st.none() | names)),
    starts=some(st.builds(Start, st.sampled_from(["manual", "document-changed"]), some_expr, sets, some_expr)),
    inputs=fields,
    variables=some(st.builds(Variable, names, field, some_expr)),
    outputs=sets,
    people=sets,
    handlers=some(handler),
    unless_running=st.booleans(),
    source=texts,
)


@given(graphs)
def test_json_loses_nothing(graph):
    text = to_json(graph)
    again = from_json(text)
    assert again == graph
    assert to_json(again) == text
    assert [e.place for e in expressions(again)] == [e.place for e in expressions(graph)]
    assert again.digest == graph.digest


@given(graphs)
def test_the_digest_is_of_the_meaning(graph):
    moved = replace(graph, source="elsewhere.yaml", steps=tuple(replace(info, place=(7, 7)) for info in graph.steps))
    assert moved.digest == graph.digest
    assert replace(graph, unless_running=not graph.unless_running).digest != graph.digest


@given(node)
def test_flows_are_all_the_flows(node):
    seen = []
    map_flows(node, lambda flow: seen.append(flow) or flow)
    assert sorted(map(repr, seen)) == sorted(map(repr, flows(node)))
    assert map_flows(node, lambda flow: flow) == node


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="format 99"):
        from_json('{"format": 99}')


# ── the builder ─────────────────────────────────────────────────────────────────────────────────────────────────────
class Both(Activity):
    """Runs branches side by side, and another meanwhile."""

    branches: dict[Name, Steps]
    """The branches."""
    late: Steps = ()
    """What is done if it takes too long."""
    at: Expression = Expr("none")
    """How long that is."""

    def lists(self):
        yield from self.branches.items()
        yield "late", self.late

    def lower(self, b: Lowering) -> None:
        inner = b.inside()
        entries = tuple(inner.flow(b.path, str(name), inner.branch(str(name), steps)) for name, steps in self.branches.items())
        late = Handler("late", Trigger("at", self.at), True, b.flow(b.path, "late", b.branch("late", self.late)), outside=True)
        b.add(Block(b.path, entries, b.flow(b.path), handlers=(late,) if self.late else (), gives=b.name))


def build(*steps: Mapping[str, object]):
    reading = Reading("p.yaml", vocabulary().with_activities({"both": Both}))
    process = Process.model_validate({"bpflow": 1, "id": "p", "steps": steps}, context=reading)
    compiled = lower(process, {}, reading=reading)
    assert from_json(to_json(compiled.graph)) == compiled.graph
    return {node.id: node for node in compiled.graph.nodes}, [f.rule for f in reading.findings + compiled.findings]


def end(**keys: object):
    return {"activity": "end", "result": "done", **keys}


def pause(**keys: object):
    return {"activity": "pause", "for": "1h", **keys}


def way(node: Wait) -> tuple[str | None, int]:
    return node.arms[0][1].to, node.arms[0][1].up


def test_what_stands_in_a_block_is_one_deeper():
    nodes, found = build(
        {"id": "outer", "activity": "both", "branches": {"a": [pause(id="p1"), pause(id="p2", next="last")], "b": [pause(id="p3", next="go-on")]}},
        end(id="middle"),
        end(id="last"),
    )
    assert found == []
    assert nodes["outer"] == Block(
        "outer", (Flow("outer[a]>outer.a/p1", "outer.a/p1"), Flow("outer[b]>outer.b/p3", "outer.b/p3")), Flow("outer>middle", "middle"), gives="outer"
    )
    assert way(nodes["outer.a/p1"]) == ("outer.a/p2", 0)
    assert way(nodes["outer.a/p2"]) == ("last", 1)
    assert way(nodes["outer.b/p3"]) == (None, 0)


def test_ways_out_of_blocks_in_blocks_count_them():
    inner = {"activity": "both", "id": "inner", "branches": {"a": [pause(id="p1", next="p3"), pause(id="p2", next="last")]}}
    nodes, found = build({"activity": "both", "id": "outer", "branches": {"x": [inner, pause(id="p3")]}}, end(id="last"))
    assert found == []
    assert way(nodes["outer.x/inner.a/p1"]) == ("outer.x/p3", 1)
    assert way(nodes["outer.x/inner.a/p2"]) == ("last", 2)
    assert way(nodes["outer.x/p3"]) == (None, 0)
    assert nodes["outer.x/inner"].out.up == 0


def test_a_loop_in_a_block_stays_there():
    loop = {"activity": "loop", "id": "again", "until": "true", "steps": [pause(id="p1")]}
    nodes, _ = build({"activity": "both", "id": "outer", "branches": {"x": [loop]}}, end())
    assert way(nodes["outer.x/again/p1"]) == ("outer.x/again:until", 0)
    assert [(flow.to, flow.up) for flow in flows(nodes["outer.x/again:until"])] == [(None, 0), ("outer.x/again:turn", 0)]


def test_what_is_done_outside_stands_outside():
    nodes, _ = build({"activity": "both", "id": "outer", "branches": {"x": [pause()]}, "late": [pause(id="late_pause")]}, end())
    handler = nodes["outer"].handlers[0]
    assert (handler.entry.to, handler.entry.up) == ("outer.late/late_pause", 0)
    assert way(nodes["outer.late/late_pause"]) == ("end", 0)


def test_results_in_a_block_are_forgotten_by_the_loop_around_it():
    ask = {"activity": "request-info", "id": "ask", "to": "initiator"}
    nodes, _ = build({"activity": "loop", "until": "true", "steps": [{"activity": "both", "id": "both", "branches": {"a": [ask], "b": [pause()]}}]}, end())
    assert nodes["loop:turn"].forgets == ("ask", "both")


def test_paths_never_clash():
    nodes, found = build(pause(), pause(id="pause"), pause(), pause(id="pause_2"), end())
    assert found == []
    assert list(nodes) == ["pause-2", "pause", "pause-3", "pause_2", "end"]


def test_an_id_twice_is_found_and_lowering_goes_on():
    inner = {"activity": "condition", "branches": [{"when": "true", "steps": [pause(id="a")]}]}
    nodes, found = build(pause(id="a"), inner, pause(id="a"), pause(next="a"))
    assert found == ["duplicate-id", "duplicate-id"]
    assert list(nodes) == ["a", "condition", "condition.1/a-2", "a-2", "pause"]
    assert way(nodes["pause"]) == ("a", 0)


def test_next_finds_steps_before_after_and_around():
    nodes, found = build(
        pause(id="first"),
        {"activity": "condition", "branches": [{"when": "true", "steps": [pause(id="inner", next="last")]}, {"when": "false", "next": "first"}]},
        end(),
        end(id="last"),
    )
    assert found == []
    assert way(nodes["condition.1/inner"]) == ("last", 0)
    assert nodes["condition"].arms[1][1].to == "first"


def test_next_finds_nothing_inside_blocks_and_nothing_that_is_not_there():
    _, found = build(
        pause(next="inner"),
        pause(next="nowhere"),
        {"activity": "condition", "branches": [{"when": "true", "steps": [pause(id="inner")]}]},
    )
    assert found == ["jump-into-block", "unknown-step"]


def test_an_activity_keeps_to_its_own_nodes():
    class Rude(Activity):
        """Adds a node where none of its own may stand."""

        def lower(self, b: Lowering) -> None:
            b.add(Exit("elsewhere", "end", "x"))

    reading = Reading("p.yaml", {"rude": Rude})
    process = Process.model_validate({"bpflow": 1, "id": "p", "steps": [{"activity": "rude"}]}, context=reading)
    with pytest.raises(ValueError, match="elsewhere is no node of the step rude"):
        lower(process, {}, reading=reading)


@st.composite
def processes(draw, depth: int = 3) -> Sequence[Mapping[str, object]]:
    """Lists of steps, nested, with ids that are unique and `next` that may lead anywhere in the lists around."""
    counter = draw(st.shared(st.builds(list), key="ids"))

    def steps(level: int, around: list[str]) -> list[dict[str, object]]:
        ids = [f"s{len(counter) + n}" for n in range(draw(st.integers(1, 3)))]
        counter.extend(ids)
        known = [*around, *ids]
        made = []
        for id in ids:
            kind = draw(st.sampled_from(["pause", "condition", "loop", "both"] if level else ["pause"]))
            step: dict[str, object] = {"activity": kind, "id": id}
            if draw(st.booleans()):
                step["next"] = draw(st.sampled_from([*known, "go-on"]))
            if kind == "pause":
                step["for"] = "1h"
            elif kind == "condition":
                step |= {"branches": [{"when": "true", "steps": steps(level - 1, known)}], "otherwise": {"next": draw(st.sampled_from(known))}}
            elif kind == "loop":
                step |= {"until": "true", "steps": steps(level - 1, known)}
            else:
                step["branches"] = {"a": steps(level - 1, known), "b": steps(level - 1, known)}
            made.append(step)
        return made

    return steps(depth, [])


@given(processes())
def test_whatever_is_built_holds_together(steps):
    nodes, found = build(*steps)
    assert found == []
    depth = {id: block_depth(id, nodes) for id in nodes}
    ids = [flow.id for node in nodes.values() for flow in flows(node)]
    assert len(ids) == len(set(ids))
    for node in nodes.values():
        for flow in flows(node):
            inner = isinstance(node, Block) and flow in node.entry
            assert flow.to is None or flow.to in nodes
            here = depth[node.id] + inner
            assert 0 <= flow.up <= here
            if flow.to is not None:
                assert here - flow.up == depth[flow.to]


def block_depth(id: str, nodes: Mapping[str, object]) -> int:
    """The blocks around a node, counted by its path."""
    parts = step_of(id).split("/")
    above = ["/".join((*parts[:n], parts[n].partition(".")[0])) for n in range(len(parts) - 1)]
    return sum(isinstance(nodes.get(path), Block) for path in above)
