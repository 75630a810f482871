"""Who may do what: the policy, and the one place where calls ask it.

The law of this file: a call that names who makes it asks before it does anything, and once; the program itself, which names nobody, is
trusted. What the definition says of a person (`by`, `to`, candidates) the engine judges besides, whatever the policy allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, wraps
from inspect import signature
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from bpflow.diagnostics import Message, say
from bpflow.engine.codec import decode_history
from bpflow.engine.transition import NotAllowed
from bpflow.expressions.data import Document, Role, User
from bpflow.runtime import reading
from bpflow.runtime.answers import World
from bpflow.runtime.part import Part
from bpflow.stores.contract import InstanceRow

Act: TypeAlias = Literal["start", "see", "answer", "change", "repair"]
"""What calls do: begin an instance · read of one, or of a document · do what people do in one (answer, claim, delegate, tick, press, move) ·
make or change a document from outside · do what operators do."""

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row")


class About(Struct, frozen=True):
    """What an act is about: a `process` that is to be started or that the `instance` is of, a `document`, a `task` by its id, a new document of a
    `type`; None where it is about none.

    `takes_part` tells whether a person has to do with the instance (or with one on the document): he has started it, has a task of it or
    sees one, or has done something in it. It looks that up, so it is asked only where it decides.
    """

    process: str | None
    instance: InstanceRow | None
    document: Document | None
    task: str | None
    type: str | None
    takes_part: Callable[[User], bool]


class Policy(Protocol):
    """Who may do what; a program brings its own: `open_engine(…, policy=…)`. Where it says no, the call is refused with NotAllowed and changes
    nothing, and lists leave out what may not be seen."""

    def may(self, by: User, act: Act, about: About) -> bool:
        """Whether the person may do that."""
        ...


class Operators(Struct, frozen=True):
    """The policy of a workspace whose settings name its operators, people or roles: they repair, and see everything; others see that in which
    they take part. Who may start and answer is left to the definitions."""

    names: frozenset[str]
    world: Callable[[], World]

    def may(self, by: User, act: Act, about: About) -> bool:
        if act not in ("see", "repair"):
            return True
        return self.is_operator(by) or (act == "see" and about.takes_part(by))

    def is_operator(self, by: User) -> bool:
        """Whether he is one of them, by name or by a role."""
        directory = self.world().directory
        groups = directory.groups_of(by) if directory is not None else []
        return by.id in self.names or any(isinstance(group, Role) and group.id in self.names for group in groups)


def asks(act: Act | None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A method that is such an act of whoever is named in its argument `by` (None: it leaves out itself what he may not see, or names nobody), and
    takes part in the transaction of a `connection` if it gets one."""

    def made(method: Callable[P, T]) -> Callable[P, T]:
        told = cache(lambda: signature(method))

        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            engine: Any = args[0]
            if "connection" in kwargs and (connection := kwargs.pop("connection")) is not None:
                with engine._within(connection) as joined:
                    return call(joined, *args[1:], **kwargs)  # type: ignore[arg-type]
            if engine.policy is not None and act is not None:
                engine._ask(act, told().bind(*args, **kwargs).arguments)
            return method(*args, **kwargs)

        return call

    return made


class Access(Part):
    """The policy of an engine: a part of `Engine`."""

    policy: Policy | None
    _within: Callable[[object], AbstractContextManager[Any]]
    _ref: Callable[[Document | str], Document]

    def _ask(self, act: Act, given: Mapping[str, Any]) -> None:
        """NotAllowed if the person who is named may not do that."""
        by, about = given.get("by"), self._about(given)
        if by is not None and self.policy is not None and not self.policy.may(User(by), act, about):
            raise NotAllowed(refusal(by, act, about))

    def _may(self, act: Act, by: str | None, instance: int) -> bool:
        """Whether the person, if one is named, may do that in an instance."""
        return by is None or self.policy is None or self.policy.may(User(by), act, self._about({"instance": instance}))

    def _about(self, given: Mapping[str, Any]) -> About:
        """What the arguments of a call say that it is about."""
        task, document = given.get("task"), given.get("document")
        number = reading.task_id(task)[0] if task is not None else given.get("instance", given.get("id"))
        row = self.store.instance(number) if isinstance(number, int) else None
        return self._of(row, given.get("process"), self._ref(document) if document is not None else None, task, given.get("type"))

    def _of(
        self, row: InstanceRow | None, process: str | None = None, document: Document | None = None, task: str | None = None, type: str | None = None
    ) -> About:
        def takes_part(user: User) -> bool:
            rows = [row] if row is not None else self.store.instances(document=document.id) if document is not None else []
            return any(self._takes_part(user, one) for one in rows)

        return About(row.process if row is not None else process, row, document, task, type, takes_part)

    def _takes_part(self, user: User, row: InstanceRow) -> bool:
        parties = reading.parties_of(user, self.runner.world.directory)
        if self.store.tasks(parties, row.id, 1) or self.store.tasks(None, row.id, 1, parties):
            return True
        program = self.runner.program(row.definition)
        events = (event for one in self.store.history(row.id) for event, _ in decode_history(program, one.data, one.at)[0])
        return any(event.by == user for event in events)

    def _seen(self, by: str | None, rows: Iterable[Row], about: Callable[[Row], About]) -> list[Row]:
        """Those of the rows that the person may see."""
        policy = self.policy
        return [row for row in rows if policy is None or by is None or policy.may(User(by), "see", about(row))]

    def _paged(self, by: str | None, page: Callable[[int | None, int], Sequence[InstanceRow]], limit: int | None, after: int) -> list[InstanceRow]:
        """The instances that the person may see, at most so many; `page` gives some of all."""
        if by is None or self.policy is None:
            return list(page(limit, after))
        found: list[InstanceRow] = []
        while (limit is None or len(found) < limit) and (some := page(PAGE, after)):
            found += self._seen(by, some, self._of)
            after = some[-1].id
        return found[:limit]


PAGE = 200
"""How many instances are read at once where not all of them may be seen."""


def refusal(by: str, act: Act, about: About) -> Message:
    """That a person may not do something."""
    what = named(about)
    match act:
        case "start":
            return say('"{user}" may not start {what}', user=by, what=what)
        case "see":
            return say('"{user}" may not see {what}', user=by, what=what)
        case "answer":
            return say('"{user}" may not do that in {what}', user=by, what=what)
        case "change":
            return say('"{user}" may not change {what}', user=by, what=what)
        case "repair":
            return say('"{user}" may not repair {what}', user=by, what=what)


def named(about: About) -> Message:
    """What an act is about, as a message names it."""
    if about.instance is not None:
        return say("instance {id}", id=about.instance.id)
    if about.document is not None:
        return say('the document "{type}:{id}"', type=about.document.type, id=about.document.id)
    if about.process is not None:
        return say('the process "{process}"', process=about.process)
    if about.type is not None:
        return say('documents of the type "{type}"', type=about.type)
    return say("this")
