from pathlib import Path

from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.diagram import LONGEST, escape, mermaid
from bpflow.graph import Block, Exit, Expr, Flow, Graph, Handler, StepInfo, Trigger, Wait
from bpflow.loading import load_process
from bpflow.source import read_source
from bpflow.values import DocumentType, Field

PROCESS = """\
bpflow: 1
id: outreach
title: Работа с компаниями
document: company
start:
  - {on: document-changed, when: document.status == "В работе"}
  - {on: manual}
variables:
  attempts: {type: integer, default: 0}
steps:
  - id: which
    activity: condition
    title: Какая "сфера"?
    branches:
      - {when: document.status == "новая", title: новая, next: go-on}
      - when: document.status == "чужая"
        steps: [{activity: end, result: not_ours}]
    otherwise: {next: last}
  - id: until_met
    activity: loop
    title: Пока не встретились
    until: document.status == "встреча"
    steps:
      - id: ask
        activity: request-info
        title: Назначена ли встреча?
        to: initiator
        outcomes:
          arranged: {title: Назначена, fill: [status]}
          later:
            title: Позже
            steps:
              - {activity: pause, for: 2 working days}
              - {activity: set-variables, set: {attempts: $(attempts + 1)}}
          refused: {title: Отказ, next: last}
  - {activity: notify, to: initiator, text: "Встреча с $(document.status)"}
  - activity: loop
    while: attempts > 0
    steps: [{activity: pause, until: document.status == "x"}]
  - {id: last, activity: update-document, set: {status: отказ}, next: go-on}
"""
DRAWN = """\
flowchart TD
    start_here(["▶ Работа с компаниями"])
    n_which{"Какая #quot;сфера#quot;?"}
    n_which_2_end((("not_ours")))
    n_until_met{{"Пока не встретились"}}
    n_until_met_ask[/"Назначена ли встреча?"/]
    n_until_met_ask_later_pause(["⏰ 2 working days"])
    n_until_met_ask_later_set_variables["attempts = attempts + 1"]
    n_notify["Встреча с $(document.status)"]
    n_loop{{"loop"}}
    n_loop_pause(["⏰ document.status == #quot;x#quot;"])
    n_last["status = отказ"]
    finish_here((("end")))
    start_here -->|"a document changes: document.status == #quot;В работе#quot; / by hand"| n_which
    n_which -->|"новая"| n_until_met
    n_which -->|"document.status == #quot;чужая#quot;"| n_which_2_end
    n_which -->|"otherwise"| n_last
    n_until_met --> n_until_met_ask
    n_until_met -->|"document.status == #quot;встреча#quot;"| n_notify
    n_until_met_ask -->|"Назначена"| n_until_met
    n_until_met_ask -->|"Позже"| n_until_met_ask_later_pause
    n_until_met_ask -->|"Отказ"| n_last
    n_until_met_ask_later_pause --> n_until_met_ask_later_set_variables
    n_until_met_ask_later_set_variables --> n_until_met
    n_notify --> n_loop
    n_loop -->|"attempts #gt; 0"| n_loop_pause
    n_loop --> n_last
    n_loop_pause --> n_loop
    n_last --> finish_here
"""


def drawn_graph() -> Graph:
    choices = tuple((word, word) for word in ("новая", "чужая", "встреча", "отказ", "В работе", "x"))
    types = {"company": DocumentType("company", "Компания", (("status", Field("choice", choices=choices)),))}
    source = read_source(PROCESS, "p.yaml")
    compiled = lower(Process.model_validate(source.tree), types)
    assert compiled.findings == []
    return compiled.graph


def test_steps_are_drawn_and_not_nodes():
    assert mermaid(drawn_graph()) == DRAWN


def test_it_speaks_the_language_of_its_reader():
    assert '"⏰ 2 working days"' in mermaid(drawn_graph(), "ru")
    assert "start_here" in mermaid(drawn_graph(), "ru")


