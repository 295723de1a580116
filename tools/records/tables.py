"""Owns the tables of the ledger's database, and the one clock that every expiry is told by."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

SCHEMA_VERSION = 3

# PostgreSQL sorts by its locale unless told otherwise: a chain is walked in the order of bytes.
TEXT = String().with_variant(String(collation="C"), "postgresql")

metadata = MetaData()


class database_clock(FunctionElement[float]):  # noqa: N801 - it reads as the SQL function it is
    """Give the database's own time in epoch seconds, also inside a long transaction."""

    type = Double()
    inherit_cache = True
    name = "database_clock"


@compiles(database_clock, "postgresql")
def _on_postgresql(element: database_clock, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401, ARG001 - the signature is SQLAlchemy's
    return "CAST(extract(epoch from clock_timestamp()) AS double precision)"


@compiles(database_clock, "sqlite")
def _on_sqlite(element: database_clock, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401, ARG001 - the signature is SQLAlchemy's
    # Defined on every connection: SQLite's own clock counts milliseconds, and before 3.42 not even
    # those as a number.
    return "database_clock()"


def _text(name: str) -> Column[str]:
    return Column(name, TEXT, nullable=False)


def _time(name: str) -> Column[float]:
    # In epoch seconds of the database's own clock.
    return Column(name, Double, nullable=False)


schema = Table(
    "bailiwick_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

records = Table(
    "records",
    metadata,
    Column("thread", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _text("at"),
    _text("kind"),
    _text("body"),
    _text("previous"),
    _text("hash"),
    sqlite_with_rowid=False,
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("digest"),
    _text("thread"),
    _text("state"),
    _text("request"),
    _time("created_at"),
    _time("expires_at"),
    Column("answer", TEXT),
    Column("decided_by", TEXT),
    Column("decided_at", Double),
    Column("decided_roles", TEXT),
    _text("grants"),
    CheckConstraint(
        "state IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'consumed')",
        name="approvals_state",
    ),
    Index("approvals_by_state", "state", "thread"),
    Index("approvals_by_thread", "thread"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("approval", TEXT, ForeignKey("approvals.id"), primary_key=True),
    _text("thread"),
    _text("requester"),
    _text("place"),
    _time("due_at"),
    Column("claim", TEXT),
    Column("attempts", Integer, nullable=False),
    Column("error", TEXT),
    Column("delivered_at", Double),
    Index("deliveries_by_thread", "thread"),
)
# Nearly all of them are delivered: those are not looked through for what is due.
_is_open = deliveries.c.delivered_at.is_(None)
Index("deliveries_due", deliveries.c.due_at, sqlite_where=_is_open, postgresql_where=_is_open)

refusals = Table(
    "refusals",
    metadata,
    Column("key", TEXT, primary_key=True),
)

requests = Table(
    "requests",
    metadata,
    Column("key", TEXT, primary_key=True),
    _text("requester"),
)

calls = Table(
    "calls",
    metadata,
    Column("key", TEXT, primary_key=True),
    _text("occurrence"),
    _text("thread"),
    _text("namespace"),
    _text("tool_call_id"),
    _text("requester"),
    _text("chain"),
    _text("agent"),
    _text("tool"),
    _text("effect"),
    _text("args"),
    _text("idempotency_key"),
    _text("state"),
    Column("result", TEXT),
    _time("started_at"),
    _time("until"),
    Column("ended_at", Double),
    Column("settled_by", TEXT),
    Column("reason", TEXT),
    CheckConstraint(
        "state IN ('started', 'in_doubt', 'succeeded', 'failed', 'retried')", name="calls_state"
    ),
    UniqueConstraint("occurrence", name="calls_occurrence"),
    Index("calls_by_state", "state", "thread"),
    Index("calls_by_thread", "thread"),
)

# By graph, the checkpoint from which something was changed unasked, last.
branches = Table(
    "branches",
    metadata,
    Column("thread", TEXT, primary_key=True),
    Column("request", TEXT, primary_key=True),
    Column("graph", TEXT, primary_key=True),
    _text("checkpoint"),
)

proposals = Table(
    "proposals",
    metadata,
    Column("thread", TEXT, primary_key=True),
    Column("tool_call_id", TEXT, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("kind"),
    Column("call", TEXT, ForeignKey("calls.key"), nullable=False),
    _text("origin"),
    _text("agent"),
    _text("chain"),
    _text("tool"),
    _text("args"),
    _text("idempotency_key"),
    _text("requester"),
    _text("state"),
    _time("proposed_at"),
    CheckConstraint("kind IN ('retry', 'undo')", name="proposals_kind"),
    CheckConstraint("state IN ('open', 'done', 'dropped')", name="proposals_state"),
    Index("proposals_by_origin", "origin"),
)
# Whoever proposes twice, or at the same moment: of one call, one proposal stands.
_stands = proposals.c.state != "dropped"
Index(
    "proposals_of_call",
    proposals.c.call,
    unique=True,
    sqlite_where=_stands,
    postgresql_where=_stands,
)

checkpoint_keys = Table(
    "checkpoint_keys",
    metadata,
    Column("id", TEXT, primary_key=True),
    # Null where every thread shares it.
    Column("thread", TEXT),
    # Null once it is destroyed.
    Column("wrapped", TEXT),
    Column("uses", BigInteger, nullable=False),
    _time("created_at"),
    Column("destroyed_at", Double),
    Index("checkpoint_keys_by_thread", "thread"),
)

retired_versions = Table(
    "retired_versions",
    metadata,
    # Of a transit key: what an older one has wrapped is not kept any more.
    Column("transit_key", TEXT, primary_key=True),
    Column("oldest", Integer, nullable=False),
)

seals = Table(
    "seals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("statement"),
    _text("signature"),
    _text("key"),
)

sealed_heads = Table(
    "sealed_heads",
    metadata,
    Column("seal", Integer, ForeignKey("seals.number"), primary_key=True),
    Column("thread", TEXT, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    _text("hash"),
    sqlite_with_rowid=False,
)

revocations = Table(
    "revocations",
    metadata,
    Column("accessor", TEXT, primary_key=True),
    # Vault's lease of what the token was given; empty where there is none.
    _text("lease_id"),
    _text("thread"),
    _text("body"),
    _time("granted_at"),
    _time("ends_at"),
    _time("due_at"),
    Column("tries", Integer, nullable=False),
    Column("error", TEXT),
    Index("revocations_due", "due_at"),
)
