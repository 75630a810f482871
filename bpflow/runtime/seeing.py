"""What is read of instances, tasks and documents: a part of `Engine`.

The law of this file: it changes nothing. A list leaves out what the person may not see; one thing that he may not see is refused.
"""

from __future__ import annotations

from typing import get_args

from bpflow.diagnostics import Refused, say
from bpflow.engine.state import Status
from bpflow.engine.transition import NotAllowed
from bpflow.expressions.data import Document, Secret, User, Value
from bpflow.runtime import reading, views
from bpflow.runtime.access import Access, asks
from bpflow.runtime.documents import existing
from bpflow.runtime.joining import Connection
from bpflow.runtime.who import Who, who
from bpflow.services.directory import is_among
from bpflow.services.secrets import value_of
from bpflow.stores.contract import DocumentRow, InstanceRow
from bpflow.stores.entries import CalendarRow, FeedRow, NoticeRow, TaskEntry


class Seeing(Access):
    """Reading."""

    # ── tasks ──────────────────────────────────────────────────────────────────────────────────────────────────────
    @asks(None)
    def tasks(
        self,
        user: str | None = None,
        instance: int | None = None,
        limit: int | None = None,
        observer: str | None = None,
        *,
        by: str | None = None,
        connection: Connection | None = None,
    ) -> list[TaskEntry]:
        """The open tasks, of a person (those of his groups too) or of an instance, or those that an `observer` sees; a row for each assignee.
        At most `limit` rows, of those that `by` may see."""
        directory, observers = self.runner.world.directory, None
        if observer is not None:
            parties, observers = None, reading.parties_of(User(observer), directory)
        elif user is not None:
            parties = reading.parties_of(User(user), directory)
        else:
            parties = None if instance is None else views.parties_in(self.runner, instance)
        if by is None or self.policy is None:
            return self.store.tasks(parties, instance, limit, observers)
        rows = self.store.tasks(parties, instance, None, observers)
        known = {row.instance: self._of(self.store.instance(row.instance)) for row in rows}
        return self._seen(by, rows, lambda row: known[row.instance])[:limit]

    @asks("see")
    def task(self, task: str, *, by: str | None = None, connection: Connection | None = None) -> views.TaskView:
        """What a task shows, and its forms. UnexpectedEvent if it is closed."""
        return views.task_view(self.runner, *reading.task_id(task), now=self.clock.now())

    @asks("answer")
    def reveal(self, task: str, field: str, *, by: str) -> Value:
        """The secret that the forms of a task offer in a field, for whoever has the task. NotAllowed if he has not, UnexpectedEvent if it is
        closed, Refused if no secret is offered there."""
        view = views.task_view(self.runner, *reading.task_id(task), now=self.clock.now())
        if not is_among(User(by), [seat.party for seat in (*view.people, *view.also)], self.runner.world.directory):
            raise NotAllowed(say('the task is not for "{user}"', user=by))
        found = view.prefill.get(field)
        if not isinstance(found, Secret):
            raise Refused(say('no secret is offered in "{field}"', field=field))
        return value_of(found, self.store.secret)

    @asks("see")
    def who(self, task: str, *, by: str | None = None) -> Who:
        """Why a task, open or closed, came to those who have or had it, as it was recorded. UnexpectedEvent if there was none such."""
        return who(self.runner, *reading.task_id(task))

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instances(
        self,
        process: str | None = None,
        status: str | None = None,
        document: Document | str | None = None,
        incidents: bool = False,
        limit: int | None = None,
        after: int = 0,
        *,
        by: str | None = None,
    ) -> list[InstanceRow]:
        """Instances by number, those that `by` may see; `incidents`: only those that an operator must see to."""
        ref = self._ref(document) if document is not None else None
        if status is not None and status not in get_args(Status):
            raise Refused(say('"{status}" is no status; there are: {known}', status=status, known=", ".join(get_args(Status))))
        which = (process, status, ref.id if ref else None, incidents)
        return self._paged(by, lambda limit, after: self.store.instances(*which, limit, after), limit, after)

    @asks("see")
    def instance(self, id: int, *, by: str | None = None, connection: Connection | None = None) -> views.InstanceView:
        """Where an instance stands. UnexpectedEvent if there is none."""
        return views.instance_view(self.runner, id)

    @asks("see")
    def timeline(self, id: int, *, by: str | None = None) -> list[views.Line]:
        """What has happened in an instance, in its order."""
        return views.timeline(self.runner, id)

    @asks("see")
    def visited(self, id: int, *, by: str | None = None) -> tuple[set[str], set[str]]:
        """The nodes and the flows that an instance has been through."""
        return views.visited(self.runner, id)

    def incidents(self, *, by: str | None = None) -> list[views.IncidentView]:
        """All open incidents, of the instances that `by` may see."""
        return [incident for row in self.instances(incidents=True, by=by) for incident in views.incidents_of(self.runner, row)]

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────
    @asks("see")
    def document(self, document: Document | str, *, by: str | None = None, connection: Connection | None = None) -> DocumentRow:
        """A document with its fields. Refused if there is none."""
        ref = self._ref(document)
        return existing(self.store.document(ref.id), ref)

    def documents(self, type: str | None = None, limit: int | None = None, after: int = 0, *, by: str | None = None) -> list[DocumentRow]:
        """Documents in the order in which they were made; of so many, those that `by` may see."""
        return self._seen(by, self.store.documents(type, limit, after), lambda row: self._of(None, document=row.ref))

    @asks("see")
    def feed(self, document: Document | str, *, by: str | None = None) -> list[FeedRow]:
        """The document's own history."""
        ref = self._ref(document)
        return self.store.feed(existing(self.store.document(ref.id), ref).ref.id)

    # ── calendars, notices ─────────────────────────────────────────────────────────────────────────────────────────
    def calendar(self, user: str | None = None, instance: int | None = None) -> list[CalendarRow]:
        """Calendar entries by time."""
        return self.store.calendar(user, instance)

    def notices(self, user: str | None = None, instance: int | None = None) -> list[NoticeRow]:
        """Notices by time."""
        return self.store.notices(user, instance)
