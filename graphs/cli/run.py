"""Owns `bailiwick run`: a request from the terminal, and the answers to what it asks."""

import getpass
import json
from uuid import uuid4

from langgraph.types import Interrupt
from pydantic import ValidationError
from rich.console import Console
from rich.prompt import Prompt

from bailiwick.graphs.checkpoints import open_checkpointer
from bailiwick.graphs.cli.narration import Narration
from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.principals import Principal

Answer = dict[str, object]


def run_request(request: str | None, thread: str | None) -> None:
    """Run a request to its end, asking at the keyboard for each approval.

    Raises:
        BailiwickError: If something the refund desk needs cannot be used.
    """
    settings = read_settings()
    console = Console()
    with (
        open_refund_desk(settings) as desk,
        open_checkpointer(settings.checkpoints) as checkpointer,
    ):
        narration = Narration(console)
        app = desk.graph.compile(checkpointer=checkpointer)
        session = Session(app, thread or f"run-{uuid4().hex[:8]}", narration.tell)
        console.print(f"[dim]{desk.model}\nthread {session.thread}[/]")
        if thread is None or not session.waiting():
            text = request or Prompt.ask("What can the refund desk do for you?", console=console)
            session.request(text, _requester(settings))
        _answer_all(session, narration, _approver(settings))
        console.print(f"\n[bold]{session.last()}[/]" if not session.waiting() else _resume(session))


def _answer_all(session: Session, narration: Narration, approver: Principal) -> None:
    console = narration.console
    while waiting := session.waiting():
        interrupt = waiting[0]
        narration.ask(interrupt.value)
        console.print(f"[dim]You answer as {approver.id} ({', '.join(sorted(approver.roles))}).[/]")
        answer = _read_answer(console, interrupt)
        if answer is None:
            return
        try:
            session.answer(interrupt, answer, approver)
        except ValidationError as error:
            console.print(f"[red]Not taken:[/] {error.errors()[0]['msg']}")


def _read_answer(console: Console, interrupt: Interrupt) -> Answer | None:
    kind = Prompt.ask(
        "approve, edit, reject, respond, or leave it for later?",
        choices=["approve", "edit", "reject", "respond", "later"],
        console=console,
    )
    answer: Answer = {"type": kind, "action_digest": interrupt.value["action_digest"]}
    match kind:
        case "approve":
            return answer
        case "edit":
            args = _edit(console, interrupt.value["args"])
            action = {"name": interrupt.value["name"], "args": args}
            return {**answer, "edited_action": action}
        case "reject":
            return {**answer, "message": Prompt.ask("Why?", default="", console=console)}
        case "respond":
            return {**answer, "message": Prompt.ask("Answer in the tool's place", console=console)}
        case _:
            return None


def _edit(console: Console, args: dict[str, object]) -> dict[str, object]:
    return {name: _value(console, name, value) for name, value in args.items()}


def _value(console: Console, name: str, value: object) -> object:
    if isinstance(value, str):
        return Prompt.ask(name, default=value, console=console)
    while True:
        try:
            return json.loads(Prompt.ask(name, default=json.dumps(value), console=console))
        except ValueError as error:
            console.print(f"[red]That is no JSON:[/] {error}")


def _requester(settings: Settings) -> Principal:
    # One person at one terminal would be requester and approver at once. In development the
    # request therefore counts as the customer's; in production people are who they are.
    if settings.env == "development":
        return Principal(id="customer")
    return Principal(id=getpass.getuser())


def _approver(settings: Settings) -> Principal:
    return Principal(id=getpass.getuser(), roles=settings.approver_roles)


def _resume(session: Session) -> str:
    return f"It waits. Go on with: bailiwick run --thread {session.thread}"
