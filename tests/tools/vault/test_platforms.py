"""Logins by the token that an agent's platform gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tools.vault.leasing import REFUND, REGISTRY, SECRET, Clock, count, lease_refund
from tests.tools.vault.platforms import GOOD_JWTS, PlatformMethod

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    VaultOperator,
    make_plan,
    write_secret,
)
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import JwtLogin


@pytest.fixture
def platform_vault() -> Iterator[DevelopmentVault]:
    """A Vault that takes the tokens of a platform."""
    methods = {"kubernetes": PlatformMethod, "jwt": PlatformMethod}
    GOOD_JWTS.clear()
    with DevelopmentVault(methods=methods) as running:
        yield running
    GOOD_JWTS.clear()


def let_in(devvault: DevelopmentVault, mount: str) -> None:
    """Set Vault up, with a role at the platform's mount that is named like the AppRole."""
    operator = VaultOperator(devvault.address, devvault.root_token)
    make_plan(operator, REGISTRY).apply(operator)
    write_secret(operator, REFUND, {"key": SECRET})
    operator.write(f"sys/auth/{mount}", type="jwt" if mount == "jwt" else "kubernetes")
    operator.write(
        f"auth/{mount}/role/bailiwick-billing",
        token_policies=["bailiwick-billing.agent"],
        token_ttl=1200,
        token_max_ttl=1200,
    )
    operator.close()


@pytest.mark.parametrize("mount", ["kubernetes", "jwt", "clusters/west"])
def test_a_platforms_token_logs_in(
    platform_vault: DevelopmentVault, tmp_path: Path, mount: str
) -> None:
    """Role and token, at the mount of the method, and no other request."""
    let_in(platform_vault, mount)
    path = tmp_path / "token"
    path.write_text("jwt-1\n")
    GOOD_JWTS.add("jwt-1")
    login = JwtLogin(mount=mount, role="bailiwick-billing", path=path)
    with Vault(platform_vault.address, logins={"billing": login}) as vault:
        assert lease_refund(vault).credential.reveal() == SECRET

    assert count(platform_vault, f"auth/{mount}/login") == 1


def test_the_token_is_read_again_at_each_login(
    platform_vault: DevelopmentVault, tmp_path: Path, clock: Clock
) -> None:
    """Platforms replace it: the second login brings the second one."""
    let_in(platform_vault, "kubernetes")
    path = tmp_path / "token"
    path.write_text("jwt-1")
    GOOD_JWTS.add("jwt-1")
    login = JwtLogin(mount="kubernetes", role="bailiwick-billing", path=path)
    with Vault(platform_vault.address, logins={"billing": login}, clock=clock) as vault:
        lease_refund(vault)
        path.write_text("jwt-2")
        GOOD_JWTS.clear()
        GOOD_JWTS.add("jwt-2")
        clock.now += 1200
        platform_vault.let_pass(1200)

        assert lease_refund(vault).credential.reveal() == SECRET
    assert count(platform_vault, "auth/kubernetes/login") == 2


def test_a_token_that_is_not_accepted_names_its_remedy(
    platform_vault: DevelopmentVault, tmp_path: Path
) -> None:
    """And is not quoted."""
    let_in(platform_vault, "kubernetes")
    path = tmp_path / "token"
    path.write_text("forged-jwt")
    for role in ("bailiwick-billing", "bailiwick-unknown"):
        login = JwtLogin(mount="kubernetes", role=role, path=path)
        with (
            Vault(platform_vault.address, logins={"billing": login}) as vault,
            pytest.raises(VaultError, match="check the role's bound names and audience") as caught,
        ):
            lease_refund(vault)
        assert "forged" not in str(caught.value)
        assert f"auth/kubernetes: its token is not accepted for the role {role!r}" in str(
            caught.value
        )


def test_a_mount_that_is_not_there_names_its_setting(
    platform_vault: DevelopmentVault, tmp_path: Path
) -> None:
    """A typing error in the name of the mount."""
    path = tmp_path / "token"
    path.write_text("jwt")
    login = JwtLogin(mount="kubernetis", role="r", path=path)
    with (
        Vault(platform_vault.address, logins={"billing": login}) as vault,
        pytest.raises(VaultError, match=r"BAILIWICK_VAULT_MOUNT|may not log in"),
    ):
        lease_refund(vault)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "binary"])
def test_a_token_file_that_cannot_be_read_is_named(
    platform_vault: DevelopmentVault, tmp_path: Path, content: bytes | None
) -> None:
    """Nothing is sent."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    login = JwtLogin(mount="kubernetes", role="r", path=path)
    with (
        Vault(platform_vault.address, logins={"billing": login}) as vault,
        pytest.raises(VaultError, match=r"token' cannot be read: .*BAILIWICK_VAULT_JWT"),
    ):
        lease_refund(vault)
    assert platform_vault.requests == []
