"""Owns how the stories bring calls into doubt, and what people do about them then."""

from decimal import Decimal

from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.engines import AsyncEngine
from tests.stories.people import CUSTOMER, MANAGER, REFUND
from tests.stories.scripts import asks

from bailiwick.policies.principals import Principal
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.proposal_rows import Proposal
from bailiwick.tools.secrets.credentials import Credential

LOST = "the answer was lost"
TRIGGER = "CREATE TRIGGER no_end BEFORE INSERT ON records"


def losing(desk: Desk, *, effect: bool) -> ScopedTool:
    """Return the refund tool as it is where the answer is lost, after the effect or before it."""
    shipped = desk.tools.issue_refund

    def find_refund(credential: Credential, idempotency_key: str) -> Finding:
        return shipped.reconcile({}, credential, idempotency_key)

    @scoped_tool(effect="destructive", credential="payments/refund", reconcile=find_refund)
    def issue_refund(
        order_id: str, amount: Decimal, *, credential: Credential, idempotency_key: str
    ) -> str:
        """Refund an amount on an order, and lose the answer."""
        if effect:
            shipped.call({"order_id": order_id, "amount": amount}, credential, idempotency_key)
        raise OSError(LOST)

    # It stands for the shipped one on a bad day.
    return issue_refund.model_copy(update={"version": shipped.version})


def doubtful(desk: Desk, *, effect: bool = True) -> Thread:
    """Return a thread of billing in which an approved refund is in doubt."""
    tool = losing(desk, effect=effect)
    thread = desk.thread(desk.specialist(asks(REFUND), tool))
    thread.answer(thread.ask())
    return thread


def the_call(thread: Thread) -> CallRecord:
    """Return the only call of a thread."""
    (call,) = thread.desk.guard.calls.list(thread=thread.id)
    return call


def again(thread: Thread) -> str:
    """Execute a thread's call again, from before it was, and return what the model reads."""
    *_, before = [
        snapshot.config
        for snapshot in thread.desk.engine.history(thread.app, thread.config)
        if snapshot.next == ("approval",)
    ]
    return str(thread.run(None, MANAGER, before)["messages"][-2].text)


def elapse(place: Place, thread: Thread) -> None:
    """Let the time be over in which a thread's calls can be under way."""
    execute(place.ledger, f"UPDATE calls SET until = 0 WHERE thread = '{thread.id}'")  # noqa: S608 - an id of ours


def proposed(desk: Desk, thread: str) -> Thread:
    """Return a thread of proposals."""
    app = desk.proposals.compile(desk.engine.checkpointer)
    return Thread(desk=desk, app=app, id=thread)


def retry(thread: Thread, by: Principal = MANAGER) -> Proposal:
    """Have a thread's call tried again, though the shop could tell what came of it."""
    desk, key = thread.desk, the_call(thread).key
    app = desk.proposals.compile(desk.engine.checkpointer)
    proposal = desk.proposals.proposals.retry(key, by=by, requester=CUSTOMER)
    if isinstance(desk.engine, AsyncEngine):
        desk.engine.loop.run(desk.proposals.acarry_on(app, proposal.thread))
    else:
        desk.proposals.carry_on(app, proposal.thread)
    return proposal


def undo(thread: Thread, requester: Principal = CUSTOMER) -> list[Proposal]:
    """Have what was called in a thread undone."""
    desk = thread.desk
    app = desk.proposals.compile(desk.engine.checkpointer)
    if isinstance(desk.engine, AsyncEngine):
        undoing = desk.proposals.aundo(app, thread.id, requester=requester)
        return desk.engine.loop.run(undoing).made
    return desk.proposals.undo(app, thread.id, requester=requester).made


def refuse_ends(place: Place, kind: str = "call.ended") -> list[str]:
    """Return SQL that makes a database refuse the record of a call's end, or of another kind."""
    if place.kind == "sqlite":
        action = "BEGIN SELECT RAISE(ABORT, 'no'); END"
        return [f"{TRIGGER} WHEN NEW.kind = '{kind}' {action}"]
    body = "BEGIN RAISE 'no'; END"
    condition = f"FOR EACH ROW WHEN (NEW.kind = '{kind}')"
    return [
        f"CREATE FUNCTION refuse_end() RETURNS trigger AS $$ {body} $$ LANGUAGE plpgsql",
        f"{TRIGGER} {condition} EXECUTE FUNCTION refuse_end()",
    ]


def accept_ends(place: Place) -> list[str]:
    """Return SQL that undoes it."""
    if place.kind == "sqlite":
        return ["DROP TRIGGER no_end"]
    return ["DROP TRIGGER no_end ON records", "DROP FUNCTION refuse_end"]
