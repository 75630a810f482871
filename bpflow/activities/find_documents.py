"""The activity `find-documents`."""

import ast
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field as Key

from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Result
from bpflow.expressions import parse, quoted
from bpflow.graph import ITEM, Call, Expr, Lowering, World
from bpflow.graph.written import span_of
from bpflow.values import Field

MOST = 1000
"""The most documents that one step gives."""


class FindDocuments(Step):
    """Looks documents of a type up.

    `where` is read for each document, which is called `item` there: `item.status`, `item.client.name`. Without it all are found.
    `order` is an expression, or a list of them; a `-` before one means the largest, the latest, the last first; what has no value
    comes last, and without `order` the oldest is first. `items` are at most `limit` documents (100 unless it says otherwise,
    at most 1,000), `count` is how many there are in all. They are those of this moment: what changes later is not looked up again.

    The cost: a text, a choice, a person or a document that `item.<field> ==` asks for at the top of `where`, alone or joined by `and`, is
    compared by the database, which goes through the documents of the type; the others are read one by one, and more than 100,000
    of these are refused. So ask for one value of a field where there are many documents.

        steps:
          - id: open
            activity: find-documents
            type: deal
            where: item.status == "new" and item.responsible == document.responsible and item.amount > 1000
            order: [-item.amount, item.name]
            limit: 10
          - {activity: notify, to: document.responsible, text: "$(open.count) open deals; the largest: $(open.items)"}
    """

    type: Result
    """The type of the documents."""
    where: Expression | None = None
    """The condition, on `item`."""
    order: Expression | None = None
    """What they are put in order by; with `-` before it, downwards."""
    limit: Annotated[int, Key(ge=1, le=MOST)] = 100
    """The most documents that it gives."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """The documents, and how many there are."""
        return {"items": Field("document", many=True, of=(str(self.type),)), "count": Field("integer")}

    def names_within(self, world: World) -> Iterator[tuple[Expr, Mapping[str, Field]]]:
        """The candidate."""
        for expr in filter(None, (self.where, self.order)):
            yield expr, {ITEM: Field("document", of=(str(self.type),))}

    def lower(self, b: Lowering) -> None:
        """One Call. The expressions travel as text, with the values of the names that they read."""
        b.document_type(str(self.type), span_of(self.type))
        arguments = [("type", Expr(quoted(str(self.type)))), ("limit", Expr(str(self.limit)))]
        if self.where:
            arguments.append(("where", Expr(quoted(self.where.text), self.where.place)))
        if self.order:
            texts, ways = zip(*_orders(self.order.text), strict=True)
            arguments.append(("order", Expr(f"[{', '.join(map(quoted, texts))}]", self.order.place)))
            arguments.append(("descending", Expr(f"[{', '.join('true' if down else 'false' for down in ways)}]")))
        names = {name: expr for expr in filter(None, (self.where, self.order)) for name in _names(expr.text)}
        arguments += ((f"names.{name}", Expr(name, expr.place)) for name, expr in names.items())
        b.add(Call(b.path, "documents.find", tuple(arguments), b.flow(b.path), gives=b.name))


def _names(text: str) -> list[str]:
    """The names of the process that an expression reads."""
    return [name for name in parse(text).names if name not in (ITEM, "now")]


def _orders(text: str) -> Iterator[tuple[str, bool]]:
    """The expressions of `order`, each without the `-` before it, and whether it had one."""
    tree = parse(text).tree
    for one in tree.elts if isinstance(tree, ast.List) else [tree]:
        down = isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.USub)
        inner = one.operand if isinstance(one, ast.UnaryOp) and down else one
        yield text[inner.col_offset : inner.end_col_offset], down
