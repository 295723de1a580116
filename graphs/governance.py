"""Owns what the agents of a process run under, opened as the settings say: a guard, and sealing."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bailiwick.graphs.checkpoints.checkpoint_sealing import create_sealing
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.graphs.logins import read_logins, refuse_operator
from bailiwick.graphs.settings import Settings
from bailiwick.policies import Policy
from bailiwick.tools.guard import Guard
from bailiwick.tools.provision import Registry
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import LoginMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """Hold what agents run under.

    Attributes:
        guard: What decides, leases and records, with ledger and approvals.
        sealing: What seals checkpoints, for `open_checkpointer`; None where they stay in the clear.
    """

    guard: Guard
    sealing: SealingSerializer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """Say where Vault is, and who logs in there.

    Attributes:
        address: Its address.
        logins: What each agent and each service logs in with.
        namespace: The namespace there; the root where left out.
    """

    address: str
    logins: Mapping[str, LoginMethod]
    namespace: str | None = None


@contextmanager
def open_governance(
    settings: Settings, registry: Registry, policy: Policy, *, place: str = ""
) -> Generator[Governance]:
    """Open what the agents of a desk of your own run under, while the context lasts.

    Args:
        settings: Where ledger and Vault are, what agents log in with, whether checkpoints are
            sealed; without `VAULT_ADDR` no tool gets a credential.
        registry: The agents and services that log in.
        policy: The rules; those of `BAILIWICK_POLICY` are taken in their place where it is set.
        place: Where threads are kept, if others than this process carry them on: `SERVER` under
            LangGraph Server.

    Raises:
        BailiwickError: If policy, ledger, Vault or a setting cannot be used; the message says
            which and what to do.
    """
    refuse_operator(settings)
    where = None
    if settings.vault_addr is not None:
        logins = read_logins(settings, registry)
        where = VaultPlace(
            address=settings.vault_addr, logins=logins, namespace=settings.vault_namespace
        )
    with govern(settings, where, policy, place=place) as governance:
        yield governance


@contextmanager
def govern(
    settings: Settings, where: VaultPlace | None, policy: Policy, *, place: str
) -> Generator[Governance]:
    """Do what `open_governance` does, with a Vault that stands wherever it stands.

    Raises:
        BailiwickError: As there.
    """
    if settings.policy is not None:
        policy = Policy.from_path(settings.policy)
    with ExitStack() as opened:
        ledger = Ledger(settings.database_url)
        opened.callback(ledger.close)
        vault = None if where is None else _connect(settings, where)
        if vault is not None:
            opened.callback(vault.close)
            vault.ping()
            vault.log_in()
        guard = Guard(policy=policy, ledger=ledger, vault=vault, place=place)
        guard.sweep()
        yield Governance(guard=guard, sealing=create_sealing(settings, ledger, vault))


def _connect(settings: Settings, where: VaultPlace) -> Vault:
    return Vault(
        where.address,
        logins=where.logins,
        verify=settings.vault_verify,
        production=settings.env == "production",
        namespace=where.namespace,
    )