def test_nothing_in_a_label_is_read_by_mermaid():
    assert escape('a "b" <c> #1 `d` & |e|\n  f') == "a #quot;b#quot; #lt;c#gt; #35;1 #96;d#96; #amp; #124;e#124; f"
    assert escape("1. Первый") == "1#46; Первый"
    assert escape("- так") == "#45; так"
    assert len(escape("ы" * 500)) == LONGEST
    assert escape("слово " * 100).endswith("…")


def test_names_of_steps_never_clash():
    graph = Graph(
        "p",
        "p",
        (Flow(">a/b", "a/b"),),
        (Wait("a/b", ((Trigger("at", Expr("now")), Flow("a/b>a_b", "a_b")),)), Exit("a_b", "end", "x")),
        (StepInfo("a/b", "pause", ""), StepInfo("a_b", "end", "")),
    )
    assert "    n_a_b --> n_a_b_\n" in mermaid(graph)


def test_a_block_is_a_frame_with_a_beginning_and_an_end():
    late = Handler("late", Trigger("at", Expr("moment(document.due)")), True, Flow("b[late]>c", "c"), outside=True)
    nodes = (
        Block("b", (Flow("b[x]>b.x/p", "b.x/p"),), Flow("b>off"), handlers=(late,)),
        Wait("b.x/p", ((Trigger("at", Expr("now")), Flow("b.x/p>off")),)),
        Wait("c", ((Trigger("at", Expr("now")), Flow("c>off")),)),
    )
    steps = tuple(StepInfo(path, "step", "") for path in ("b", "b.x/p", "c"))
    drawn = mermaid(Graph("p", "p", (Flow(">b", "b"),), nodes, steps)).splitlines()[2:]
    assert [line.strip() for line in drawn] == [
        'subgraph n_b_frame ["step"]',
        'n_b((" "))',
        'n_b_x_p(["⏰ now"])',
        'n_b_end((" "))',
        "end",
        'n_c(["⏰ now"])',
        'finish_here((("end")))',
        "start_here --> n_b",
        "n_b --> n_b_x_p",
        'n_b -.->|"document.due"| n_c',
        "n_b_end --> finish_here",
        "n_b_x_p --> n_b_end",
        "n_c --> finish_here",
    ]


FLOWS = """\
bpflow: 1
id: flows
meanwhile:
  - {command: stop, title: Остановить, cancels: true, steps: [{activity: end, result: stopped}]}
steps:
  - id: both
    activity: parallel
    join: any
    branches:
      a: {steps: [{activity: pause, for: 1h}]}
      b: {when: initiator != none, title: второй, steps: [{activity: pause, for: 2h, on-error: {next: go-on}}]}
  - activity: notify
    to: initiator
    text: Начали
    on-error: {steps: [{activity: pause, for: 3h}]}
    next: [p, q]
  - {id: p, activity: pause, for: 4h, next: met}
  - id: q
    activity: race
    title: Кто раньше
    branches:
      late: {after: 1d, next: go-on}
      paid: {message: paid, next: go-on}
  - {id: met, activity: join}
"""
FLOWS_DRAWN = """\
flowchart TD
    start_here(["▶ flows"])
    subgraph n_both_frame ["parallel"]
        n_both((" "))
        n_both_a_pause(["⏰ 1h"])
        n_both_b_pause(["⏰ 2h"])
        n_both_end((" "))
    end
    n_notify["Начали"]
    n_notify_on_error_pause(["⏰ 3h"])
    n_p(["⏰ 4h"])
    n_q(["⏰ Кто раньше"])
    n_met["join"]
    n__stop_end((("stopped")))
    finish_here((("end")))
    start_here --> n_both
    start_here -.->|"Остановить"| n__stop_end
    n_both -->|"a"| n_both_a_pause
    n_both -->|"второй"| n_both_b_pause
    n_both_end -->|"1 of them"| n_notify
    n_both_a_pause --> n_both_end
    n_both_b_pause --> n_both_end
    n_both_b_pause -.->|"error"| n_both_end
    n_notify --> n_p
    n_notify --> n_q
    n_notify -.->|"error"| n_notify_on_error_pause
    n_notify_on_error_pause --> n_p
    n_notify_on_error_pause --> n_q
    n_p --> n_met
    n_q -->|"1d / ✉ paid"| n_met
    n_met --> finish_here
"""


