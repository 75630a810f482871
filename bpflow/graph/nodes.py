"""The eight kinds of nodes, the flows between them, and what else a graph holds.

The law of this file: plain data. Expressions are text with their place, services are names; never a callable. The ids of nodes
come from the paths of step ids: the node whose id is a step's path does what the step is for, and any further nodes of the step are
called `path:suffix`. A step is entered by that node, or by one before it: the block `path:guard` if it has an `on-error`, the block
`path:open` if it is a task beside which steps run, `path:climb` if its task is given to one after another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.values import Field

Place: TypeAlias = tuple[int, int]


class Expr(Struct, frozen=True, eq=False):
    """An expression as text, with its line and column in the process's file. The place is no part of its meaning."""

    text: str
    place: Place | None = None

    def __eq__(self, other: object) -> bool:
        return type(other) is Expr and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Flow(Struct, frozen=True, eq=False):
    """A way out of a node. `to` None runs off the list (arrives in the scope); `up` counts the blocks that it leaves.

    `title` stands beside the arrow in drawings and is no part of the meaning.
    """

    id: str
    to: str | None = None
    up: int = 0
    title: str = ""

    def __eq__(self, other: object) -> bool:
        return type(other) is Flow and (self.id, self.to, self.up) == (other.id, other.to, other.up)

    def __hash__(self) -> int:
        return hash((self.id, self.to, self.up))


Sets: TypeAlias = tuple[tuple[str, Expr], ...]
Checks: TypeAlias = tuple[tuple[Expr, Expr], ...]
"""What must be true, each with the text that is told if it is not."""


class Step(Struct, frozen=True):
    """Changes variables, forgets results, and puts a token on each flow out. With `gives` its `sets` are the fields of results."""

    id: str
    out: tuple[Flow, ...]
    sets: Sets = ()
    forgets: tuple[str, ...] = ()
    turn: str | None = None
    """Counts the turns of the loop of that name: `<name>.turn`."""
    bound: int | None = None
    """The most turns, then a fault."""
    gives: str | None = None

    @property
    def variables(self) -> Sets:
        """The variables that it sets, each with what it is set to."""
        return self.sets if self.gives is None else ()


class Choose(Struct, frozen=True):
    """Takes arms by their conditions; none that is true and no `otherwise` is a fault.

    `hit`: the `first` that is true · `every` one that is, side by side · the `only` one, where a second is a fault. Fewer than `least`
    true ones are a fault as well.
    """

    id: str
    arms: tuple[tuple[Expr, Flow], ...]
    otherwise: Flow | None = None
    hit: Literal["first", "every", "only"] = "first"
    least: int = 0


class Join(Struct, frozen=True):
    """Waits for one token on each (`all`), on N, or on every flow that can still bring one (`live`) of its incoming flows."""

    id: str
    into: tuple[str, ...]
    out: Flow
    need: int | Literal["all", "live"] = "all"


class Trigger(Struct, frozen=True):
    """What a wait or a handler waits for.

    `at`: `expr` is a date · `changed`: `expr` is a condition · `until`: either · `message`: `name` with `key` · `command`: `name`
    pressed by one of `by` (None: by anybody), with a form as an outcome has it · `error`: `name`, or any · `answer`, `overdue`: what the task
    inside has come to · `move`: the document is moved to the stage `name`, by one of `by` (None: by no person), with such a form · `alone`: an instance
    of its own begins here. `fixed`: computed on entry, and not again when a document changes.
    """

    kind: Literal["at", "changed", "until", "message", "command", "error", "answer", "overdue", "move", "alone"]
    expr: Expr | None = None
    name: str = ""
    fixed: bool = False
    by: Expr | None = None
    title: str = ""
    form: tuple[tuple[str, Field], ...] = ()
    comment: Literal["none", "optional", "required"] = "optional"
    when: Sets = ()
    choices: Sets = ()
    checks: Checks = ()
    fill: tuple[str, ...] = ()
    """Of a move: the fields of its form that are fields of the document."""
    prefill: Sets = ()
    """Of a move: what its form offers."""


