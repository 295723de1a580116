"""Owns the sealing of the ledger: its seals in its database, and the check against them."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, Select, Subquery, and_, bindparam, func, insert, select

from bailiwick.policies.errors import LedgerError
from bailiwick.policies.written import rfc3339
from bailiwick.tools.records.chain import GENESIS
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.seals import (
    Head,
    PublicKeys,
    Seal,
    SealStatement,
    Signer,
    fingerprint,
    from_pem,
    message,
    root_of,
    to_pem,
    unchained,
)
from bailiwick.tools.records.tables import records, sealed_heads, seals

_LOCK = "bailiwick.seals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Tell what checking against the seals has found.

    Attributes:
        seals: How many seals there are.
        last: The last of them.
        is_signed: Whether its signature was checked, and is good.
    """

    seals: int
    last: Seal | None
    is_signed: bool


def seal(ledger: Ledger, signer: Signer) -> Seal:
    """Sign what every chain of the ledger ends with, and keep the seal in its database.

    Writers may go on meanwhile: what is sealed is what one query saw.

    Raises:
        LedgerError: If the ledger does not hold what the last seal says, somebody else has sealed
            it at the same time, or the database fails; then nothing was kept.
        VaultError: If Vault, which holds the key, refuses or is not there.
    """
    with ledger.reading() as connection:
        kept = _seals(connection)
        sealed = _sealed_heads(connection, len(kept))
        heads = _heads(connection)
        at = rfc3339(now(connection))
    _refuse(_flaws(kept, sealed, heads, ledger))
    if not heads:
        raise LedgerError("there is no record to seal: the ledger is empty")
    statement = SealStatement(
        number=len(kept) + 1,
        at=at,
        previous=kept[-1].hash if kept else GENESIS,
        root=root_of(heads.values()),
        threads=len(heads),
        records=sum(head.seq for head in heads.values()),
    )
    made = _signed(statement, signer)
    _keep(ledger, made, [head for head in heads.values() if sealed.get(head.thread) != head])
    return made


def public_key(signer: Signer) -> str:
    """Return the public key of each version of the key that seals, as PEM.

    Raises:
        VaultError: If Vault, which holds the key, refuses or is not there.
    """
    return to_pem(signer.public_keys().values())


def verify_seals(
    ledger: Ledger, keys: PublicKeys | None = None, elsewhere: Iterable[Seal] = ()
) -> Sealed:
    """Check that the ledger still holds what its seals say; the chains are checked apart.

    Found are records cut off behind the last seal, threads that were removed as a whole, and seals
    that were changed, added or removed from between. That the last seals were removed together with
    what they sealed, only a seal kept elsewhere can tell.

    Args:
        ledger: The ledger.
        keys: The public keys; signatures are not checked where left out.
        elsewhere: Seals that were kept elsewhere.

    Raises:
        LedgerError: If it does not, naming the place; or the database fails.
    """
    with ledger.reading() as connection:
        # The heads last: what is appended in between does no harm.
        kept = _seals(connection)
        sealed = _sealed_heads(connection, len(kept))
        heads = _heads(connection)
    if keys is not None:
        _refuse(_unsigned(kept, keys))
    _refuse(_missing(kept, keys, elsewhere))
    _refuse(_flaws(kept, sealed, heads, ledger))
    is_signed = keys is not None and bool(kept)
    return Sealed(seals=len(kept), last=kept[-1] if kept else None, is_signed=is_signed)


def _signed(statement: SealStatement, signer: Signer) -> Seal:
    version, signature = signer.sign(message(statement))
    public = signer.public_keys()[version]
    made = Seal(
        statement=statement,
        signature=base64.b64encode(signature).decode(),
        key=fingerprint(public),
    )
    if not made.is_signed(from_pem(to_pem([public]).encode())):
        raise LedgerError(f"the key {signer.name!r} denies what it signed: ask who holds it")
    return made


def _keep(ledger: Ledger, made: Seal, heads: Iterable[Head]) -> None:
    number = made.statement.number
    with ledger.transaction() as connection:
        ledger.lock(connection, _LOCK)
        if connection.scalar(select(func.count()).select_from(seals)) != number - 1:
            raise LedgerError(
                "somebody else has sealed the ledger at the same time: theirs is kept; seal again"
            )
        row = {"statement": made.statement.text, "signature": made.signature, "key": made.key}
        connection.execute(insert(seals), {"number": number, **row})
        rows = [
            {"seal": number, "thread": head.thread, "seq": head.seq, "hash": head.hash}
            for head in heads
        ]
        if rows:
            connection.execute(insert(sealed_heads), rows)


def _flaws(
    kept: Sequence[Seal], sealed: Mapping[str, Head], heads: Mapping[str, Head], ledger: Ledger
) -> str | None:
    """Return the sentence for the first thing that is not as the last seal says."""
    if (broken := unchained(kept, GENESIS)) is not None:
        return broken
    if not kept:
        return None
    for head in sealed.values():
        if (cut := _cut(head, heads, kept[-1])) is not None:
            return cut
    if (changed := _changed(sealed, len(kept), ledger)) is not None:
        return changed
    if not _is_root(sealed.values(), kept[-1].statement.root):
        return (
            f"the heads of the chains are not those that seal {kept[-1].statement.number} was "
            "made over: threads were removed together with what the ledger knew of them, or the "
            "list was changed"
        )
    return None


