"""Owns who may use the refund desk's server; `langgraph.json` names it."""

from bailiwick.graphs.app import desk, settings
from bailiwick.graphs.server.access import create_auth

auth = create_auth(settings, desk.guard)
