"""Children made ahead: each serves one call or none, and none outlives what it was made on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.tools.governed import CLERK
from tests.waiting import wait_for

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope, VaultOperator, set_up
from bailiwick.tools.provision.services import REVOCATIONS
from bailiwick.tools.provision.setup import write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets import revocation_rows
from bailiwick.tools.secrets.call_leases import CallLeases
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.secrets.lease_history import HeldLease, lease_history
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.secrets.pools import LOOK, Pools
from bailiwick.tools.secrets.revocations import Revocations
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

SECRET = "k-51c0ffee"
READ = "secret/data/shop/orders"
MINT = "auth/token/create/bailiwick-look_up_order"
SCOPE = Scope(path="shop/orders", uses=1, ahead=2)
CALL = ToolCall(
    id="call-1",
    thread="t",
    namespace="#message-1",
    requester=CLERK.id,
    agent="orders",
    tool=ToolUse(name="look_up_order", version="1", effect="read"),
    args={},
)


class Process:
    """Be a process that leases: its connection, its pools, its clock and its policy."""

    def __init__(self, address: str, approles: Mapping[str, AppRole], ledger: Ledger) -> None:
        self.now = 1000.0
        self.policy = "1"
        self.ledger = ledger
        self.vault = Vault(address, approles=approles, timeout=(0.5, 0.5), clock=lambda: self.now)
        self.revocations = Revocations(ledger, self.vault)
        pools = Pools(self.vault, self.revocations, lambda: self.policy, clock=lambda: self.now)
        self.leases = CallLeases(ledger, self.vault, self.revocations, pools=pools)

    def call(
        self, call: ToolCall = CALL, scope: Scope = SCOPE, approvers: tuple[str, ...] = ()
    ) -> Lease:
        """Lease for a call, as long as it lasts, and give the lease back."""
        lease = self.leases.take(call, scope, approvers=approvers, policy_version=self.policy)
        assert lease.credential.reveal() == SECRET
        self.leases.give_back(lease)
        return lease


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a ledger."""
    with closing(Ledger(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def approles(devvault: DevelopmentVault) -> Mapping[str, AppRole]:
    """Set Vault up for one agent with one tool, and for the sweeper."""
    agent = AgentIdentity(name="orders", tools=(ToolScope(tool="look_up_order", scope=SCOPE),))
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, SCOPE, {"key": SECRET})
        return set_up(operator, Registry(agents=(agent,), services=(REVOCATIONS,)))


@pytest.fixture
def process(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], ledger: Ledger
) -> Iterator[Process]:
    """Give a process."""
    opened = Process(devvault.address, approles, ledger)
    yield opened
    opened.vault.close()


@pytest.fixture
def ready(process: Process, devvault: DevelopmentVault) -> Sequence[str]:
    """Have a call made, and wait until two children wait; give their handles."""
    process.call()
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    return waiting(process, devvault)


def waiting(process: Process, devvault: DevelopmentVault) -> list[str]:
    """Return the handles of the children that are alive, recorded, and had by no call."""
    alive = {token.accessor for token in devvault.live_tokens() if token.role}
    return [
        str(record.body["accessor"])
        for record in process.ledger.records(kind="lease.ready")
        if record.body["accessor"] in alive
    ]


def asked(devvault: DevelopmentVault, since: int = 0) -> list[str]:
    """Return what Vault was asked for from some request on."""
    return [each.path for each in devvault.requests[since:]]


def ends(process: Process) -> list[object]:
    """Return how leases ended."""
    return [record.body["end"] for record in process.ledger.records(kind="lease.revoked")]


def test_none_is_made_where_none_is_declared(process: Process, devvault: DevelopmentVault) -> None:
    """Off is the default: a call asks for its own child and no other is made."""
    for _ in range(2):
        process.call(scope=replace(SCOPE, ahead=0))

    assert Scope(path="shop/orders").ahead == 0
    assert asked(devvault).count(MINT) == 2
    assert list(process.ledger.records(kind="lease.ready")) == []


