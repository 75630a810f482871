"""The engine: pure, small, replayable. `advance(program, state, event, answers)` gives the next state, and what is to be done."""

from bpflow.engine.interpreter import advance
from bpflow.engine.program import Program
from bpflow.engine.state import State
from bpflow.engine.transition import Answers, InvalidAnswer, NotAllowed, Table, Transition, Unanswered, UnexpectedEvent

__all__ = ["Answers", "InvalidAnswer", "NotAllowed", "Program", "State", "Table", "Transition", "Unanswered", "UnexpectedEvent", "advance"]
