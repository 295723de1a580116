"""Owns `bailiwick checkpoints`: the keys of checkpoints wrapped anew, and destroyed."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.terminal.console import confirmed, quoted, terminal, visible
from bailiwick.graphs.service_vault import open_service_vault
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import BailiwickError, CheckpointError, VaultError
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys, Rewrapped
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.people.system_user import system_user
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINT_KEYS


def rekey_all(*, rotate: bool, retire: bool, is_sure: bool) -> None:
    """Wrap every key anew.

    Raises:
        CheckpointError: If versions were to be retired and nobody confirmed, the ledger never had a
            key, or one cannot be wrapped anew.
        VaultError: If Vault refuses or is not there.
        LedgerError: If the ledger cannot be used.
    """
    console, settings = terminal(), read_settings()
    with _keys(settings) as keys:
        if retire:
            keys.check()
            keys.check_any()
        if retire and not is_sure:
            _say_what_others_lose(console, settings, rotated=rotate)
            _ask(console, "Destroy the older versions?")
        if rotate:
            keys.rotate()
        done = keys.retire() if retire else keys.rewrap()
    _tell(console, done)
    if retire:
        console.print(
            f"Versions before {done.version} are destroyed: back the ledger's database up again.",
            style="dim",
        )


def forget_thread(thread: str, *, is_sure: bool) -> None:
    """Destroy the key of a thread, here and in every backup.

    Raises:
        CheckpointError: If it has no key of its own, nobody confirmed, or backups still hold it.
        VaultError: If Vault refuses or is not there.
        LedgerError: If the ledger cannot be used.
    """
    console, settings = terminal(), read_settings()
    with _keys(settings) as keys:
        keys.check()
        keys.check_own(thread)
        if not is_sure:
            console.print(
                quoted(f"The checkpoints of thread {thread} can never be read again. ", "yellow"),
                "The ledger's records of it stay.",
                sep="",
            )
            _say_what_others_lose(console, settings, rotated=True)
            _ask(console, "Destroy its key?")
        count = keys.forget(thread, system_user())
        with _halfway(thread):
            keys.rotate()
            done = keys.retire()
    console.print(quoted(f"thread {thread} is forgotten: {count} key(s) destroyed", "green"))
    console.print(
        f"The other {done.keys} key(s) are wrapped anew, and what wrapped them before is gone. "
        "Back the ledger's database up again: no backup from before opens any checkpoint.",
        style="dim",
    )


def _say_what_others_lose(console: Console, settings: Settings, *, rotated: bool) -> None:
    spared = "" if rotated else " that was not rekeyed since Vault's key was rotated last"
    name = settings.vault_namespace
    namespace = "" if name is None else f", namespace {name!r}"
    console.print(
        quoted(
            f"Every other ledger{spared} loses its checkpoints if it uses the Vault at "
            f"{settings.vault_addr}{namespace}.",
            "yellow",
        )
    )
    console.print(
        "Backups of this ledger's database from before will open no thread's checkpoints any more: "
        "make a new one afterwards."
    )


def _ask(console: Console, question: str) -> None:
    if not confirmed(console, question):
        raise CheckpointError("nothing was destroyed: nobody said yes; --yes does not ask")


@contextmanager
def _halfway(thread: str) -> Generator[None]:
    try:
        yield
    except (VaultError, CheckpointError) as error:
        raise CheckpointError(
            f"the key of thread {thread!r} is destroyed here, but backups of the ledger's database "
            f"still hold it: {error}; then run `bailiwick checkpoints rekey --rotate --retire`"
        ) from None


@contextmanager
def _keys(settings: Settings) -> Generator[CheckpointKeys]:
    with open_ledger(settings) as ledger, open_service_vault(settings) as vault:
        transit = Transit(vault=vault, name=CHECKPOINT_KEY, identity=CHECKPOINT_KEYS.identity)
        yield CheckpointKeys(ledger, transit)


def _tell(console: Console, done: Rewrapped) -> None:
    console.print(
        f"[green]rekeyed[/]: {done.keys} key(s) are now wrapped by version {done.version}"
    )
    for thread in done.lost:
        whose = "shared by all threads" if thread is None else f"of thread {visible(thread)}"
        console.print(quoted(f"the key {whose} cannot be unwrapped: it is lost", "red"))
    if done.lost:
        raise BailiwickError(f"{len(done.lost)} key(s) were not rewrapped: see above")
