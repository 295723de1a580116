"""Owns `bailiwick run`: a request from the terminal, and the answers to what it asks."""

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.cli.run.answers import read_answer
from bailiwick.graphs.cli.run.carrying import Carrier
from bailiwick.graphs.cli.run.standing import go_on_with, hindrance, unknown_outcomes
from bailiwick.graphs.cli.terminal.console import OvertakenError, line_of, quoted, terminal, visible
from bailiwick.graphs.cli.terminal.narration import Narration
from bailiwick.graphs.cli.terminal.person import approver, requester
from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import BailiwickError
from bailiwick.policies.principals import Principal
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.deliveries import PROPOSALS, SERVER

EXAMPLE = 'bailiwick run "Please refund order A-1001"'


def run_request(request: str | None, thread: str | None) -> None:
    """Run a request to its end, asking at the keyboard for each approval.

    Args:
        request: What is wanted; asked for where a thread does not say what to do.
        thread: The thread to go on with.

    Raises:
        BailiwickError: If something the refund desk needs cannot be used, or the thread is not
            there or not ready for a request.
    """
    for given in (request, thread):
        _check_text(given)
    settings = read_settings()
    console = terminal()
    with (
        open_refund_desk(settings) as desk,
        open_checkpointer(settings.checkpoints, desk.sealing) as checkpointer,
    ):
        narration = Narration(console)
        part = desk.proposals if desk.proposals.holds(thread) else desk
        app = part.graph.compile(checkpointer=checkpointer)
        session = Session(app, thread or f"run-{uuid4().hex[:8]}", narration.tell)
        if thread is not None:
            _check_thread(session, request, part)
        console.print(quoted(desk.model, "dim"))
        _introduce(console, settings, session)
        text = request
        if text is None and part is desk:
            text = _wanted(session, console)
        with _kept(session, narration):
            carrier = Carrier(session, part.guard, narration)
            _start(carrier, text, requester(settings))
            is_answered = _answer_all(carrier, approver(settings))
        console.print(_farewell(session, part.guard, is_answered=is_answered))


def _check_text(text: str | None) -> None:
    if text is None:
        return
    if not text.strip():
        raise BailiwickError(f"an empty text says nothing: write, for example, {EXAMPLE}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BailiwickError("what was typed is no UTF-8: check the terminal's encoding") from None


def _check_thread(session: Session, request: str | None, part: RefundDesk | ProposalDesk) -> None:
    places = {each.request.place for each in part.guard.approvals.list(thread=session.thread)}
    if session.is_foreign() or any(map(_is_foreign, places)):
        raise BailiwickError(
            f"thread {session.thread!r} is another graph's: go on with it in the program that "
            "holds it, or leave --thread out for a new one"
        )
    if not session.exists():
        if SERVER in places:
            raise BailiwickError(
                f"LangGraph Server keeps thread {session.thread!r}: answer with `bailiwick "
                "approvals`, and it goes on there"
            )
        raise BailiwickError(
            f"there is no thread {session.thread!r} to go on with: leave --thread out for a new "
            "one; `bailiwick audit show` lists those there are"
        )
    if request is None:
        return
    if isinstance(part, ProposalDesk):
        raise BailiwickError(
            f"thread {session.thread!r} does what was proposed and takes no request: leave "
            "--thread out for a new one"
        )
    if why := hindrance(session, part.guard):
        raise BailiwickError(why)


def _is_foreign(place: str) -> bool:
    return place not in {"", SERVER} and not place.startswith(PROPOSALS)


def _introduce(console: Console, settings: Settings, session: Session) -> None:
    asks, answers = requester(settings), approver(settings)
    roles = " and ".join(sorted(answers.roles)) or "nobody with a role: see BAILIWICK_ROLES"
    console.print(
        quoted(f"You ask as {asks.id!r} and answer as {answers.id!r}, {roles}.", "dim"),
        quoted(f"Thread {session.thread}", "dim"),
        "",
        sep="\n",
    )


def _wanted(session: Session, console: Console) -> str | None:
    """Ask for a request where the thread does not say what is to be done."""
    if session.waiting() or session.is_broken_off():
        return None
    try:
        text = line_of(console, "What can the refund desk do for you? ")
    except EOFError:
        console.print()
        raise BailiwickError(f"no request was given: write, for example, {EXAMPLE}") from None
    _check_text(text)
    return text


def _start(carrier: Carrier, request: str | None, principal: Principal) -> None:
    if request is not None:
        carrier.request(request, principal)
        return
    carrier.deliver()
    if carrier.session.is_broken_off():
        carrier.go_on(principal)


def _answer_all(carrier: Carrier, principal: Principal) -> bool:
    narration = carrier.narration
    while interrupt := carrier.next_question():
        narration.ask(interrupt.value)
        still = partial(carrier.seems_open, interrupt)
        try:
            answer = read_answer(narration.console, interrupt, still)
        except OvertakenError:
            narration.console.print()
            carrier.leave(interrupt)
            continue
        if answer is None:
            return False
        try:
            carrier.answer(interrupt, answer, principal)
        except ValidationError as error:
            narration.refuse(error)
    return True


@contextmanager
def _kept(session: Session, narration: Narration) -> Generator[None]:
    """Say how to go on with the thread, whatever breaks the run off."""
    try:
        yield
    except BaseException:
        if narration.has_told or _exists(session):
            console = terminal(stderr=True)
            console.print(f"\nThe thread is kept; go on with: {go_on_with(session)}", markup=False)
        raise


def _exists(session: Session) -> bool:
    try:
        return session.exists()
    except Exception:  # noqa: BLE001 - what is wrong with the checkpoints is being told already
        return False


def _farewell(session: Session, guard: Guard, *, is_answered: bool) -> Text:
    if not is_answered:
        return Text(f"\nIt waits. Go on with: {go_on_with(session)}")
    thread = visible(shlex.quote(session.thread))
    said = Text("\n")
    for each in unknown_outcomes(session, guard):
        said.append(f"{visible(each)}\n", "yellow")
    return said.append(f"What happened: bailiwick audit show --thread {thread}", "dim")
