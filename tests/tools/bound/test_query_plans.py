"""How SQLite finds what is asked on the way of a bound tool's call, and for what waits of it."""

from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool
from tests.driven import Drive
from tests.tools.bound.foreign import agent_graph
from tests.tools.people.due import claim_next

from bailiwick.tools.guard import Guard

NO_TABLE = "SCAN CONSTANT ROW"


def test_no_statement_of_a_call_looks_through_a_table(
    drive: Drive, guard: Guard, bound: list[BaseTool]
) -> None:
    """Tables only grow: one call needs nobody; one is withdrawn, asked anew, and claimed."""
    with guard.ledger.reading() as connection:
        # A ledger in memory has no other.
        driver: Any = connection.connection.driver_connection
    seen: list[str] = []
    driver.set_trace_callback(seen.append)
    graph = agent_graph(bound, "40", "140")
    drive.start(graph)
    (question,) = drive(graph, {"messages": [HumanMessage("pay, please")]})["__interrupt__"]
    drive.answer(graph, question, type="approve")
    assert claim_next(guard.approvals.outbox())
    driver.set_trace_callback(None)

    statements = [each for each in seen if each.startswith(("SELECT", "INSERT", "UPDATE"))]
    steps = [
        (step, statement)
        for statement in statements
        for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    assert [each.state for each in guard.approvals.list()] == ["cancelled", "consumed"]
    assert [each for each in steps if each[0].startswith("SCAN") and each[0] != NO_TABLE] == []
    for table in ("approvals", "calls", "records", "deliveries"):
        assert [statement for statement in statements if table in statement]
