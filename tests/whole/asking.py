"""Random processes that read what their steps have given, proved or not; and walks through them by which nobody repairs anything.

The law of this file: whatever is read is something that some step of the process gives. Whether it is there where it is read is left to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpflow.diagnostics import Refused
from tests.whole.making import FACTS, Maker, Written
from tests.whole.walking import Walk

PEOPLE = ('user("ivanov")', 'user("petrova")', 'user("boss")')
CONDITIONS = (*FACTS, "x % 2 == 0", "x % 3 == 1", "y > x", "flag", "true")


class Asker(Maker):
    """Makes processes of which the people are there and the dates come, so that they stop at what is not there and at little else."""

    def proved(self, text: str, kind: str) -> str:
        return text

    def condition(self) -> str:
        known = self.read("boolean")
        if known is None:
            return self.pick(CONDITIONS)
        match self.number(0, 6):
            case 0:
                return f"{self.pick(CONDITIONS)} and {known}"
            case 1:
                return f"not ({known}) or {self.pick(CONDITIONS)}"
            case 2:
                return f"({known} if {self.pick(CONDITIONS)} else flag)"
        return known

    def people(self) -> str | list[str]:
        return self.pick(PEOPLE)

    def length(self) -> str:
        return self.pick(("2h", "1d"))

    def date(self) -> str:
        return self.pick(("now + hours(2)", "document.deadline"))

    def text(self) -> str:
        known = self.read("any")
        return f"Это $({known})" if known else "Дело"

    def asks(self, id: str, field: str) -> None:
        """What may be said of a field, most of it proved."""
        path = f"{id}.{field}"
        texts = (f"{path} == 1", f"{path} != none and {path} == 1", f"coalesce({path}, 0) == 1", f'{id}.outcome == "yes" and {path} == 1', f"{path} == none")
        self.given += [(text, "boolean") for text in texts]
        self.given += [(path, "any"), (f"coalesce({path}, 0)", "any"), (f'({path} if {id}.outcome == "no" else 0)', "any")]

    def request_info(self, id: str, depth: int) -> Written:
        names = self.pick((("done",), ("yes", "no"), ("yes", "no", "later")))
        made: Written = {"to": self.people(), "title": self.text(), **self.maybe(5, "fields", lambda: {"n": {"type": "integer"}})}
        if "fields" in made:
            self.asks(id, "n")
        for name in names if len(names) > 1 else ():
            outcome = {} if name == "yes" and self.chance(2) else self.branch(depth)
            if self.chance(2):
                outcome["fields"] = {f"only_{name}": {"type": "integer"}}
                self.asks(id, f"only_{name}")
            made.setdefault("outcomes", {})[name] = outcome
        made |= self.maybe(4, "due", self.length)
        if "due" in made and self.chance(2):
            made["on-overdue"] = {"outcome": names[-1]} if len(names) > 1 else {"steps": self.steps(0, 1, 1)}
        made |= self.maybe(8, "on-answer", lambda: self.steps(0, 1, 1))
        self.given += [(f'{id}.outcome == "{name}"', "boolean") for name in names]
        self.given += [(f"{id}.overdue", "boolean"), (f"{id}.at", "any"), (f"len({id}.answers) > 0", "boolean")]
        return made

    def task(self, id: str, depth: int) -> Written:
        return self.request_info(id, depth)

    def approve_chain(self, id: str, depth: int) -> Written:
        self.given += [(f'{id}.outcome == "approved"', "boolean"), (f"{id}.level", "any")]
        return {"levels": self.pick((1, 2)), "start-at": 'user("ivanov")', "outcomes": {"rejected": self.branch(depth)}}

    def set_variables(self, id: str, depth: int) -> Written:
        return {"set": self.pick(({"x": "$(x + 1)"}, {"x": "$(x + 1)"}, {"flag": True}, {"flag": False}, {"flag": "$(not flag)"}))}

    def choose(self, id: str, depth: int) -> Written:
        return {"branches": [{"when": self.condition(), **self.branch(depth)} for _ in range(self.pick((1, 1, 2)))], "otherwise": self.branch(depth)}


class Passage(Walk):
    """Somebody who does what is to be done, and no operator. `absent`: what was read and was not there, by instance and step."""

    absent: list[tuple[int, str, str]]

    def go(self, steps: int) -> None:
        self.absent = []
        try:
            self.do(self.start)
            while steps and self.running() and not self.absent:
                self.do(self.pick(DEEDS).__get__(self))
                steps -= 1
        finally:
            self.engine.close()

    def do(self, deed: Any) -> None:
        try:
            deed()
        except Refused:
            self.deeds["refused"] += 1
        self.deeds["deeds"] += 1
        for incident in self.engine.incidents():
            if is_absent(incident.message):
                self.absent.append((incident.instance, incident.path, str(incident.message)))


def is_absent(message: Any) -> bool:
    """Whether a message says that a result is not there."""
    templates = ('"{name}" has no value yet', 'there is no "{name}" in {value}')
    inner: Sequence[Any] = [message, *message.values.values()]
    return any(getattr(one, "template", "") in templates or (one is not message and hasattr(one, "values") and is_absent(one)) for one in inner)


DEEDS = (*[Walk.answer] * 8, *[Walk.wait] * 4, *[Walk.change] * 3, *[Walk.command] * 3, *[Walk.message] * 2, Walk.work, Walk.start)