class Wait(Struct, frozen=True):
    """Waits for the first of its arms. `gives` gets `won` (the arm's name, as `names` has them) and what the trigger brings."""

    id: str
    arms: tuple[tuple[Trigger, Flow], ...]
    gives: str | None = None
    names: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """A button of a task with its form. Without `button`, only an alarm chooses it.

    `fields`: in the order in which they are filled in · `when`: the conditions of those that are not always asked for · `choices`: what
    may be chosen in those in which not everything may be · `checks`: what must hold of the form as a whole. In all of these the fields
    are read under the name of the task's results, as they are afterwards.
    """

    name: str
    title: str
    fields: tuple[tuple[str, Field], ...] = ()
    comment: Literal["none", "optional", "required"] = "optional"
    button: bool = True
    when: Sets = ()
    choices: Sets = ()
    checks: Checks = ()


class Form(Struct, frozen=True):
    """What the people of a task see and fill in. `show` pairs a label with an expression; `prefill` offers values."""

    subject: Expr
    outcomes: tuple[Outcome, ...]
    text: Expr | None = None
    show: tuple[tuple[str, Expr], ...] = ()
    prefill: Sets = ()


class Alarm(Struct, frozen=True):
    """At `at` (an instant, or none): marks the task overdue, tells people, reminds `every` so long, or takes an outcome. `escalate`: people
    who may answer too · `reassign`: people to whom the task goes instead."""

    at: Expr
    overdue: bool = True
    tell: Expr | None = None
    remind: Expr | None = None
    outcome: str | None = None
    escalate: Expr | None = None
    reassign: Expr | None = None


class Rule(Struct, frozen=True):
    """How many of those who are asked must choose the first outcome: `any` is whoever answers first, with whichever outcome; of the others
    the first outcome is counted against the second, and any further one decides at once. `amount`: the number of `at-least`, the `percent`.
    """

    kind: Literal["any", "all", "majority", "at-least", "percent"] = "any"
    amount: str = ""


class Climb(Struct, frozen=True):
    """A task that is entered again and again: of its `people` it is for the first who is there and has not had his turn, and its answers are
    added to those before. Where nobody is left it is passed by on the flow `top`; where nobody was there at all, that is a fault."""

    top: Flow


class Task(Struct, frozen=True):
    """Work for one person, for several, of whom `rule` says how many must answer, or for a candidate group. `in_turn`: they are asked one
    after the other. `gives` names its results. `delegate`: to whom one who has it may pass it on."""

    id: str
    people: Expr
    form: Form
    outcomes: tuple[tuple[str, Flow], ...]
    alarms: tuple[Alarm, ...] = ()
    gives: str | None = None
    not_by: Expr | None = None
    if_nobody: Expr | None = None
    rule: Rule = Rule()
    in_turn: bool = False
    delegate: Literal["anyone", "subordinates", "nobody"] = "subordinates"
    climb: Climb | None = None
    done_when: Expr | None = None
    """Closes it as its first outcome as soon as it is true."""
    checklist: tuple[Expr, ...] = ()
    """The texts of what is to be ticked off before the first outcome."""
    observers: Expr | None = None
    """The people who see it, are told when it is overdue and when it closes, and may not answer."""
    parts: tuple[str, ...] = ()
    """The tasks beside it in the same block that must be done before its first outcome; whichever it is, they are withdrawn with it."""
    part: tuple[str, str] | None = None
    """Of such a task: the results in whose `subtasks` it is told that it is done, and under which name."""


class Retry(Struct, frozen=True):
    """Exponential: `first`, twice that, … at most `at_most` seconds, with jitter."""

    times: int
    first: int = 10
    at_most: int = 3600


