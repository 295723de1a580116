"""Owns the outbox of the refund desk's server; `langgraph.json` names it."""

from bailiwick.graphs.app import desk, settings
from bailiwick.graphs.outbox.service import create_outbox

app = create_outbox(settings, desk.guard.approvals, proposals=desk.proposals, sealing=desk.sealing)
