from bpflow.graph import Exit


def test_ends_the_instance_with_its_result(made):
    found = made("- {activity: end, result: not_our-industry}")
    assert found.nodes == {"end": Exit("end", "end", "not_our-industry")}
    assert found.graph.entry[0].to == "end"


def test_nothing_follows_an_end(made):
    found = made("""
        - {activity: end, result: done, next: more}
        - {id: more, activity: end, result: more}
    """)
    assert found.findings == ['1:33 unknown-key: nothing can follow "end", so it has no "next"']