class Call(Struct, frozen=True):
    """Has a service do something; the token waits for its answer unless `wait` is false.

    `people` is the argument that names people: groups are taken by their members, and if there is nobody the call fails.
    """

    id: str
    service: str
    arguments: Sets
    out: Flow
    gives: str | None = None
    retry: Retry | None = None
    timeout: Expr | None = None
    wait: bool = True
    people: str | None = None


class Each(Struct, frozen=True):
    """A turn of the block for each item, `at_most` at a time (1: in turn), until `enough`; `collect` gives a turn's result."""

    items: Expr
    name: str
    at_most: Expr | None = None
    enough: Expr | None = None
    collect: Expr | None = None
    collect_fields: Sets = ()


class Handler(Struct, frozen=True):
    """Something that may happen while a block is open. `outside`: it goes on in the scope around the block. `gives` gets what the
    trigger brings: the values of a message, the form of a command, the `name` and `message` of an error."""

    name: str
    trigger: Trigger
    cancels: bool
    entry: Flow
    outside: bool = False
    gives: str | None = None


class Block(Struct, frozen=True):
    """Opens a scope: a token on each entry flow (or a scope an item), handlers armed; goes on when `need` of its flows arrived."""

    id: str
    entry: tuple[Flow, ...]
    out: Flow
    need: int | Literal["all"] = "all"
    each: Each | None = None
    handlers: tuple[Handler, ...] = ()
    gives: str | None = None


class Exit(Struct, frozen=True):
    """`end`: ends the instance with `name` as result · `terminate`: clears the block `name` · `raise`: the error `name`."""

    id: str
    how: Literal["end", "terminate", "raise"]
    name: str
    out: Flow | None = None


Node: TypeAlias = Step | Choose | Join | Wait | Task | Call | Block | Exit


class StepInfo(Struct, frozen=True, eq=False):
    """A step as the analyst wrote it: for drawings, timelines and coverage."""

    path: str
    activity: str
    title: str
    place: Place | None = None

    def __eq__(self, other: object) -> bool:
        return type(other) is StepInfo and (self.path, self.activity, self.title) == (other.path, other.activity, other.title)

    def __hash__(self) -> int:
        return hash(self.path)


class Start(Struct, frozen=True):
    """When instances start by themselves or by hand; `give` fills the inputs."""

    on: Literal["manual", "document-created", "document-changed", "schedule", "message", "call"]
    when: Expr | None = None
    give: Sets = ()
    by: Expr | None = None
    name: str = ""
    """That of the message."""
    document: Expr | None = None
    """The document of the instance, where a message starts it."""
    form: tuple[tuple[str, Field], ...] = ()
    """What the message brings."""
    cron: str = ""
    """The times of a schedule, in the zone of the graph."""


MOVE = "move"
"""The name under which the steps of a stage read how the document came into it."""


class Stage(Struct, frozen=True):
    """A stage of a pipeline: a block whose id is the stage's, and what it takes to enter it. The value of the stage field is its id.

    `required`: the fields of the document that must be filled before · `ask`: who fills them.
    """

    id: str
    title: str
    final: bool = False
    required: tuple[tuple[str, Field], ...] = ()
    ask: Expr | None = None


class Variable(Struct, frozen=True):
    """A variable of the process: its field, and the expression of its default."""

    name: str
    field: Field
    default: Expr | None = None


def step_of(node: str) -> str:
    """The path of the step that the node came from."""
    return node.partition(":")[0]


def is_inside(node: str, path: str) -> bool:
    """Whether a node came from a step that stands inside of the step at a path."""
    return node.startswith((f"{path}/", f"{path}."))


ENTRIES = ("guard", "climb", "open")
"""The suffixes of the nodes by which a step may be entered instead of the node of its path, the outermost first."""


def is_way(node: str) -> bool:
    """Whether the node is one of those by which a pipeline goes into a stage, rather than one of a step."""
    return node.partition(":")[2].startswith(("move.", "to.")) or node.endswith((":start", ":stage"))


