"""Owns what befalls Vault in the stories: each way in which no credential can be had."""

import secrets
import socket
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass

from tests.stories.ground import Ground

from bailiwick.tools.devvault import Fault
from bailiwick.tools.provision import VaultOperator

REFUND_SECRET = "secret/data/payments/refund"
STEPS = {
    "login": "auth/approle/login",
    "mint": "auth/token/create/bailiwick-issue_refund",
    "read": REFUND_SECRET,
}
"""The requests that lease the refund's credential, in their order."""

TTL = 60
"""Seconds that the refund's credential is leased for."""

Strike = Callable[[Ground], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Describe one way in which Vault gives nothing.

    Attributes:
        strike: Makes it so while its context lasts.
        remedy: What the operator's log says to do.
        patience: Seconds that the desk waits for an answer.
        leaves_a_child: Whether Vault has made the token whose answer never came.
    """

    strike: Strike
    remedy: str
    patience: float = 5.0
    leaves_a_child: bool = False


@contextmanager
def sealed(ground: Ground) -> Generator[None]:
    """Seal Vault."""
    ground.vault.seal()
    try:
        yield
    finally:
        ground.vault.unseal()


@contextmanager
def stopped(ground: Ground) -> Generator[None]:
    """Stop Vault: nothing listens at its address."""
    ground.vault.stop()
    try:
        yield
    finally:
        ground.vault.start()


@contextmanager
def without_the_secret(ground: Ground) -> Generator[None]:
    """Take the refund's key out of Vault, with everything that says it was ever there."""
    with operator(ground) as root:
        held = root.read(REFUND_SECRET)
        assert held is not None
        versions = held["data"]
        assert isinstance(versions, dict)
        root.delete("secret/metadata/payments/refund")
        try:
            yield
        finally:
            root.write(REFUND_SECRET, data=versions["data"])


def struck(step: str, *, status: int = 0, delay: float = 0, loses: str = "") -> Strike:
    """Return what strikes one step of a lease."""

    @contextmanager
    def strike(ground: Ground) -> Generator[None]:
        match loses:
            case "request" | "answer":
                fault = Fault(path=STEPS[step], times=1, delay=delay, loses=loses)
            case _:
                fault = Fault(path=STEPS[step], times=1, status=status, delay=delay)
        ground.vault.faults.add(fault)
        try:
            yield
        finally:
            ground.vault.faults.clear()

    return strike


@contextmanager
def operator(ground: Ground) -> Generator[VaultOperator]:
    """Give an operator's connection, which may do everything."""
    with closing(VaultOperator(ground.vault.address, ground.vault.root_token)) as root:
        yield root


def quiet_port() -> int:
    """Return a free port that no outgoing connection takes while nothing listens there."""
    while True:
        # Below the ports that systems give to connections.
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


_STATUSES = {
    500: "answered 500 when asked to {to}: see its log",
    429: "limits requests: wait, or raise its quota",
}
_TO = {"login": "log in", "mint": "make a child token", "read": "read a secret"}
_FORBIDDEN = {
    "login": "its AppRole is locked out or bound to another address",
    "mint": "allow `update` on auth/token/create/bailiwick-issue_refund",
    "read": f"may not read '{REFUND_SECRET}': allow `read` on it",
}
_UNANSWERED = "does not answer: start it with `bailiwick vault dev` or set VAULT_ADDR"

OUTAGES: dict[str, Outage] = {
    "sealed": Outage(strike=sealed, remedy="is sealed or not active: unseal it"),
    "down": Outage(strike=stopped, remedy=_UNANSWERED),
    "without the secret": Outage(
        strike=without_the_secret, remedy="write it with `vault kv put -mount=secret payments/re"
    ),
    "without the token role": Outage(
        strike=struck("mint", status=400), remedy="provision the tool again"
    ),
    **{
        f"slow to {step}": Outage(
            strike=struck(step, delay=2.0),
            remedy=f"took too long to {to}: look at its load, or give it more than",
            patience=1.0,
            leaves_a_child=step == "mint",
        )
        for step, to in _TO.items()
    },
    **{
        f"{status} to the {step}": Outage(
            strike=struck(step, status=status), remedy=sentence.format(to=_TO[step])
        )
        for status, sentence in _STATUSES.items()
        for step in STEPS
    },
    **{
        f"403 to the {step}": Outage(strike=struck(step, status=403), remedy=remedy)
        for step, remedy in _FORBIDDEN.items()
    },
    **{
        f"{lost} to the {step} lost": Outage(
            strike=struck(step, loses=lost),
            remedy=_UNANSWERED,
            leaves_a_child=(lost, step) == ("answer", "mint"),
        )
        for lost in ("request", "answer")
        for step in STEPS
    },
}
"""Everything that can befall Vault while a credential is leased, by its name."""