def test_none_is_made_before_a_call_has_come(process: Process, devvault: DevelopmentVault) -> None:
    """The first call leases for itself, and shows that children are needed."""
    begun = len(devvault.requests)
    first = process.call()

    assert not first.is_ahead
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    assert asked(devvault, begun).count(MINT) == 1 + SCOPE.ahead
    assert asked(devvault, begun).count(READ) == 1


def test_a_call_with_a_child_that_waits_makes_one_round_trip(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """It reads its secret; the child that takes the other's place is made behind its back."""
    devvault.faults.add(Fault(path=MINT, delay=0.2))
    begun = len(devvault.requests)
    lease = process.call()

    assert asked(devvault, begun) == [READ]
    assert lease.accessor == ready[0]
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    assert asked(devvault, begun) == [READ, MINT]


def test_no_more_wait_than_the_scope_says(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """However many calls there were."""
    assert len(ready) == SCOPE.ahead
    for _ in range(5):
        process.call()

    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    process.call()
    time.sleep(0.1)
    assert len(waiting(process, devvault)) <= SCOPE.ahead


def test_the_call_is_joined_to_its_child_in_the_ledger(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """By handle and by both requests: Vault's audit knows the agent and the tool alone."""
    (token,) = devvault.live_tokens(accessor=ready[0])
    process.call(replace(CALL, id="call-2"))

    assert token.meta["made"] == "ahead"
    assert token.meta["agent"] == "orders"
    assert token.meta["policy_version"] == "1"
    assert not {"thread", "requester", "tool_call_id"} & set(token.meta)
    made = next(process.ledger.records(kind="lease.ready")).body
    body = list(process.ledger.records("t", "lease.granted"))[-1].body
    assert (body["accessor"], body["tool_call_id"], body["ahead"]) == (ready[0], "call-2", True)
    known, joined = made["request_ids"], body["request_ids"]
    assert isinstance(known, list)
    assert isinstance(joined, list)
    assert joined[:1] == known
    assert len(joined) == 2
    assert ends(process)[-1] == "spent"


def test_a_call_is_told_what_time_its_child_has_left(
    process: Process, ready: Sequence[str]
) -> None:
    """Asked for were sixty seconds, of which some have passed."""
    process.now += 20
    lease = process.call()

    assert lease.accessor in ready
    assert (lease.ttl_asked, lease.ttl) == (60, 40)


def test_sixty_four_calls_at_once_have_a_child_each(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Some of them one that waited; when all has ended, nothing is alive or still to end."""
    many = replace(SCOPE, ahead=16)
    process.call(scope=many)
    wait_for(lambda: len(set(waiting(process, devvault)) - set(ready)) == many.ahead)
    with ThreadPoolExecutor(64) as pool:
        calls = [replace(CALL, id=f"call-{number}") for number in range(64)]
        leases = list(pool.map(partial(process.call, scope=many), calls))

    assert len({lease.accessor for lease in leases}) == 64
    assert sum(lease.is_ahead for lease in leases) >= many.ahead
    assert not {lease.accessor for lease in leases} & set(ready)
    process.vault.close()
    assert not any(token.role for token in devvault.live_tokens())
    with process.ledger.reading() as connection:
        assert revocation_rows.standing(connection) == []


def change_policy(process: Process, _: DevelopmentVault) -> None:
    """Have another version of the policy decide; no call comes."""
    process.policy = "2"


def change_tool(process: Process, _: DevelopmentVault) -> None:
    """Have the tool called in another version."""
    process.call(replace(CALL, tool=replace(CALL.tool, version="2")))


def change_scope(process: Process, _: DevelopmentVault) -> None:
    """Have the tool declare another time."""
    process.call(scope=replace(SCOPE, ttl=50))


def approve(process: Process, _: DevelopmentVault) -> None:
    """Have a call of the tool come that a person had to approve."""
    process.call(approvers=("manager",))


def let_age(process: Process, _: DevelopmentVault) -> None:
    """Let half of their time pass; no call comes."""
    process.now += 30


def log_in_anew(process: Process, devvault: DevelopmentVault) -> None:
    """Have the agent's login refused once, so that it logs in again; the old one lives on."""
    devvault.faults.add(Fault(path="auth/token/lookup-self", status=403))
    devvault.faults.add(Fault(path=MINT, status=403))
    process.call(scope=replace(SCOPE, ahead=0))


def refuse(process: Process, devvault: DevelopmentVault) -> None:
    """Have Vault refuse a child of them."""
    devvault.faults.add(Fault(path=READ, status=403))
    assert not process.call().is_ahead


def close(process: Process, _: DevelopmentVault) -> None:
    """Close the connection."""
    process.vault.close()


@pytest.mark.parametrize(
    "what",
    [
        change_policy,
        change_tool,
        change_scope,
        approve,
        let_age,
        log_in_anew,
        refuse,
        close,
    ],
)
def test_children_end_with_what_they_were_made_on(
    process: Process,
    devvault: DevelopmentVault,
    ready: Sequence[str],
    what: Callable[[Process, DevelopmentVault], None],
) -> None:
    """At Vault, as every lease, and nobody has them any more."""
    what(process, devvault)

    wait_for(lambda: not set(waiting(process, devvault)) & set(ready))
    granted = process.ledger.records("t", "lease.granted")
    assert not [record for record in granted if record.body["accessor"] in ready]
    told = [record.body for record in process.ledger.records(kind="lease.revoked")]
    wait_for(lambda: ends(process).count("revoked") >= SCOPE.ahead)
    assert not [body for body in told if body["failure"]]


def test_a_call_that_was_approved_has_a_child_that_says_so(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Who approved it stands in Vault's audit, and it was made after that."""
    devvault.faults.add(Fault(path=READ, delay=0.2))
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(process.call, approvers=("manager",))
        wait_for(lambda: "manager" in [t.meta.get("approver") for t in devvault.live_tokens()])
        assert called.result().accessor not in ready


def test_a_disabled_agent_gets_nothing_by_a_child_that_waits(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Vault refuses the child and the agent; what waited is ended."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        operator.write("identity/entity/name/bailiwick-orders", disabled=True)
        with pytest.raises(VaultError):
            process.call()
        operator.write("identity/entity/name/bailiwick-orders", disabled=False)

    wait_for(lambda: not waiting(process, devvault))
    assert not process.call().is_ahead
    assert ready


def test_a_read_that_fails_is_not_tried_with_another(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """The call gets no credential, and what waited is ended."""
    devvault.faults.add(Fault(path=READ, status=500))
    begun = len(devvault.requests)
    with pytest.raises(VaultError, match="answered 500"):
        process.call()

    assert asked(devvault, begun).count(READ) == 1
    wait_for(lambda: not set(waiting(process, devvault)) & set(ready))


def test_nothing_is_made_while_vault_is_down(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """A child that cannot be had is not asked for again until a call has got its credential."""
    devvault.faults.add(Fault(path=MINT, status=503, times=9))
    begun = len(devvault.requests)

    def has_tried(times: int) -> bool:
        return asked(devvault, begun).count(MINT) == times

    for times in range(1, len(ready) + 1):
        assert process.call().is_ahead
        wait_for(partial(has_tried, times))
    with pytest.raises(VaultError, match="is sealed or not active"):
        process.call()

    time.sleep(1.2 * LOOK)
    assert has_tried(len(ready) + 1)


def test_a_child_that_cannot_be_recorded_is_ended(
    process: Process, devvault: DevelopmentVault
) -> None:
    """None waits that the ledger does not tell of."""
    devvault.faults.add(Fault(path=MINT, delay=0))
    devvault.faults.add(Fault(path=MINT, delay=0.3))
    process.call()
    with process.ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE revocations RENAME TO away"))
    wait_for(lambda: asked(devvault).count(MINT) == 2)
    wait_for(lambda: not any(token.role for token in devvault.live_tokens()))
    with process.ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO revocations"))

    assert list(process.ledger.records(kind="lease.ready")) == []


def test_a_child_that_no_call_had_is_told_of(process: Process, ready: Sequence[str]) -> None:
    """It could have opened the secret: whose it was, since when, and how it ended."""

    def unused() -> list[HeldLease]:
        return [each for each in lease_history(process.ledger) if not each.calls]

    assert {each.accessor for each in unused()} == set(ready)
    assert {(each.agent, each.tool, each.end, each.ahead) for each in unused()} == {
        ("orders", "look_up_order", "alive", True)
    }
    taken = process.call()
    assert taken.accessor not in {each.accessor for each in unused()}
    (held,) = [e for e in lease_history(process.ledger, "t") if e.accessor == taken.accessor]
    assert (held.calls, held.ahead, held.end) == (1, True, "spent")
    process.vault.close()
    assert {each.end for each in unused()} == {"revoked"}
    assert all(process.ledger.verify(thread).is_sound for thread in process.ledger.threads())


_WORKER = """
import json, os, signal, sys, time
from contextlib import suppress
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault.methods import AppRole
from tests.tools.secrets.test_pools import Process, SCOPE
given = json.load(sys.stdin)
approles = {name: AppRole(**login) for name, login in given["approles"].items()}
process = Process(given["address"], approles, Ledger(given["ledger"]))
process.call()
while len(list(process.ledger.records(kind="lease.ready"))) < SCOPE.ahead:
    time.sleep(0.02)
print("ready", flush=True)
if given["dies"]:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def work(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], url: str, *, dies: bool
) -> None:
    """Have another process make children ahead, and end without closing anything."""
    given = {
        "address": devvault.address,
        "ledger": url,
        "dies": dies,
        "approles": {
            name: {"role_id": login.role_id, "secret_id": login.secret_id}
            for name, login in approles.items()
        },
    }
    ended = subprocess.run(
        [sys.executable, "-c", _WORKER],
        input=json.dumps(given),
        text=True,
        capture_output=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert ended.stdout == "ready\n", ended.stderr


def test_a_process_that_ends_leaves_none_behind(
    process: Process, devvault: DevelopmentVault, approles: Mapping[str, AppRole], sqlite_url: str
) -> None:
    """Also one that closes nothing."""
    work(devvault, approles, sqlite_url, dies=False)

    assert waiting(process, devvault) == []
    assert ends(process).count("revoked") == SCOPE.ahead


def test_what_a_killed_process_had_made_is_swept(
    process: Process, devvault: DevelopmentVault, approles: Mapping[str, AppRole], sqlite_url: str
) -> None:
    """By its handles, once it is taken for dead; a call in flight never has one of them."""
    work(devvault, approles, sqlite_url, dies=True)
    assert len(waiting(process, devvault)) == SCOPE.ahead
    with process.ledger.transaction() as connection:
        connection.execute(text("UPDATE revocations SET due_at = 1"))

    assert process.revocations.sweep() == SCOPE.ahead
    assert process.revocations.drain()
    assert waiting(process, devvault) == []


def test_what_destroys_has_no_child_ahead() -> None:
    """Its credential names its call in Vault's audit."""
    with pytest.raises(ScopeError, match="leave `ahead` out"):

        @scoped_tool(effect="destructive", credential=SCOPE)
        def destroy(*, credential: Credential) -> str:
            """Destroy something."""
            return repr(credential)


def test_how_many_are_ahead_makes_no_other_tool() -> None:
    """An approval of a tool is one of it, however its children come about."""

    def look(*, credential: Credential) -> str:
        """Look."""
        return repr(credential)

    many, none = (
        scoped_tool(look, effect="read", credential=scope)
        for scope in (SCOPE, replace(SCOPE, ahead=0))
    )
    assert many.version == none.version
