"""Who is chosen among people.

The law of this file: the same instance at the same step chooses the same again. Chance comes out of the instance itself; whose turn
it is stands in the store, and is read and written in the transaction that records the choice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping

from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import User, Value
from bpflow.services.occasion import Arguments, Occasion, people_of


def pick_user(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """One of the people in `from`, else of those in `if_nobody`. Refused, naming the expression, if there is nobody."""
    choose = HOW[str(arguments["how"])]
    for key in ("from", "if_nobody"):
        people = [user for user in people_of(arguments.get(key), occasion.directory) if is_there(occasion, user, arguments.get("skip_absent") is True)]
        if people:
            chosen = choose(occasion, people)
            occasion.picked[chosen] = occasion.picked.get(chosen, 0) + 1
            return {"user": chosen}
    raise Refused(say("there is nobody to choose: `{people}` gives no one", people=str(arguments["people"])))


def is_there(occasion: Occasion, user: User, himself: bool) -> bool:
    """Whether he can have the work: he himself is not away, or at least somebody acts for him."""
    if occasion.directory is None:
        return True
    if himself:
        return occasion.directory.answer("is_absent", (user, occasion.at)) is not True
    return isinstance(occasion.directory.answer("acting", (user, occasion.at)), User)


def first(occasion: Occasion, people: list[User]) -> User:
    """The first of the list."""
    return people[0]


def by_chance(occasion: Occasion, people: list[User]) -> User:
    """Any of them, each as likely: by a hash of what is the call's own."""
    digest = hashlib.sha256("/".join(map(str, occasion.chance)).encode()).digest()
    return people[int.from_bytes(digest) % len(people)]


def in_turn(occasion: Occasion, people: list[User]) -> User:
    """Who was not chosen for longest at this step of this process, by any instance; a new one is next."""
    name = f"{occasion.process}/{occasion.node}"
    last = occasion.work.turns(name)
    chosen = min(people, key=lambda user: last.get(user.id, 0))
    occasion.work.take_turn(name, chosen.id)
    return chosen


def least_loaded(occasion: Occasion, people: list[User]) -> User:
    """Who has the fewest open tasks, what this transaction opens, closes and hands out included; the first of several."""
    stored = occasion.work.open_tasks_of(people)
    opened, closed = _moved(occasion)
    return min(people, key=lambda user: stored.get(user, 0) - closed[user] + max(opened[user], occasion.picked.get(user, 0)))


def _moved(occasion: Occasion) -> tuple[Counter[User], Counter[User]]:
    """How many tasks the transaction has opened and closed so far, by person."""
    opened: Counter[User] = Counter()
    closed: Counter[User] = Counter()
    for before, after in occasion.effects.tasks.values() if occasion.effects else ():
        for row, count in ((after, opened), (before, closed)):
            count.update(a.party for a in (row.people if row else ()) if isinstance(a.party, User))
    return opened, closed


HOW: Mapping[str, Callable[[Occasion, list[User]], User]] = {
    "random": by_chance,
    "round-robin": in_turn,
    "least-loaded": least_loaded,
    "first": first,
}
"""The ways to choose."""
