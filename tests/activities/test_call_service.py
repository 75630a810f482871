from bpflow.graph import Call, Expr, Flow


def test_of_a_service_that_is_not_known_literals_are_taken_as_yaml_reads_them(made):
    found = made("- {id: got, activity: call-service, service: crm.find, with: {a: 1, b: text, c: $(document.amount), d: [x, 2]}, timeout: 30s}")
    assert found.findings == []
    assert found.nodes["got"] == Call(
        "got",
        "crm.find",
        (("a", Expr("1")), ("b", Expr('"text"')), ("c", Expr("document.amount")), ("d", Expr('["x", 2]'))),
        Flow("got>off"),
        gives="got",
        timeout=Expr('moment(duration("30s"))'),
    )


def test_retry_is_the_frames(made):
    found = made("- {id: got, activity: call-service, service: crm, retry: {times: 3}}")
    assert found.nodes["got"].retry.times == 3


def test_the_service_absence_is_known_with_what_it_takes_and_gives(made):
    good = made("- {id: got, activity: call-service, service: absence, with: {user: ivanov, from: 2026-03-02, reason: holiday}}")
    assert good.findings == []
    assert dict(good.nodes["got"].arguments) == {"user": Expr('user("ivanov")'), "from": Expr('date("2026-03-02")'), "reason": Expr('"holiday"')}
    bad = made("- {activity: call-service, service: absence, with: {user: ivanov, till: 2026-03-02}}")
    assert [finding.split()[1] for finding in bad.findings] == ["unknown-field:"]  # "from" is what was meant
