"""Owns a desk of one's own, as an operator names it."""

DESK = """
from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope

BOOKING = ToolScope(tool="book_parcel", scope=Scope(path="parcels/book", ttl=30))
REGISTRY = Registry(
    agents=(AgentIdentity(name="courier", owner="logistics", tools=(BOOKING,)),)
)
NOBODY = Registry()
LOOSE = Registry(agents=(AgentIdentity(name="courier", tools=("parcels/book",)),))
SHORT = Registry(
    agents=(AgentIdentity(name="courier", tools=(ToolScope(tool="t", scope="parcels/book"),)),)
)
"""
BROKEN = """
import os
os.environ["NO_SUCH_VARIABLE"]
"""
GONE = """
raise SystemExit("no Vault to be seen")
"""
OWN = ("--registry", "parcel_desk:REGISTRY")
