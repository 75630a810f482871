"""Looking again: the arms whose names or documents have changed are read anew, and only those."""

from __future__ import annotations

from collections.abc import Callable

from bpflow.diagnostics import say
from bpflow.engine import arms, finishing, handling, nodes, people, scopes, telling
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.program import DATA_TRIGGERS
from bpflow.engine.state import ROOT, Arms, Scope, Token, Waiting
from bpflow.engine.transition import DONE, put_row
from bpflow.expressions.data import Document
from bpflow.graph import Task, Trigger, Wait


def look_again(draft: Draft) -> bool:
    """Reads the waited conditions again whose names have changed since they were read. True if one went off."""
    program, changed, armed = draft.program, draft.changed, draft.armed
    if program.awaited_names.isdisjoint(changed[ROOT]) and (len(changed) == 1 or all(program.awaited_names.isdisjoint(names) for names in changed.values())):
        return False
    last = max(max(names.values(), default=0) for names in changed.values()) if len(changed) > 1 else max(changed[ROOT].values())
    holders = []
    for id, token in draft.tokens.items():
        if token.status == "waiting" and token.node in program.waits and armed.get(id, -1) < last:
            holders.append((id, token.scope))
    if program.handler_blocks:
        holders += [(scope.id, scope.id) for scope in draft.scopes.values() if scope.arms is not None]
    if not holders:
        return False
    draft.renamed |= changed[ROOT]
    draft.changed = {ROOT: {}}
    for id, fresh in sorted(fresh_names(draft, holders, changed).items()):
        reread(draft, id, lambda _, trigger, fresh=fresh: not fresh.isdisjoint(draft.program.names_read(trigger)), alarms=False)  # type: ignore[misc]
    return bool(draft.queue)


def fresh_names(draft: Draft, holders: list[tuple[int, int]], changed: dict[int, dict[str, int]]) -> dict[int, set[str]]:
    """By holder, of those given with their scopes: the names that it sees and that have changed since it was armed."""
    found: dict[int, set[str]] = {}
    for home, names in changed.items():
        for id, scope in holders if names else ():
            since = draft.armed.get(id, -1)
            fresh = [name for name, tick in names.items() if tick > since]
            if fresh and (home == ROOT or is_within(draft, scope, home)):
                found.setdefault(id, set()).update(fresh)
    return found


def is_within(draft: Draft, scope: int, home: int) -> bool:
    while scope not in (home, ROOT):
        scope = draft.scopes[scope].parent
    return scope == home


Concerns = Callable[[int, Trigger], bool]
"""Whether something concerns an arm, by its number and its trigger."""


def reread_document(draft: Draft, holder: int, document: Document) -> None:
    """Reads those arms of a holder again that read a document which has changed."""
    reread(draft, holder, lambda _, trigger: trigger.kind in DATA_TRIGGERS and not trigger.fixed, about=document)


def reread_arm(draft: Draft, holder: int, arm: int) -> None:
    """Reads one arm of a holder again."""
    reread(draft, holder, lambda number, _: number == arm)


def reread(draft: Draft, holder: int, concerns: Concerns, *, about: Document | None = None, alarms: bool = True) -> None:
    """Reads those arms of a holder again that something concerns, until one goes off; a task's `alarms` do not move with names. With
    `about` an arm that does not read that document stays as it is, so a date counted from now does not move."""
    token = draft.tokens.get(holder)
    if token is not None and token.status == "waiting":
        node = draft.program.nodes[token.node]
        if isinstance(node, Wait):
            reread_wait(draft, draft.token(holder), node, concerns, about)
        elif isinstance(node, Task):
            reread_task(draft, draft.token(holder), node, concerns, about if alarms else None, alarms)
    scope = draft.scopes.get(holder)
    if scope is not None and scope.arms is not None and scope.handler < 0:
        reread_handlers(draft, draft.scope(holder), concerns, about)


def reread_wait(draft: Draft, token: Token, node: Wait, concerns: Concerns, about: Document | None) -> None:
    draft.look_from(token.scope)
    for number, (trigger, flow) in enumerate(node.arms):
        if concerns(number, trigger) and look(draft, token.id, number, trigger, about, level=True):
            arms.release(draft, token)
            nodes.won(draft, token, node, number, {})
            scopes.go_on(draft, token, flow)
            return
    if len(node.arms) == 1 and node.arms[0][0].kind in ("at", "until"):
        still_waits(draft, token)