def step_name(path: str) -> str:
    """The name of the step at a path: its id, else its activity (with a number where there are several)."""
    return path.rpartition("/")[2]


def flows(node: Node) -> tuple[Flow, ...]:
    """All ways out of a node, a block's entries and handlers included, in the order in which they are written."""
    match node:
        case Step():
            return node.out
        case Choose():
            rest = (node.otherwise,) if node.otherwise else ()
            return tuple(flow for _, flow in node.arms) + rest
        case Join() | Call():
            return (node.out,)
        case Wait():
            return tuple(flow for _, flow in node.arms)
        case Task():
            return tuple(flow for _, flow in node.outcomes) + ((node.climb.top,) if node.climb else ())
        case Block():
            return (*node.entry, *(handler.entry for handler in node.handlers), node.out)
        case Exit():
            return (node.out,) if node.out else ()


def forked(node: Node) -> tuple[Flow, ...]:
    """The flows on each of which a token of its own may go on from a node; none where one token goes on."""
    match node:
        case Step(out=several) | Block(entry=several) if len(several) > 1:
            return several
        case Choose(hit="every"):
            return tuple(flow for _, flow in node.arms)
    return ()


def gives(node: Node) -> frozenset[str]:
    """The names under which a node gives something; not what its handlers bring."""
    each = node.each.name if isinstance(node, Block) and node.each else None
    return frozenset(name for name in (getattr(node, "gives", None), getattr(node, "turn", None), each) if name)


def changes(node: Node) -> frozenset[str]:
    """The names that a node changes: variables that it sets, results that it gives or forgets, and what its handlers bring."""
    match node:
        case Step():
            return gives(node).union(node.forgets, (name for name, _ in node.variables))
        case Block():
            return gives(node).union(handler.gives for handler in node.handlers if handler.gives)
    return gives(node)


def expressions(value: Any) -> Iterator[Expr]:
    """Every expression inside a node, a handler or a whole graph, in the order in which they are written."""
    found: list[Expr] = []
    _gather(value, found)
    return iter(found)


def _gather(value: Any, found: list[Expr]) -> None:
    if isinstance(value, Expr):
        found.append(value)
    elif isinstance(value, tuple):
        for item in value:
            _gather(item, found)
    else:
        for name in _holding(value.__class__):
            held = getattr(value, name)
            if held:
                _gather(held, found)


_WITHOUT = frozenset(["str", "int", "bool", "None", "tuple", "Flow", "Field", "Kind", "Place", "Retry", "Rule", "Climb", "DocumentType", "StepInfo"])
"""The words in the types of fields that lead to no expression."""


@cache
def _holding(kind: type) -> tuple[str, ...]:
    """The fields of a kind in which there may be expressions; none of what is no part of a graph."""
    if not issubclass(kind, Struct):
        return ()
    annotations = {name: type for one in kind.__mro__ for name, type in getattr(one, "__annotations__", {}).items()}
    types = {name: re.sub(r"Literal\[.*?\]", "", str(annotations[name])) for name in kind.__struct_fields__}
    return tuple(name for name, type in types.items() if not _WITHOUT.issuperset(re.findall(r"\w+", type)))


def map_flows(value: Any, change: Callable[[Flow], Flow]) -> Any:
    """A copy of a node (or a tuple of them) with every flow changed."""
    if isinstance(value, Flow):
        return change(value)
    if isinstance(value, tuple):
        return tuple(map_flows(item, change) for item in value)
    if isinstance(value, Choose | Step | Join | Wait | Task | Climb | Call | Block | Exit | Handler):
        return replace(value, **{name: map_flows(getattr(value, name), change) for name in value.__struct_fields__})
    return value


KINDS: dict[str, type[Node]] = {kind.__name__.lower(): kind for kind in (Step, Choose, Join, Wait, Task, Call, Block, Exit)}
"""The node kinds by the names that they have in JSON."""
