"""What people and operators do with tasks besides answering them: a part of `Engine`."""

from __future__ import annotations

from bpflow.engine.events import Claimed, Delegated, Released
from bpflow.expressions.data import User
from bpflow.runtime import handing, reading
from bpflow.runtime.access import asks
from bpflow.runtime.handing import Handed
from bpflow.runtime.joining import Connection
from bpflow.runtime.part import Part


class Hands(Part):
    """Tasks that change hands."""

    @asks("answer")
    def claim(self, task: str, *, by: str, connection: Connection | None = None) -> None:
        """Makes a task of a group a person's own: nobody else of the group may answer it then. NotAllowed if it is not for him, or another
        was faster; UnexpectedEvent if it is closed."""
        id, token, visit = reading.task_id(task)
        self._happen(id, Claimed(self.clock.now(), User(by), token, visit))

    @asks("answer")
    def release(self, task: str, *, by: str, connection: Connection | None = None) -> None:
        """Gives a task that a person has claimed back to its group. UnexpectedEvent if he has not."""
        id, token, visit = reading.task_id(task)
        self._happen(id, Released(self.clock.now(), User(by), token, visit))

    @asks("answer")
    def delegate(self, task: str, *, by: str, to: str, comment: str | None = None, connection: Connection | None = None) -> None:
        """Passes a person's task on to another, who is told, with the comment, and answers in his place. NotAllowed where the task may not be
        delegated to that person: by its key `delegate`, since he may not answer it, has it, has answered it, or is away."""
        id, token, visit = reading.task_id(task)
        self._happen(id, Delegated(self.clock.now(), User(by), token, visit, User(to), reading.comment_of(comment)))

    @asks("repair")
    def reassign(
        self, person: str, to: str | None = None, *, by: str | None = None, why: str = "", process: str | None = None, dry_run: bool = False
    ) -> list[Handed]:
        """Gives all that a person has at open tasks, of one `process` or of all, to another: his own tasks, those where he stands in for
        somebody, and those whose turn is still to come. What he has claimed goes back to its group unless `to` is named.

        Each task is a transaction of its own; each is told of, with the reason if it stays. Broken off, it is simply called again. Documents
        and variables that name him are not changed.
        """
        return handing.reassign(self.runner, _order(person, to, by, why), process, self.clock.now(), None if dry_run else self._happen)

    @asks("repair")
    def reassign_task(self, task: str, person: str, to: str | None = None, *, by: str | None = None, why: str = "") -> None:
        """The same for one task. Where the other has a seat or an answer there already, the person's falls away and one less is asked.
        NotAllowed if the other may not answer it or is away; UnexpectedEvent or InvalidAnswer where the vote could not bear it."""
        id, token, visit = reading.task_id(task)
        self._happen(id, _order(person, to, by, why).event(token, visit, self.clock.now()))


def _order(person: str, to: str | None, by: str | None, why: str) -> handing.Order:
    return handing.Order(User(person), User(to) if to is not None else None, User(by) if by is not None else None, why)
