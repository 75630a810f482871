from bpflow.graph import Join


def test_the_ways_into_a_join_are_also_those_that_begin_the_process_and_what_happens_meanwhile(made):
    head = "bpflow: 1\nid: test\nmeanwhile: [{command: again, cancels: true, next: both}]\n"
    found = made("- {id: both, activity: join, next: both}", head)
    assert found.findings == []
    join = found.nodes["both"]
    assert isinstance(join, Join)
    assert join.into == (">both", "[again]>both", "both>both")
