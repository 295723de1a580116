"""Owns a desk of one's own, as an operator names it."""

DESK = """
from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope

BOOKING = ToolScope(tool="book_parcel", scope=Scope(path="parcels/book", ttl=30))
REGISTRY = Registry(
    agents=(AgentIdentity(name="courier", owner="logistics", tools=(BOOKING,)),)
)
NOBODY = Registry()
"""
OWN = ("--registry", "parcel_desk:REGISTRY")
