"""Owns who may use the refund desk's server; `langgraph.json` names it."""

from bailiwick.graphs.access import create_auth
from bailiwick.graphs.app import desk, settings

auth = create_auth(settings, desk.guard)
