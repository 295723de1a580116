"""Owns what can go wrong between an agent and Vault, and the search for what errors let out."""

import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from tests.tools.vault.leasing import LOGIN, SECRET

from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.vault.methods import AppRole

MINT = "auth/token/create/*"
READ, REVOKE = "secret/data/*", "auth/token/revoke-self"
TOKEN = re.compile(r"hvs\.\w+")


def everything_in(error: BaseException) -> str:
    """Return all that an error, its causes and the locals of its frames would print."""
    texts: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        if (found := todo.pop()) is not None:
            shown = traceback.TracebackException.from_exception(found, capture_locals=True)
            texts += [repr(found), repr(found.args), repr(vars(found)), *shown.format()]
            todo += [found.__context__, found.__cause__]
    return "\n".join(texts)


def leaks(error: BaseException, approles: Mapping[str, AppRole]) -> list[str]:
    """Return the secrets that an error would print: tokens, secret ids, secrets."""
    text = everything_in(error)
    known = [SECRET, *(approle.secret_id for approle in approles.values())]
    return [secret for secret in known if secret in text] + TOKEN.findall(text)


def stop(devvault: DevelopmentVault) -> None:
    """Take Vault down."""
    devvault.stop()


def seal(devvault: DevelopmentVault) -> None:
    """Seal Vault."""
    devvault.seal()


def strike(**fault: Any) -> Callable[[DevelopmentVault], None]:  # noqa: ANN401 - a fault's fields
    """Return what makes the next matching request go wrong."""
    return lambda devvault: devvault.faults.add(Fault(**fault))


ANSWERS: dict[str, tuple[dict[str, object], str]] = {
    "500": ({"status": 500}, "answered 500 when asked to"),
    "502": ({"status": 502, "body": b"<html>"}, "answered 502 when asked to"),
    "429": ({"status": 429}, "limits requests: wait"),
    "501": ({"status": 501}, "is not initialised: run `vault operator init`"),
    "503": ({"status": 503}, "unseal it"),
    "nonsense": ({"status": 200, "body": b"<html>"}, "check VAULT_ADDR"),
    "without end": ({"status": 200, "body": b'{"auth":' * 100_000}, "check VAULT_ADDR"),
    "half": ({"status": 200, "body": b'{"auth": {}}'}, "check VAULT_ADDR"),
    "slow": ({"status": 500, "delay": 1.5}, "took too long to"),
    "lost": ({"loses": "request"}, "does not answer"),
}
FAULTS = {
    "down": (stop, "start it with `bailiwick vault dev` or set VAULT_ADDR"),
    "sealed": (seal, "is sealed or not active: unseal it"),
    "lost login": (strike(path=LOGIN, loses="answer"), "does not answer"),
    "lost secret": (strike(path=READ, loses="answer"), "does not answer"),
    **{
        f"{name} at {where}": (strike(path=where, **fault), remedy)
        for where in (LOGIN, MINT, READ)
        for name, (fault, remedy) in ANSWERS.items()
    },
}
