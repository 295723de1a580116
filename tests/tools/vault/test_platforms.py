"""Logins by the token that an agent's platform gives it."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.platform_tokens import Issuer
from tests.tools.vault.leasing import REFUND, REGISTRY, SECRET, Clock, count, lease_refund

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import PlatformLogin, VaultOperator, make_plan, write_secret
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import JwtLogin

POD = "shop:desk"


@pytest.fixture
def issuer() -> Issuer:
    """Give what signs the tokens of the platform."""
    return Issuer()


def let_in(devvault: DevelopmentVault, issuer: Issuer, mount: str) -> None:
    """Set Vault up for the pod of the desk, at a mount."""
    pod = PlatformLogin(kind="kubernetes", subject=f"system:serviceaccount:{POD}", mount=mount)
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        make_plan(operator, REGISTRY, platform=pod).apply(operator)
        write_secret(operator, REFUND, {"key": SECRET})
        operator.write(
            f"auth/{mount}/config",
            kubernetes_host="https://none.example",
            pem_keys=issuer.public_key,
        )


@pytest.mark.parametrize("mount", ["kubernetes", "clusters/west"])
def test_a_platforms_token_logs_in(
    devvault: DevelopmentVault, issuer: Issuer, tmp_path: Path, mount: str
) -> None:
    """Role and token, at the mount of the method, and no other request."""
    let_in(devvault, issuer, mount)
    path = tmp_path / "token"
    path.write_text(issuer.pod_token("shop", "desk") + "\n")
    login = JwtLogin(mount=mount, role="bailiwick-billing", path=path)
    with Vault(devvault.address, logins={"billing": login}) as vault:
        assert lease_refund(vault).credential.reveal() == SECRET

    assert count(devvault, f"auth/{mount}/login") == 1


def test_the_token_is_read_again_at_each_login(
    devvault: DevelopmentVault, issuer: Issuer, tmp_path: Path, clock: Clock
) -> None:
    """Platforms replace it: the second login brings the second one."""
    let_in(devvault, issuer, "kubernetes")
    path = tmp_path / "token"
    path.write_text(issuer.pod_token("shop", "desk"))
    login = JwtLogin(mount="kubernetes", role="bailiwick-billing", path=path)
    with Vault(devvault.address, logins={"billing": login}, clock=clock) as vault:
        lease_refund(vault)
        clock.now += 1200
        devvault.let_pass(1200)
        path.write_text(issuer.pod_token("shop", "desk", exp=time.time() + 1800))

        assert lease_refund(vault).credential.reveal() == SECRET
    assert count(devvault, "auth/kubernetes/login") == 2


def test_a_token_that_is_not_accepted_names_its_remedy(
    devvault: DevelopmentVault, issuer: Issuer, tmp_path: Path
) -> None:
    """And is not quoted."""
    let_in(devvault, issuer, "kubernetes")
    path = tmp_path / "token"
    path.write_text("forged-jwt")
    for role in ("bailiwick-billing", "bailiwick-unknown"):
        login = JwtLogin(mount="kubernetes", role=role, path=path)
        with (
            Vault(devvault.address, logins={"billing": login}) as vault,
            pytest.raises(VaultError, match="check the role's bound names and audience") as caught,
        ):
            lease_refund(vault)
        assert "forged" not in str(caught.value)
        assert f"auth/kubernetes: its token is not accepted for the role {role!r}" in str(
            caught.value
        )


def test_a_mount_that_is_not_there_names_its_setting(
    devvault: DevelopmentVault, tmp_path: Path
) -> None:
    """A typing error in the name of the mount."""
    path = tmp_path / "token"
    path.write_text("jwt")
    login = JwtLogin(mount="kubernetis", role="r", path=path)
    with (
        Vault(devvault.address, logins={"billing": login}) as vault,
        pytest.raises(VaultError, match=r"BAILIWICK_VAULT_MOUNT|may not log in"),
    ):
        lease_refund(vault)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "binary"])
def test_a_token_file_that_cannot_be_read_is_named(
    devvault: DevelopmentVault, tmp_path: Path, content: bytes | None
) -> None:
    """Nothing is sent."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    login = JwtLogin(mount="kubernetes", role="r", path=path)
    with (
        Vault(devvault.address, logins={"billing": login}) as vault,
        pytest.raises(VaultError, match=r"token' cannot be read: .*BAILIWICK_VAULT_JWT"),
    ):
        lease_refund(vault)
    assert devvault.requests == []
