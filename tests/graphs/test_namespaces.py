"""The namespace of the Vault that is named: agents and services work in it, and nowhere else."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from tests.tools.vault.namespaced import serve_namespaced

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.service_vault import open_service_vault
from bailiwick.graphs.settings import Settings
from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.policies.errors import VaultError
from bailiwick.tools.vault import Vault

Open = Callable[[Settings], AbstractContextManager[RefundDesk | Vault]]
OPENED = pytest.mark.parametrize("opened", [open_refund_desk, open_service_vault])


def settings_of(folder: Path, started: Surroundings | None = None, address: str = "") -> Settings:
    """Return settings that name a namespace, and what was started or nothing else."""
    given: dict[str, object] = {"VAULT_NAMESPACE": "team/desk", "model": "scripted"}
    given["database_url"] = f"sqlite:///{folder / 'ledger.db'}"
    if started is not None:
        write_approles(folder / "approles.json", started.logins)
        given |= {"VAULT_ADDR": address or started.vault_address, "shop_url": started.shop_address}
        given["approles"] = folder / "approles.json"
    return Settings.model_validate(given)


@OPENED
def test_what_is_done_at_the_vault_that_is_named_is_done_in_it(
    tmp_path: Path, opened: Open
) -> None:
    """Nothing but its health is asked for in the root."""
    with ExitStack() as stack:
        started = stack.enter_context(start_surroundings())
        assert started.vault is not None
        address, before = stack.enter_context(serve_namespaced(started.vault))
        with opened(settings_of(tmp_path, started, address)) as found:
            vault = found if isinstance(found, Vault) else found.guard.vault
            assert vault is not None
            vault.request("GET", "auth/token/lookup-self", agent="billing", to="look a token up")

    assert {path for path, named in before.asked if named != "team/desk"} == {"sys/health"}
    assert "auth/approle/login" in {path for path, _ in before.asked}


@OPENED
def test_a_development_vault_that_is_named_is_refused(tmp_path: Path, opened: Open) -> None:
    """As the process starts, with what to unset."""
    with start_surroundings() as started:
        settings = settings_of(tmp_path, started)
        with pytest.raises(VaultError, match="unset VAULT_NAMESPACE"), opened(settings):
            pass


def test_a_development_vault_of_ones_own_is_in_no_namespace(tmp_path: Path) -> None:
    """A shell that is set for HashiCorp's `vault` does not keep the first run from working."""
    with open_refund_desk(settings_of(tmp_path)) as found:
        assert found.surroundings.vault is not None