def test_frames_splits_and_what_may_happen_meanwhile():
    source = read_source(FLOWS, "flows.yaml")
    compiled = lower(Process.model_validate(source.tree), {})
    assert compiled.findings == []
    assert mermaid(compiled.graph) == FLOWS_DRAWN


CALLS = """\
bpflow: 1
id: calls
start:
  - {on: schedule, cron: 0 9 * * 1-5}
  - {on: message, message: paid}
  - {on: call}
steps:
  - {id: child, activity: call-process, process: calls}
  - {activity: send-message, message: order-sent, values: {sum: 5}}
  - {activity: wait-message, message: order-received}
  - {activity: call-service, service: credit-check}
  - {id: points, activity: decide, hit: sum, gives: {n: {type: integer}}, rules: [{when: child.result == "x", then: {n: 1}}]}
  - {id: who, activity: pick-user, how: first, from: initiator, title: Кому поручить}
"""
CALLS_DRAWN = """\
flowchart TD
    start_here(["▶ calls"])
    n_child[["calls"]]
    n_send_message["✉ order-sent"]
    n_wait_message(["⏰ ✉ order-received"])
    n_call_service["credit-check"]
    n_points["decide"]
    n_who["Кому поручить"]
    finish_here((("end")))
    start_here -->|"⏰ 0 9 * * 1-5 / ✉ paid / called by a process"| n_child
    n_child --> n_send_message
    n_send_message --> n_wait_message
    n_wait_message --> n_call_service
    n_call_service --> n_points
    n_points --> n_who
    n_who --> finish_here
"""


def test_messages_processes_and_services():
    source = read_source(CALLS, "calls.yaml")
    compiled = lower(Process.model_validate(source.tree), {})
    assert compiled.findings == []
    assert mermaid(compiled.graph) == CALLS_DRAWN


def test_stages_are_frames_and_moves_lead_from_one_to_another() -> None:
    loaded = load_process(Path(__file__).parent / "cases" / "ok" / "pipeline.yaml")
    assert loaded.graph is not None
    lines = [line.strip() for line in mermaid(loaded.graph).splitlines()]
    assert [line for line in lines if line.startswith("subgraph")] == [
        'subgraph n_quotation_frame ["КП"]',
        'subgraph n_negotiation_frame ["Переговоры"]',
        'subgraph n_won_frame ["Выигранные"]',
        'subgraph n_lost_frame ["Проигранные"]',
    ]
    assert 'n_quotation_enter_lost[/"Проигранные"/]' in lines, "who must fill something has a task"
    assert [line for line in lines if "==>" in line and line.startswith("n_negotiation")] == [
        'n_negotiation_frame ==>|"Выиграна"| n_won',
        'n_negotiation_frame ==>|"КП"| n_quotation',
        'n_negotiation ==>|"КП"| n_negotiation_enter_quotation',
        'n_negotiation_frame ==>|"Проиграна"| n_lost',
        'n_negotiation ==>|"Проиграна"| n_negotiation_enter_lost',
    ]
    assert {"n_quotation_notify --> n_negotiation", "n_lost_notify --> n_lost_end", 'n_lost_end((("lost")))', "n_won --> n_won_end"} <= set(lines)
    assert [line for line in lines if line.startswith("start_here -->")] == [
        'start_here -->|"a document is created"| n_quotation',
        'start_here -->|"a document is created"| n_quotation_enter_quotation',
    ]
    assert not any(line.endswith("finish_here") for line in lines)
