"""All ways through a graph at once: from each node the cases go on as the engine would take a token on.

It tells what is there: results and their fields, kept apart by the ways that led to a node, so that a way to a mistake can be shown. Which values
names can have is another matter, and cheaper: `bpflow.checks.possible`.

The law of this file: a token is followed as `bpflow.engine` moves it, and for each thing that a node does there is one place here that says
what it makes certain. What runs beside is taken to have done all or nothing of what it may do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from bpflow.checks.ways.cases import Case, Cases, Judge, all_of, common
from bpflow.checks.ways.given import ANSWER, Ledger, brought, by_outcome, decided, expressions_in, form_fields, ledger, tasks_in, tested, while_open
from bpflow.checks.ways.lasting import lasting
from bpflow.checks.ways.reading import Text
from bpflow.checks.ways.regions import ROOT, Fork, Layout, Region, together
from bpflow.expressions import parse
from bpflow.expressions.facts import Fact, Facts, either
from bpflow.expressions.parse import written_out
from bpflow.graph import Block, Call, Choose, Exit, Expr, Flow, Graph, Join, Step, Task, Wait, expressions

PATIENCE = 60
"""So often may new cases come to a node before they are all taken together."""
OF_TASK = ("answer", "overdue")
"""What a task may come to while it is open."""
ALONE = "tasks.open"
"""The service that begins an instance of its own."""

Place = tuple[str, int] | None
"""A thread: the node that forks, and the number of its flow; None: all that runs in no thread."""


class Walk:
    """What is certain at the nodes of a graph. `at`: the cases in which a node is entered · `ends`: in which the process ends · `turns`: in which a
    turn of a for-each ends, by its node · `resting`: in which something may happen in a block, by its node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.written = expressions_in(graph)
        self.ledger: Ledger = ledger(graph, self.written)
        self.layout = Layout(graph, self.ledger)
        self.people = {name: expr.text for name, expr in graph.people}
        variables = frozenset((*(variable.name for variable in graph.variables), *(name for name, _ in graph.inputs)))
        roots = dict(self.ledger.whole)
        for name in sorted({path[0] for path in self.ledger.paths} - roots.keys()):
            roots[name] = 1 << (len(self.ledger.bits) + len(roots))
        self.judge = Judge(self.ledger, roots, self.layout.shared, variables, by_outcome(graph, self.ledger), tested(self.written))
        self.texts: dict[tuple[str, frozenset[str]], Text] = {}
        self.live = lasting(graph, self.layout, self.written, self._roots)
        self.at: dict[str, Cases] = {}
        self.ends = Cases()
        self.turns: dict[str, Cases] = {}
        self.resting: dict[str, Cases] = {}
        self._came: dict[str, int] = {}
        self._arrived: dict[tuple[Region, Place], Cases] = {}
        self._skipped: dict[tuple[str, int], Cases] = {}
        self._joined: dict[str, dict[str, Cases]] = {}
        self._todo: deque[tuple[str, Case]] = deque()
        self._open: dict[Region | str, None] = {}
        self._heard: dict[str, int] = {}
        self._forked: dict[Region, list[Fork]] = {}
        self._known_to_turns: dict[str, tuple[frozenset[str], int]] = {}
        self._walk()

    def cases(self, node: str) -> list[Case]:
        """The cases in which a node is entered; none if it never is."""
        return self.at[node].all if node in self.at else []

    def facts(self, node: str) -> Facts:
        """What is so whenever a node is entered, of values that are read there or later."""
        cases = self.cases(node)
        return either([case.facts for case in cases]) if cases else frozenset()

    def text(self, expr: Expr, hidden: frozenset[str] = frozenset()) -> Text:
        """An expression, to be read in cases."""
        return self.text_of(expr.text, hidden)

    def text_of(self, text: str, hidden: frozenset[str] = frozenset()) -> Text:
        """The same of its text."""
        key = (text, hidden)
        if key not in self.texts:
            self.texts[key] = Text(text, self.judge, self.people, hidden)
        return self.texts[key]

    def _roots(self, expr: Expr) -> int:
        found = 0
        for name in self.text(expr).names:
            found |= self.judge.roots.get(name, 0)
        return found

    # ── going ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _walk(self) -> None:
        begin = self.start()
        for flow in self.graph.entry:
            self._go(ROOT, flow, self.judge.beside(begin, self.layout.beside("")), begin)
        while self._todo or self._open:
            if self._todo:
                node, case = self._todo.popleft()
                if any(case is one for one in self.at[node].all):  # else another one tells as much
                    self._leave(node, case)
            else:
                one = next(iter(self._open))
                del self._open[one]
                self._gather(one)

    def start(self) -> Case:
        """The case in which a process begins: nothing has been given, and the variables have their defaults."""
        facts = set()
        for variable in self.graph.variables:
            value = written_out(parse(variable.default.text).tree) if variable.default else None
            if value is not ... and not (variable.default is None and variable.field.many):
                facts.add(Fact((variable.name,), True, value))
        kept = frozenset(fact for fact in facts if fact.names in self.ledger.paths and fact.names[0] not in self.layout.shared)
        return Case(0, (1 << len(self.ledger.bits)) - 1, kept)

    def _go(self, region: Region, flow: Flow, case: Case, origin: Case) -> None:
        """A token goes from a region on a flow."""
        for _ in range(flow.up):
            case = self._outside(region, case)
            region = self.layout.around(region)
        if flow.to is None:
            self._arrive(region, flow, case, origin)
            return
        new = self.judge.pruned(case.entering(flow.to, flow.id, origin), self.live.get(flow.to, -1))
        node = self.layout.nodes[flow.to]
        if isinstance(node, Join):
            if self._joined.setdefault(node.id, {}).setdefault(flow.id, Cases()).add(new):
                self._open[node.id] = None
        else:
            self._enter(flow.to, new)

    def _enter(self, node: str, case: Case) -> None:
        cases = self.at.setdefault(node, Cases())
        added = cases.add(case)
        if added is None:
            return
        self._came[node] = self._came.get(node, 0) + 1
        if self._came[node] > PATIENCE and len(cases.all) > 1:
            added = common(*cases.all)
            cases.all = [added]
        self._todo.append((node, added))

    def _outside(self, region: Region, case: Case) -> Case:
        """The case outside of a region that is left: the results of a turn of a for-each are not seen there."""
        node = self.layout.nodes.get(region[0])
        if not isinstance(node, Block) or node.each is None:
            return case
        own, other = self._of_turn(node)
        return self.judge.unknown(self.judge.forgotten(case, own), other)

    def _of_turn(self, block: Block) -> tuple[frozenset[str], int]:
        """The names that only the turns of a for-each know; and the bits of those that are given outside as well."""
        if block.id not in self._known_to_turns:
            names = self.layout.body(block.id).names | {block.each.name if block.each else ""}
            outside = self.layout.touched(frozenset(self.layout.regions) - self.layout.within((block.id, -1))).names
            self._known_to_turns[block.id] = names - outside, self.ledger.named(names & outside)
        return self._known_to_turns[block.id]

    # ── coming to an end ────────────────────────────────────────────────────────────────────────────────────────────
    def _arrive(self, region: Region, flow: Flow, case: Case, origin: Case) -> None:
        """A token runs off its list."""
        block, number = region
        arrived = case.entering("", flow.id, origin)
        if number >= 0:
            handler = self.layout.handlers(block)[number]
            if handler.cancels and handler.trigger.kind != "alone":
                self._over(block, arrived)
            return
        node = self.layout.nodes.get(block)
        if any(not handler.cancels and handler.trigger.kind != "alone" for handler in self.layout.handlers(block)):
            self._rest(region, arrived, arrived)  # it stays open as long as something runs beside
        if isinstance(node, Block) and node.each is not None:
            self.turns.setdefault(block, Cases()).add(arrived)
        elif (forks := self._forks(region)) and (not isinstance(node, Block) or node.need == "all" or node.need >= len(forks[0].threads)):
            if self._arrived.setdefault((region, self._thread_of(region, self.layout.source.get(flow.id, origin.node), flow)), Cases()).add(arrived):
                self._open[region] = None
        else:
            self._over(block, arrived)

    def _over(self, block: str, case: Case) -> None:
        """A block is over, or the process."""
        node = self.layout.nodes.get(block)
        if isinstance(node, Block):
            self._go(self.layout.regions[block], node.out, case, case)
        else:
            self.ends.add(case)

    def _gather(self, where: Region | str) -> None:
        """Goes on from a join, or from the end of a region in which several tokens run."""
        if isinstance(where, str):
            self._join(where)
            return
        for case in self._completed(where, None):
            self._over(where[0], case)

    def _join(self, id: str) -> None:
        node = self.layout.nodes[id]
        assert isinstance(node, Join)
        came = self._joined[id]
        if node.need == "all" or node.need == len(node.into):
            cases = all_of(came[flow].all for flow in node.into) if len(came) == len(node.into) else []
        else:
            cases = [case for one in came.values() for case in one.all]
        for case in cases:
            first = case.before[0] if not case.node else case
            self._enter(id, replace(self.judge.rested(case), node=id, flow=first.flow))

    def _forks(self, region: Region) -> list[Fork]:
        """The forks of a region, that of its beginning included."""
        if region not in self._forked:
            nodes = [node for id in self.layout.own(region) if not isinstance(node := self.layout.nodes[id], Block)]
            block = self.layout.nodes.get(region[0])
            self._forked[region] = [fork for node in ([block, *nodes] if block else nodes) if (fork := self.layout.fork(node))]
        return self._forked[region]

    def _thread_of(self, region: Region, node: str, flow: Flow | None = None, but: str = "") -> Place:
        """The innermost thread of a region in which a node stands."""
        best: Place = None
        size = 0
        for fork in self._forks(region):
            for number, thread in enumerate(fork.threads if not fork.turns else ()):
                if fork.node != but and (node in thread.nodes or (flow is not None and thread.flow == flow)) and (best is None or len(thread.nodes) < size):
                    best, size = (fork.node, number), len(thread.nodes)
        return best

    def _completed(self, region: Region, place: Place) -> list[Case]:
        """The cases in which all that runs in a thread has come to its end."""
        own = self._arrived.get((region, place))
        found = [*own.all] if own else []
        for fork in self._forks(region):
            if (fork.node == region[0] and place is None) or (fork.node != region[0] and self._thread_of(region, fork.node, but=fork.node) == place):
                found += self._all_threads(region, fork)
        return found

    def _all_threads(self, region: Region, fork: Fork) -> list[Case]:
        if fork.turns or any(thread.joins for thread in fork.threads):
            return []
        block = self.layout.nodes.get(region[0])
        options = [self._completed(region, (fork.node, number)) for number in range(len(fork.threads))]
        for number, cases in enumerate(options if not isinstance(block, Block) or block.need == "all" else ()):
            cases += self._skipped[fork.node, number].all if (fork.node, number) in self._skipped else []
        if fork.tangled:
            return all_of([[common(*cases)] for cases in options if cases])
        return all_of(options) if all(options) else []

    # ── leaving the nodes ───────────────────────────────────────────────────────────────────────────────────────────
    def _leave(self, id: str, case: Case) -> None:
        region, node = self.layout.regions[id], self.layout.nodes[id]
        match node:
            case Step():
                self._step(region, node, case)
            case Choose(hit="every"):
                self._choose_every(region, node, case)
            case Choose():
                self._choose(region, node, case)
            case Join():
                self._go(region, node.out, case, case)
            case Wait():
                self._wait(region, node, case)
            case Task():
                self._task(region, node, case)
            case Call():
                self._call(region, node, case)
            case Block():
                self._block(region, node, case)
            case Exit():
                self._exit(region, node, case)

    def _after(self, case: Case, exprs: Iterable[Expr | None]) -> Case:
        """The case once these have been evaluated."""
        for expr in exprs:
            if expr is not None:
                case = self.text(expr).after(case)
        return case

    def _split(self, region: Region, fork: Fork | None, flows: tuple[Flow, ...], case: Case, origin: Case) -> None:
        """A token on each of the flows."""
        for number, flow in enumerate(flows):
            self._go(region, flow, self.judge.beside(case, self.layout.others(fork, number)) if fork else case, origin)

    def _step(self, region: Region, node: Step, origin: Case) -> None:
        case = self._after(origin, (expr for _, expr in node.sets))
        values = [(name, written_out(parse(expr.text).tree)) for name, expr in node.sets]
        if node.turn:
            first = [Fact((node.turn, "turn"), True, 1)] if case.gone & self.ledger.bits.get((node.turn,), 0) else []
            case = self.judge.given(case, node.turn, frozenset(("turn",)), first)
        if node.gives is not None:
            facts = [self.judge.constant((node.gives, name), value) for name, value in values if value is not ...]
            case = self.judge.given(case, node.gives, frozenset(name for name, _ in values), facts)
        elif values:
            case = self.judge.sets(case, values)
        case = self.judge.forgotten(case, node.forgets)
        self._split(region, self.layout.fork(node), node.out or (Flow(f"{node.id}>off"),), case, origin)

    def _choose(self, region: Region, node: Choose, origin: Case) -> None:
        left: Case | None = origin
        for condition, flow in node.arms:
            if left is None:
                return
            taken, left = self.text(condition).judged(left)
            if taken is not None:
                self._go(region, flow, taken, origin)
        if left is not None and node.otherwise is not None:
            self._go(region, node.otherwise, left, origin)

    def _choose_every(self, region: Region, node: Choose, origin: Case) -> None:
        fork = self.layout.fork(node)
        assert fork is not None
        case = self._after(origin, (condition for condition, _ in node.arms))
        none: Case | None = case
        for number, (condition, flow) in enumerate(node.arms):
            others = self.layout.others(fork, number)
            taken, skipped = self.text(condition).judged(case)
            if taken is not None:
                self._go(region, flow, self.judge.beside(taken, others), origin)
            if skipped is not None:
                self._skipped.setdefault((node.id, number), Cases()).add(self.judge.beside(skipped, others).entering("", flow.id, origin))
            none = self.text(condition).judged(none)[1] if none else None
        if none is not None and node.otherwise is not None:
            self._go(region, node.otherwise, none, origin)

    def _wait(self, region: Region, node: Wait, origin: Case) -> None:
        case = self.judge.rested(self._after(origin, (trigger.expr for trigger, _ in node.arms[:1])))
        self._rest(region, case, origin)
        for number, (trigger, flow) in enumerate(node.arms):
            won = node.names[number] if node.names else trigger.name or str(number)
            fields = brought(trigger)
            facts = [Fact((node.gives, "won"), True, won)] if node.gives else []
            self._go(region, flow, self.judge.given(case, node.gives, None if fields is None else fields | {"won"}, facts), origin)

    def _task(self, region: Region, node: Task, origin: Case) -> None:
        own, name = self.ledger.bits.get((node.gives or "",), 0), node.gives or ""
        if node.climb and (not own or origin.there & own):
            self._go(region, node.climb.top, self._after(origin, (node.people, node.not_by)), origin)
        case = self._after(origin, (node.people, node.not_by, node.form.subject, *(alarm.at for alarm in node.alarms), node.observers, *node.checklist))
        case = self.judge.rested(case)
        self._rest(region, self.judge.given(case, name, while_open(node)), origin)
        for outcome, flow in node.outcomes:
            facts = [Fact((name, "outcome"), True, outcome)]
            self._go(region, flow, self.judge.given(case, name, decided(node, outcome), facts), origin)

    def _call(self, region: Region, node: Call, origin: Case) -> None:
        case = self._after(origin, (*(expr for _, expr in node.arguments), node.timeout))
        rested = self.judge.rested(case)
        if node.service == ALONE:
            for handler in self.graph.handlers:
                if handler.trigger.kind == "alone" and handler.name == node.id:
                    self._go(("", self.graph.handlers.index(handler)), handler.entry, rested, origin)
        self._rest(region, rested, origin)
        self._fail(region, rested, origin)
        self._go(region, node.out, self.judge.given(rested, node.gives, None), origin)

    def _fail(self, region: Region, case: Case, origin: Case) -> None:
        """An error goes to the handlers around; not to those of a block whose place another one has taken, or for whose error it is."""
        while True:
            block, number = region
            handlers = self.layout.handlers(block)
            if number < 0 or not (handlers[number].cancels or handlers[number].trigger.kind == "error"):
                for other, handler in enumerate(handlers):
                    if handler.trigger.kind == "error":
                        self._go(self.layout.around(region) if handler.outside else (block, other), handler.entry, self.caught(block, other, case), origin)
                        if not handler.trigger.name:
                            return
            if region[0] == "":
                return
            case, region = self._outside(region, case), self.layout.around(region)

    def _exit(self, region: Region, node: Exit, case: Case) -> None:
        if node.how == "end":
            out = case
            while region != ROOT:
                out, region = self._outside(region, out), self.layout.around(region)
            self.ends.add(out.entering("", "", case))
        elif node.how == "raise":
            self._fail(region, case, case)
            if node.out is not None:
                self._go(region, node.out, case, case)
        elif isinstance(block := self.layout.nodes.get(node.name), Block):
            self._go(self.layout.regions[node.name], block.out, case, case)

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _block(self, region: Region, node: Block, origin: Case) -> None:
        if node.each is not None:
            self._each(region, node, origin)
            return
        body = self.judge.beside(origin, self.layout.beside(node.id))
        self._split((node.id, -1), self.layout.fork(node), node.entry, body, origin)
        self._task_handlers(node, origin)

    def _each(self, region: Region, node: Block, origin: Case) -> None:
        """Turns, each with names of its own; or none, and it is over at once."""
        assert node.each is not None
        case = self._after(origin, (node.each.items, node.each.at_most))
        own, other = self._of_turn(node)
        touched = self.layout.body(node.id)
        case = self.judge.rested(self.judge.sets(case, ((name, ...) for name in touched.variables)))
        turn = self.judge.given(self.judge.unknown(self.judge.forgotten(case, own), other), node.each.name, None)
        self._split((node.id, -1), self.layout.fork(node), node.entry, turn, origin)
        self._go(region, node.out, self.judge.given(case, node.gives, frozenset(("results",))), origin)

    def _task_handlers(self, block: Block, origin: Case) -> None:
        """What the task in a block may come to while it is open: its steps run beside it."""
        beside = together(self.layout.body(block.id), self.layout.beside(block.id))
        tasks = tasks_in(block, self.layout.nodes)
        for number, handler in enumerate(block.handlers):
            case = self.judge.rested(self.judge.beside(origin, beside))
            for task in tasks:
                case = self.judge.added(case, task.gives, while_open(task))
            if handler.trigger.kind == "overdue":
                self._go((block.id, number), handler.entry, case, origin)
            outcomes = [outcome for task in tasks for outcome in task.form.outcomes] if handler.trigger.kind == "answer" and handler.gives else []
            for outcome in outcomes:
                told = [Fact((str(handler.gives), "outcome"), True, outcome.name)]
                self._go((block.id, number), handler.entry, self.judge.given(case, handler.gives, ANSWER | form_fields([outcome]), told), origin)

    def _rest(self, region: Region, case: Case, origin: Case) -> None:
        """A token rests in a case: now something may happen in all the blocks around it."""
        while True:
            block, number = region
            handlers = self.layout.handlers(block) if number < 0 else ()
            added = self._resting(block, case.entering("", "", origin)) if handlers else None
            for other, handler in enumerate(handlers if added else ()):
                if added and handler.trigger.kind not in (*OF_TASK, "error", "alone"):
                    self._go(self.layout.around(region) if handler.outside else (block, other), handler.entry, self.caught(block, other, added), added)
            if not block:
                return
            case, region = self._outside(region, case), self.layout.around(region)

    def _resting(self, block: str, case: Case) -> Case | None:
        """Notes that the body of a block rests, as far as what may happen then reads it; None if it is known."""
        if block not in self._heard:
            node = self.layout.nodes.get(block)
            after = (node.out.to if isinstance(node, Block) else "") or ""
            handlers = self.layout.handlers(block)
            self._heard[block] = 0
            for live in (self.live.get(handler.entry.to or after, -1) for handler in handlers):
                self._heard[block] |= live
            for expr in expressions(handlers):
                self._heard[block] |= self._roots(expr)
        return self.resting.setdefault(block, Cases()).add(self.judge.pruned(case, self._heard[block]))

    def caught(self, block: str, number: int, case: Case) -> Case:
        """The case in which a handler of a block begins when its body rests in a case. What is not cancelled goes on."""
        handler = self.layout.handlers(block)[number]
        others = self.layout.beside(block) if handler.cancels else together(self.layout.beside(block), self.layout.body(block))
        return self.judge.given(self.judge.rested(self.judge.beside(case, others)), handler.gives, brought(handler.trigger))
