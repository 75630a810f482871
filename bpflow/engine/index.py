"""The index that a state stands for: the rows of tasks, timers, watches and listens that are there when it is.

What events write step by step is the same, told from nothing: so an index that is lost or doubtful can be made anew.
"""

from __future__ import annotations

from bpflow.engine import people
from bpflow.engine.program import Program
from bpflow.engine.state import OVER, State
from bpflow.engine.suspending import holders
from bpflow.engine.transition import Effects, Listen, put_row
from bpflow.graph import Task


def index_of(program: Program, state: State) -> Effects:
    """All rows, as effects of a state before which there were none. What a task is called is not in the state: it is left empty."""
    effects = Effects()
    if state.status in OVER:
        return effects
    for token in state.tokens.values():
        node = program.nodes[token.node]
        if token.waiting is not None and isinstance(node, Task):
            put_row(effects.tasks, (token.id, token.visit), None, people.row(node, token.waiting, ""))
    if state.status == "suspended":
        return effects
    for holder, arms in holders(state.tokens, state.scopes):
        visit = state.tokens[holder].visit if holder in state.tokens else 0
        for arm, due in arms.due.items():
            put_row(effects.timers, (holder, arm), None, due)
        effects.watches |= {(holder, document): True for document in arms.watched}
        effects.listens |= {(holder, arm): Listen(name, key, visit) for arm, (name, key) in arms.listening.items()}
    return effects
