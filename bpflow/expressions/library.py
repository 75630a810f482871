"""The library: every function and every name that the language gives by itself."""

from __future__ import annotations

from bpflow.expressions import dates, lists, people, texts
from bpflow.expressions.functions import FUNCTIONS, Function

BUILTIN_NAMES: dict[str, str] = {
    "document": "The document of the instance; none where the process has no document.",
    "previous": "The fields of the document before its change; in the `when` of a start.",
    "initiator": "The person who started the instance; none where nobody did.",
    "now": "The instant of what is happening, the same throughout it.",
}
"""Names that are there in every process, each with its meaning."""

SITUATION_NAMES: dict[str, str] = {
    "answer": "The answer that has come; in `on-answer` of a task.",
    "approver": "Who has approved last; in `until` of approve-chain.",
    "done": "How many turns are done; in `enough` of for-each.",
    "item": "The candidate; in `where` and `order` of find-documents.",
    "key": "The key of the message; in a start by a message.",
    "message": "What the message brings; in a start by a message.",
    "move": "How the document came into the stage: `by`, `from`, `comment`, `at`.",
    "results": "The results so far; in `enough` of for-each.",
    "total": "How many turns there are; in `enough` of for-each.",
}
"""Names that are there in one place of a process only, each with its meaning and place."""

__all__ = ["BUILTIN_NAMES", "FUNCTIONS", "SITUATION_NAMES", "Function", "dates", "lists", "people", "texts"]
