"""How times are read: by when something is due, and at which moment something happens."""

from __future__ import annotations

from bpflow.graph import Expr


def moment(expr: Expr) -> Expr:
    """The instant that an expression says: a duration counts from now, a date is the start of that day."""
    return Expr(f"moment({expr.text})", expr.place)


def deadline(expr: Expr) -> Expr:
    """The instant by which something is due: a duration counts from now, a date is the end of that working day."""
    return Expr(f"deadline({expr.text})", expr.place)


def before(expr: Expr, length: Expr) -> Expr:
    """The instant so long before another; none where that is none, or it would be past already."""
    at, early = expr.text, f"{expr.text} - ({length.text})"
    return Expr(f"({early}) if {at} != none and {early} > now else none", length.place)
