"""Owns whether an approval can lift a rule: where its clauses ask for the role that approves."""

from collections.abc import Iterable

from cedarpy import pst

_APPROVALS = pst.GetAttr(base=pst.Var(name="context"), attr="approvals")


def lifts(clauses: Iterable[pst.Clause], role: str) -> bool:
    """Tell whether a forbid with these clauses can end once somebody in the role approves.

    To ask for the role is not enough: under `when` the call would run until somebody approves.
    """
    return any(_asks(part.expr, role, to=isinstance(part, pst.Unless)) for part in clauses)


def _asks(part: pst.Expr, role: str, *, to: bool) -> bool:
    """Tell whether an expression asks for the role such that an approval can turn it `to` that."""
    match part:
        case pst.UnaryOp(op="not", arg=arg):
            return _asks(arg, role, to=not to)
        case pst.BinaryOp(op="and" | "or", left=left, right=right):
            return any(_asks(each, role, to=to) for each in (left, right))
        case pst.IfThenElse(cond=cond, then_expr=then, else_expr=other):
            # What the condition chooses can be either way round.
            ways = ((cond, True), (cond, False), (then, to), (other, to))
            return any(_asks(each, role, to=way) for each, way in ways)
        case pst.BinaryOp(left=left, right=right) if left == _APPROVALS:
            return to and _names(part.op, right, role)
        case _:
            return False


def _names(op: pst.BinaryOpName, asked: pst.Expr, role: str) -> bool:
    match op, asked:
        case "contains", pst.StringLit(value=value):
            return value == role
        case "contains_all" | "contains_any", pst.Set(elements=elements):
            return pst.StringLit(value=role) in elements
        case _:
            return False
