"""Measures what leasing costs over the bare round trips to the same development Vault.

Bare is one `requests.Session` that makes a child token, reads the secret with it and revokes it.
The Vault runs in a process of its own. What ends a lease comes behind the answer, so the share on
the way of a call is measured apart: making and reading, against making and reading. A child that
was made ahead is read with alone, against one of one use that is made and read with.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Self

import requests
from tests.benchmarks.measuring import BLOCK, Timing, measure

from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

SCOPE = Scope(path="payments/refund")
ONCE = replace(SCOPE, uses=1)
TARGET = 1.2
ROUNDS = 60
_SERVER = """
import sys
from bailiwick.tools.devvault import DevelopmentVault
with DevelopmentVault() as vault:
    print(vault.address, vault.root_token, flush=True)
    sys.stdin.read()
"""


def run() -> None:
    """Print both ways' times and their ratio."""
    print("## Leases: ours over the bare round trips\n")
    print("| | bare | ours | ratio |")
    print("|---|---|---|---|")
    with _server() as (address, token):
        approles = _set_up(address, token)
        with Vault(address, logins=approles) as vault, Bare(address, approles) as bare:
            whole = measure(
                {"bare": lambda _: bare.lease(end=True), "ours": lambda _: _lease(vault)},
                rounds=ROUNDS,
            )
            held: list[Lease] = []
            before = measure(
                {
                    "bare": lambda _: bare.lease(end=False),
                    "ours": lambda _: held.append(_leased(vault)),
                },
                rounds=ROUNDS,
            )
            ahead = _ahead(vault)
    for name, timings in (("make, read", before), ("make, read, revoke", whole)):
        print(_row(name, timings))
    print(f"\nTarget: at most {TARGET}.\n")
    print("| before a tool | its own child | one made ahead | ratio |")
    print("|---|---|---|---|")
    print(_row("of one use", ahead))


class Bare:
    """Make the same requests with nothing around them."""

    def __init__(self, address: str, approles: Mapping[str, AppRole]) -> None:
        self._url = f"{address}/v1"
        self._session = requests.Session()
        self._session.trust_env = False
        login = approles["billing"]
        body = {"role_id": login.role_id, "secret_id": login.secret_id}
        answer = self._session.post(f"{self._url}/auth/approle/login", json=body, timeout=5)
        self._headers = {"X-Vault-Token": answer.json()["auth"]["client_token"]}

    def lease(self, *, end: bool) -> None:
        """Make a child, read the secret, and revoke the child."""
        made = self._session.post(
            f"{self._url}/auth/token/create/bailiwick-issue_refund",
            json={"ttl": "60s", "renewable": False, "meta": {"agent": "billing"}},
            headers=self._headers,
            timeout=5,
        ).json()
        own = {"X-Vault-Token": made["auth"]["client_token"]}
        read = f"{self._url}/secret/data/payments/refund"
        assert self._session.get(read, headers=own, timeout=5).json()["data"]["data"]["key"]
        if end:
            self._session.post(f"{self._url}/auth/token/revoke-self", headers=own, timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()


def _ahead(vault: Vault) -> dict[str, Timing]:
    children = deque(
        vault.make_ahead(ONCE, agent="billing", tool="issue_refund", meta={})
        for _ in range((ROUNDS + 1) * BLOCK)
    )
    return measure(
        {
            "its own": lambda _: vault.lease(ONCE, agent="billing", tool="issue_refund", meta={}),
            "ahead": lambda _: vault.open(children.popleft(), ONCE),
        },
        rounds=ROUNDS,
    )


def _leased(vault: Vault) -> Lease:
    return vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})


def _lease(vault: Vault) -> None:
    vault.revoke(_leased(vault))


def _set_up(address: str, token: str) -> Mapping[str, AppRole]:
    with closing(VaultOperator(address, token)) as operator:
        write_secret(operator, SCOPE, {"key": "k-51c0ffee"})
        tools = [ToolScope(tool="issue_refund", scope=SCOPE)]
        return provision(operator, agents={"billing": tools})


@contextmanager
def _server() -> Generator[tuple[str, str]]:
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        address, token = server.stdout.readline().split()
        yield address, token
        server.stdin.close()


def _row(name: str, timings: Mapping[str, Timing]) -> str:
    bare, ours = timings.values()
    return (
        f"| {name} | {bare.milliseconds:.2f} ms | {ours.milliseconds:.2f} ms | {ours.ratio:.2f} |"
    )