def still_waits(draft: Draft, token: Token) -> None:
    """A pause whose date was taken away would wait for ever: that is an incident, until there is a date again."""
    waiting = token.waiting
    if waiting is not None and not waiting.arms.due and not waiting.arms.truth:
        on_arm(draft, token.id, 0, Fault(say("there is no date to wait for")))


def hang(draft: Draft) -> None:
    """Where all that is left are conditions on names, and nothing can come that would change a name, that is an incident on each."""
    conditional = draft.program.conditional
    if not conditional or draft.incidents:
        return
    for token in draft.tokens.values():
        if token.status == "waiting" and (token.node not in conditional or wakes(token.waiting)):
            return
    if any(opens(handler.trigger, scope.arms) for scope in draft.scopes.values() if scope.arms for handler in arms.handlers_of(draft, scope)):
        return
    for token in list(draft.tokens.values()):
        if token.status == "waiting":
            on_arm(draft, token.id, 0, Fault(say("nothing is left that could make the condition true")))


def wakes(waiting: Waiting | None) -> bool:
    """Whether a time or a change of a document can move what waits for conditions."""
    return waiting is not None and bool(waiting.arms.due or waiting.arms.watched)


def opens(trigger: Trigger, held: Arms) -> bool:
    """Whether something from outside can make an arm of a scope go off."""
    return trigger.kind in ("message", "command", "move") or bool(held.due or held.watched)


def reread_handlers(draft: Draft, scope: Scope, concerns: Concerns, about: Document | None) -> None:
    draft.look_from(scope.id)
    for number, handler in enumerate(arms.handlers_of(draft, scope)):
        fired = scope.arms is not None and number in scope.arms.fired
        if not fired and concerns(number, handler.trigger) and look(draft, scope.id, number, handler.trigger, about, level=False):
            handling.handle(draft, scope, number, handler, {})
            if handler.cancels:
                return


def reread_task(draft: Draft, token: Token, task: Task, concerns: Concerns, about: Document | None, alarms: bool) -> None:
    """Whether it is done, and if not, whether its deadline moves."""
    if task.done_when is not None and concerns(DONE, Trigger("changed", task.done_when)):
        draft.look_from(token.scope)
        try:
            done = finishing.is_done(draft, token, task.done_when)
        except Fault as fault:
            on_arm(draft, token.id, DONE, fault)
        else:
            forget_arm(draft, token.id, DONE)
            if done:
                scopes.go_on(draft, token, people.close_by_condition(draft, token, task))
                return
    if alarms:
        reread_alarms(draft, token, task, concerns, about)


def reread_alarms(draft: Draft, token: Token, task: Task, concerns: Concerns, about: Document | None) -> None:
    """A deadline that reads a document moves with it, until it has gone off."""
    waiting = token.waiting
    assert waiting is not None
    draft.look_from(token.scope)
    before = dict(waiting.arms.due)
    try:
        subject = telling.subject_of(draft, task)
    except Fault as fault:
        on_arm(draft, token.id, next(iter(before), 0), fault)
        return
    for number, alarm in enumerate(task.alarms):
        trigger = Trigger("at", alarm.at)
        if number not in waiting.arms.fired and concerns(number, trigger):
            look(draft, token.id, number, trigger, about, level=False)
    if waiting.arms.due != before:
        put_row(draft.effects.tasks, (token.id, token.visit), arms.closed(token), people.row(task, waiting, subject))


def look(draft: Draft, holder: int, number: int, trigger: Trigger, about: Document | None, *, level: bool) -> bool:
    """Reads an arm again; true if it goes off. What cannot be evaluated is an incident on it; the arm waits on."""
    held = draft.armed_at(holder)
    assert held is not None
    try:
        goes_off = arms.arm(draft, holder, held, number, trigger, level=level, about=about)
        forget_arm(draft, holder, number)
        return goes_off
    except Fault as fault:
        on_arm(draft, holder, number, fault)
        return False


def forget_arm(draft: Draft, holder: int, number: int) -> None:
    """What was wrong with an arm is so no longer."""
    if draft.incidents:
        draft.incidents = tuple([i for i in draft.incidents if i.arm != number or holder not in (i.token, i.scope)])


def on_arm(draft: Draft, holder: int, number: int, fault: Fault) -> None:
    token = draft.tokens.get(holder)
    node = token.node if token else draft.scopes[holder].block
    if not any(i.arm == number and holder in (i.token, i.scope) for i in draft.incidents):
        draft.incident("fault", node, fault.message, token=holder if token else None, arm=number, scope=None if token else holder)
