"""Owns the hash chain of the ledger: how a record is linked to the one before it, and the check."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from bailiwick.policies.canonical import Json, canonical
from bailiwick.policies.errors import LedgerError

_encode = json.JSONEncoder(ensure_ascii=False).encode

GENESIS = "0" * 64
"""The `previous` of a thread's first record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Hold one row of the ledger, as it is stored.

    Attributes:
        thread: The LangGraph thread whose chain the record belongs to.
        seq: Its place in that chain, from 1.
        at: When it was written by the database's clock: RFC 3339 in UTC, with microseconds.
        kind: What it records, such as `decision`.
        text: The body as canonical JSON (RFC 8785).
        previous: The hash of the record before it.
        hash: Its own hash, over `previous` and everything above.
    """

    thread: str
    seq: int
    at: str
    kind: str
    text: str
    previous: str
    hash: str

    @property
    def body(self) -> dict[str, Json]:
        """What the record says, as plain values."""
        return cast("dict[str, Json]", json.loads(self.text))

    def to_line(self) -> str:
        """Return the record as one line of canonical JSON, without a line end."""
        return (
            f'{{"at":{_quoted(self.at)},"body":{self.text},"hash":{_quoted(self.hash)},'
            f'"kind":{_quoted(self.kind)},"previous":{_quoted(self.previous)},'
            f'"seq":{self.seq:d},"thread":{_quoted(self.thread)}}}'
        )

    @classmethod
    def from_line(cls, line: str) -> "Record":
        """Read a record from a line of an export.

        Raises:
            LedgerError: If the line is not exactly what `to_line` writes.
        """
        try:
            fields = json.loads(line)
            text = canonical(fields.pop("body")).decode()
            record = cls(text=text, **fields)
            if record.to_line() == line:
                return record
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise LedgerError("a line of the export is not a record in canonical form: export it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Name the first place where a chain does not hold.

    Attributes:
        thread: The thread of that chain.
        seq: The place in it.
        what: `changed` (its content or hash was altered), `moved` (it does not follow the record
            before it: reordered or inserted) or `gap` (it is missing).
        sentence: The same for people.
    """

    thread: str
    seq: int
    what: Literal["changed", "moved", "gap"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Tell what verifying chains has found.

    Attributes:
        records: How many records were found sound, up to the first broken place.
        threads: How many threads were looked at.
        broken: The first broken place; `None` where everything holds.
    """

    records: int
    threads: int
    broken: Break | None = None

    @property
    def is_sound(self) -> bool:
        """Whether every record is in its place and as it was written."""
        return self.broken is None


def link(  # noqa: PLR0913 - these are the fields of a record
    previous: str, *, thread: str, seq: int, at: str, kind: str, text: str
) -> str:
    """Return the hash of a record, as 64 hex digits.

    It is SHA-256 over a zero byte, the previous record's hash (32 bytes) and the canonical JSON
    (RFC 8785) of the other fields, `text` standing there as `body`. The zero byte keeps these
    hashes apart from any other over the same bytes, as in RFC 9162, section 2.1.1.
    """
    entry = (
        f'{{"at":{_quoted(at)},"body":{text},"kind":{_quoted(kind)},"seq":{seq:d},'
        f'"thread":{_quoted(thread)}}}'
    )
    # Text that somebody has overwritten may hold bytes that are none; a new record has no such.
    encoded = entry.encode("utf-8", "surrogateescape")
    return hashlib.sha256(b"\x00" + bytes.fromhex(previous) + encoded).hexdigest()


def _quoted(text: str) -> str:
    """Return the canonical JSON of a text; what Python's own encoder writes in C is just that."""
    return _encode(text)


def verify(records: Iterable[Record]) -> Verification:
    """Check records that come thread by thread, each thread in its order.

    Finds every changed, reordered or inserted record and every gap. Records cut off a chain's end,
    whole threads cut out, and a chain rewritten from some place to its end leave no trace in the
    chain: that takes a signature kept elsewhere.
    """
    sound = 0
    lengths: dict[str, int] = {}
    thread: str | None = None
    last, seq = GENESIS, 0
    for record in records:
        if record.thread != thread:
            # Of a thread that comes again, nothing follows where it left off.
            thread, last, seq = record.thread, GENESIS, lengths.setdefault(record.thread, 0)
        if (broken := _broken(record, last, seq + 1)) is not None:
            return Verification(records=sound, threads=len(lengths), broken=broken)
        last, seq = record.hash, record.seq
        lengths[record.thread] = seq
        sound += 1
    return Verification(records=sound, threads=len(lengths))


def _broken(record: Record, last: str, due: int) -> Break | None:
    what = _flaw(record, last, due)
    if what is None:
        return None
    sentences = {
        "changed": f"record {due} of thread {record.thread!r} was changed after it was written",
        "moved": f"record {due} of thread {record.thread!r} does not follow the one before it: "
        "a record was reordered or inserted here",
        "gap": f"record {due} of thread {record.thread!r} is missing",
    }
    return Break(thread=record.thread, seq=due, what=what, sentence=sentences[what])


def _flaw(record: Record, last: str, due: int) -> Literal["changed", "moved", "gap"] | None:
    # SQLite keeps whatever type was written into a column: a cast, as a number may be none.
    seq = record.seq
    if not isinstance(cast("object", seq), int):
        return "changed"
    if seq != due:
        return "gap" if seq > due else "moved"
    follows = record.previous == last
    matches = record.hash == _hash(record, last)
    if follows and matches:
        return None
    return "changed" if follows or matches else "moved"


def _hash(record: Record, last: str) -> str | None:
    try:
        return link(
            last,
            thread=record.thread,
            seq=record.seq,
            at=record.at,
            kind=record.kind,
            text=record.text,
        )
    except (ValueError, TypeError, AttributeError):
        # What cannot be hashed was never written by the ledger.
        return None
