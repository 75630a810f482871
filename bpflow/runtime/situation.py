"""What a start condition sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bpflow.diagnostics import Refused, say
from bpflow.engine.transition import Unanswered
from bpflow.expressions.data import Document, Question, Value
from bpflow.runtime.answers import Live
from bpflow.stores.contract import Store, Work


@dataclass(slots=True)
class Situation:
    """Names and answers for the condition and the values of a start: the document, as it is and as it was, who did it; a message."""

    names: dict[str, Value]
    now: datetime
    zone: str
    live: Live
    reader: Store | Work

    def ask(self, question: Question) -> Value:
        while True:
            try:
                return self.live.ask(question)
            except Unanswered:
                document = question[1]
                if not isinstance(document, Document):
                    raise Refused(say("a start condition cannot ask that")) from None
                self.live.documents[document.id] = self.reader.document(document.id)