def _is_root(sealed: Iterable[Head], root: str) -> bool:
    try:
        return root_of(sealed) == root
    except (ValueError, TypeError):
        # What has no canonical form was never sealed.
        return False


def _cut(head: Head, heads: Mapping[str, Head], last: Seal) -> str | None:
    found = heads.get(head.thread)
    when = f"since it was sealed (seal {last.statement.number} of {last.statement.at})"
    if found is None:
        return f"thread {head.thread!r} was removed with its {head.seq} records {when}"
    # SQLite keeps whatever somebody writes into a column.
    if not isinstance(cast("object", found.seq), int):
        return f"a record of thread {head.thread!r} was changed: its place is no number"
    if found.seq < head.seq:
        return (
            f"thread {head.thread!r} was cut off {when}: records {found.seq + 1} to {head.seq} are "
            "missing"
        )
    return None


def _changed(sealed: Mapping[str, Head], last: int, ledger: Ledger) -> str | None:
    with ledger.reading() as connection:
        rows = connection.execute(_SEALED_RECORDS, {"last": last})
        now = {row.thread: row.hash for row in rows}
    for head in sealed.values():
        if now.get(head.thread) != head.hash:
            return (
                f"thread {head.thread!r} was rewritten after it was sealed: its record {head.seq} "
                "is another"
            )
    return None


def _unsigned(kept: Sequence[Seal], keys: PublicKeys) -> str | None:
    if not kept:
        return "the ledger has no seal: `bailiwick audit seal` makes one, or they were removed"
    last = kept[-1].statement.number
    for each in kept:
        number = each.statement.number
        # Seals by an older key are part of what the later ones have signed.
        if number == last and each.key not in keys:
            return f"seal {number} was signed with another key than the one given"
        if each.key in keys and not each.is_signed(keys):
            return f"the signature of seal {number} is not good: the seal was changed"
    return None


def _missing(
    kept: Sequence[Seal], keys: PublicKeys | None, elsewhere: Iterable[Seal]
) -> str | None:
    known = {each.statement.number: each for each in kept}
    for each in elsewhere:
        number, at = each.statement.number, each.statement.at
        if keys is not None and each.key in keys and not each.is_signed(keys):
            return f"seal {number}, kept elsewhere, is not signed with the key given"
        if number not in known:
            return (
                f"seal {number} of {at}, kept elsewhere, is not in the ledger: its last seals were "
                "removed with what they sealed, or this is an older copy of it"
            )
        if known[number] != each:
            return f"seal {number} of {at}, kept elsewhere, is not the one in the ledger"
    return None


def _refuse(flaw: str | None) -> None:
    if flaw is not None:
        raise LedgerError(flaw)


def _heads(connection: Connection) -> dict[str, Head]:
    return {row.thread: Head(row.thread, row.seq, row.hash) for row in connection.execute(_HEADS)}


def _sealed_heads(connection: Connection, last: int) -> dict[str, Head]:
    rows = connection.execute(_SEALED_HEADS, {"last": last})
    return {row.thread: Head(row.thread, row.seq, row.hash) for row in rows}


def _seals(connection: Connection) -> list[Seal]:
    found: list[Seal] = []
    for row in connection.execute(select(seals).order_by(seals.c.number)):
        try:
            statement = SealStatement.model_validate_json(row.statement)
        except ValueError:
            raise LedgerError(f"seal {row.number} was changed: it cannot be read") from None
        if statement.number != row.number:
            raise LedgerError(f"seal {row.number} was changed: it says that it is another")
        found.append(Seal(statement=statement, signature=row.signature, key=row.key))
    return found


def _last_of_each_thread() -> Subquery:
    thread = records.c.thread
    return select(thread, func.max(records.c.seq).label("seq")).group_by(thread).subquery()


def _heads_query() -> Select[str, int, str]:
    last = _last_of_each_thread()
    is_last = and_(records.c.thread == last.c.thread, records.c.seq == last.c.seq)
    return select(records.c.thread, records.c.seq, records.c.hash).join(last, is_last)


def _last_seal_of_each_thread() -> Subquery:
    thread, number = sealed_heads.c.thread, sealed_heads.c.seal
    # A seal that is being made meanwhile is not looked at.
    known = select(thread, func.max(number).label("seal")).where(number <= bindparam("last"))
    return known.group_by(thread).subquery()


def _sealed_heads_query() -> Select[str, int, str]:
    last, table = _last_seal_of_each_thread(), sealed_heads.c
    is_last = and_(table.thread == last.c.thread, table.seal == last.c.seal)
    return select(table.thread, table.seq, table.hash).join(last, is_last)


def _sealed_records_query() -> Select[str, str]:
    sealed = _SEALED_HEADS.subquery()
    is_sealed = and_(records.c.thread == sealed.c.thread, records.c.seq == sealed.c.seq)
    return select(records.c.thread, records.c.hash).join(sealed, is_sealed)


_HEADS = _heads_query()
_SEALED_HEADS = _sealed_heads_query()
_SEALED_RECORDS = _sealed_records_query()
