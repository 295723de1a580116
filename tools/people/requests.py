"""Owns who asked: the person behind each message that came into a thread."""

import json
from collections.abc import Sequence
from functools import lru_cache

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from sqlalchemy import bindparam, select

from bailiwick.policies.canonical import Json, digest
from bailiwick.policies.principals import Principal
from bailiwick.tools.locations import UNTHREADED
from bailiwick.tools.people.askers import askers
from bailiwick.tools.people.withdrawals import WENT_ON, withdraw_all
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.statements import Statement, insert_once

REMEMBERED = 10_000
"""How many requests are kept in memory; they never change."""

TASK = "__handoff_task"
"""Key in `response_metadata` of the messages in which one agent tells another what to do.

Such a message ends what a supervisor sends to an agent, and is kept nowhere. Anywhere else the mark
says nothing: whoever may write into a thread can set it.
"""


class Requests:
    """Keep who drove the run in which a person's message was first seen.

    Whoever answers an approval drives the run that goes on from there, and is not the one who
    asked. So the requester is written down once, for thread, message id and content: with other
    content, or in another thread, it is another message.

    A new message from outside ends what waited in its thread: LangGraph drops the interrupts, and
    an approval given for what the conversation went past must not be found by going back.

    Args:
        ledger: The ledger whose database holds them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[tuple[str, str], str] = {}

    def requester(
        self, thread: str, key: str, principal: Principal, *, is_input: bool = False
    ) -> str:
        """Return who asked; it is `principal` if nobody has yet.

        Args:
            thread: The LangGraph thread.
            key: The message's key, as `request_key` gives it; empty where there is no message.
            principal: Who drives the current run.
            is_input: Whether the message came from outside, and not from one agent to another.

        Raises:
            LedgerError: If the database fails.
        """
        if not key or thread == UNTHREADED:
            return principal.id
        if (known := self._known.get((thread, key))) is None:
            known = self._write(thread, key, principal, is_input=is_input)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[thread, key] = known
        return known

    def first(self, thread: str) -> str | None:
        """Return who was the first to ask for anything in a thread, also in one deleted since.

        Raises:
            LedgerError: If the database fails, or a record of it cannot be read.
        """
        with self._ledger.reading() as connection:
            return next(iter(askers(connection, thread)), None)

    def is_known(self, thread: str, key: str) -> bool:
        """Tell whether `requester` would answer without the database."""
        return not key or (thread, key) in self._known

    def _write(self, thread: str, key: str, principal: Principal, *, is_input: bool) -> str:
        # The key comes by way of the graph: whoever may send it must not name another thread's.
        row = {"key": digest([thread, key]), "requester": principal.id}
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, thread)
            if not insert_once(connection, tables.requests, row):
                (known,) = _REQUESTER.all(connection, {"asked": row["key"]})
                return str(known["requester"])
            entry = Entry("request", {"requester": principal.id, "message": key})
            self._ledger.append(connection, thread, entry)
            if is_input:
                withdraw_all(self._ledger, connection, thread, WENT_ON)
        return principal.id


def request_key(messages: Sequence[BaseMessage]) -> str:
    """Return the key of what persons said last; empty where nothing was said.

    That is every message since an agent spoke before: whoever adds one asks for all of it. Where
    only others have said anything, all of it is one request: whoever answers must not become the
    one who asked.
    """
    said: list[tuple[str, str]] = []
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            content = json.dumps(message.content, sort_keys=True, default=str)
            said.append((message.id or "", content))
        elif said and isinstance(message, AIMessage):
            break
    if not said:
        return _key((("", ""),)) if messages else ""
    return _key(tuple(said))


def ends_in_task(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether the last message is marked as what one agent tells another to do."""
    return bool(messages) and TASK in messages[-1].response_metadata


# One message is asked about at every step of its thread.
@lru_cache(maxsize=128)
def _key(said: tuple[tuple[str, str], ...]) -> str:
    told: list[Json] = [part for each in said for part in each]
    return digest(told)


_REQUESTER = Statement(
    select(tables.requests.c.requester).where(tables.requests.c.key == bindparam("asked"))
)
