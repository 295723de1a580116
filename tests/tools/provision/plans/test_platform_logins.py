"""Agents that log in by their platform's token: roles for it, and whose entity it is."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.platform_tokens import Issuer
from tests.tools.provision.plans.declared import DESK, REFUND, SEALING, fields, pending, step

from bailiwick.policies.errors import SettingsError, VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    PlatformLogin,
    Registry,
    VaultOperator,
    make_plan,
    write_secret,
)
from bailiwick.tools.provision.logins import TOGETHER
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import JwtLogin

POD = PlatformLogin(kind="kubernetes", subject="system:serviceaccount:shop:desk", audience="vault")
OWN = PlatformLogin(kind="jwt", subject="spiffe://shop/{agent}", audience="vault", mount="spiffe")
BY_POD, BY_OWN = "auth/kubernetes/role/bailiwick-billing", "auth/spiffe/role/bailiwick-billing"


@pytest.fixture
def operator(devvault: DevelopmentVault) -> Iterator[VaultOperator]:
    """An operator's connection."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as opened:
        yield opened


def believe(operator: VaultOperator, issuer: Issuer) -> None:
    """Tell both methods whose tokens to believe, which is the operator's own part."""
    mounts = fields(operator, "sys/auth")
    if "kubernetes/" in mounts:
        host = "https://none.example"
        operator.write("auth/kubernetes/config", kubernetes_host=host, pem_keys=issuer.public_key)
    if "spiffe/" in mounts:
        operator.write("auth/spiffe/config", jwt_validation_pubkeys=[issuer.public_key])


def lease(devvault: DevelopmentVault, path: Path, mount: str) -> str:
    """Log billing in with the token in a file, and read the secret of its tool."""
    login = JwtLogin(mount=mount, role="bailiwick-billing", path=path)
    with Vault(devvault.address, logins={"billing": login}) as vault:
        leased = vault.lease(REFUND.scope, agent="billing", tool="issue_refund", meta={})
        return leased.credential.reveal()


def test_nobody_declared_is_nobody_let_in(operator: VaultOperator) -> None:
    """The method alone is mounted, and it is said what it lacks."""
    plan = make_plan(operator, Registry(), platform=POD)

    assert pending(plan) == [("create", "auth method", "kubernetes")]
    (note,) = step(plan, "auth method", "kubernetes").notes
    assert "vault write auth/kubernetes/config" in note


def test_an_agent_logs_in_by_its_pods_token_and_has_no_approle(
    operator: VaultOperator, devvault: DevelopmentVault, tmp_path: Path
) -> None:
    """What it may do is the same; a second plan is empty."""
    issuer, path = Issuer(), tmp_path / "token"
    make_plan(operator, DESK, platform=POD).apply(operator)
    write_secret(operator, REFUND.scope, {"key": "k-1"})
    believe(operator, issuer)
    path.write_text(issuer.pod_token("shop", "desk"))

    assert lease(devvault, path, "kubernetes") == "k-1"
    role = fields(operator, BY_POD)
    assert role["bound_service_account_names"] == ["desk"]
    assert role["bound_service_account_namespaces"] == ["shop"]
    assert (role["audience"], role["token_policies"]) == ("vault", ["bailiwick-billing.agent"])
    assert pending(make_plan(operator, DESK, platform=POD, prune=True)) == []
    assert "approle/" not in fields(operator, "sys/auth")


@pytest.mark.parametrize("who", [("shop", "other"), ("other", "desk")])
def test_another_pod_is_not_let_in(
    operator: VaultOperator, devvault: DevelopmentVault, tmp_path: Path, who: tuple[str, str]
) -> None:
    """Its token is as good as any, and the role is not for it."""
    issuer, path = Issuer(), tmp_path / "token"
    make_plan(operator, DESK, platform=POD).apply(operator)
    believe(operator, issuer)
    path.write_text(issuer.pod_token(*who))

    with pytest.raises(VaultError, match="its token is not accepted"):
        lease(devvault, path, "kubernetes")


def test_agents_that_share_a_token_share_an_entity(
    operator: VaultOperator, devvault: DevelopmentVault, tmp_path: Path
) -> None:
    """It has no policies and says who they are; disabled, it stops them all."""
    issuer, path = Issuer(), tmp_path / "token"
    make_plan(operator, DESK, platform=POD).apply(operator)
    write_secret(operator, REFUND.scope, {"key": "k-1"})
    believe(operator, issuer)
    path.write_text(issuer.pod_token("shop", "desk"))
    lease(devvault, path, "kubernetes")

    entity = fields(operator, f"identity/entity/name/{TOGETHER}")
    assert isinstance(entity["metadata"], dict)
    assert entity["metadata"]["capabilities"] == "billing,sealing.service"
    assert not entity["policies"]
    assert isinstance(entity["aliases"], list)
    assert [alias["name"] for alias in entity["aliases"]] == ["shop/desk"]
    assert operator.fields("identity/entity/name/bailiwick-billing") is None
    operator.write(f"identity/entity/name/{TOGETHER}", disabled=True)
    with pytest.raises(VaultError):
        lease(devvault, path, "kubernetes")


def test_an_agent_with_a_token_of_its_own_is_an_entity_of_its_own(
    operator: VaultOperator, devvault: DevelopmentVault, tmp_path: Path
) -> None:
    """With owner and purpose, as with an AppRole; another agent's token does not open its role."""
    issuer, path = Issuer(), tmp_path / "token"
    make_plan(operator, DESK, platform=OWN).apply(operator)
    write_secret(operator, REFUND.scope, {"key": "k-1"})
    believe(operator, issuer)
    path.write_text(issuer.token("spiffe://shop/billing", aud=["vault"]))

    assert lease(devvault, path, "spiffe") == "k-1"
    entity = fields(operator, "identity/entity/name/bailiwick-billing")
    assert isinstance(entity["metadata"], dict)
    assert entity["metadata"]["owner"] == "finance"
    assert isinstance(entity["aliases"], list)
    assert [alias["name"] for alias in entity["aliases"]] == ["spiffe://shop/billing"]
    assert operator.fields(f"identity/entity/name/{TOGETHER}") is None
    assert pending(make_plan(operator, DESK, platform=OWN, prune=True)) == []
    path.write_text(issuer.token("spiffe://shop/orders", aud=["vault"]))
    with pytest.raises(VaultError, match="its token is not accepted"):
        lease(devvault, path, "spiffe")


def test_what_works_apart_keeps_its_approle(operator: VaultOperator) -> None:
    """The token of the place where agents run is no way to it."""
    apart = replace(SEALING, is_apart=True)
    make_plan(operator, replace(DESK, services=(apart,)), platform=POD).apply(operator)

    assert operator.list("auth/kubernetes/role") == ["bailiwick-billing"]
    assert operator.list("auth/approle/role") == ["bailiwick-sealing.service"]


WIDER: Mapping[str, tuple[PlatformLogin, str, str, object]] = {
    "any pod": (POD, BY_POD, "bound_service_account_names", ["*"]),
    "any namespace": (POD, BY_POD, "bound_service_account_namespaces", ["shop", "other"]),
    "another subject": (OWN, BY_OWN, "bound_subject", "spiffe://shop/orders"),
    "more audiences": (OWN, BY_OWN, "bound_audiences", ["vault", "others"]),
    "more policies": (OWN, BY_OWN, "token_policies", ["bailiwick-billing.agent", "other"]),
}


@pytest.mark.parametrize(("platform", "path", "name", "value"), WIDER.values(), ids=WIDER.keys())
def test_a_role_that_somebody_changed_is_mended(
    operator: VaultOperator, platform: PlatformLogin, path: str, name: str, value: object
) -> None:
    """And told: what it lets in, and with what."""
    make_plan(operator, DESK, platform=platform).apply(operator)
    before = fields(operator, path)[name]
    operator.write(path, role_type="jwt", **{name: value})

    plan = make_plan(operator, DESK, platform=platform)
    (change,) = [each for each in plan.pending if each.kind.endswith("role")]
    assert [each.field for each in change.changes] == [name]
    plan.apply(operator)
    assert fields(operator, path)[name] == before


def test_who_moves_to_a_platform_leaves_no_way_in_behind(operator: VaultOperator) -> None:
    """Pruned, the AppRoles are gone; and the other way round the platform's roles."""
    make_plan(operator, DESK).apply(operator)
    make_plan(operator, DESK, platform=OWN, prune=True).apply(operator)
    assert operator.list("auth/approle/role") == []
    assert operator.list("auth/spiffe/role") == ["bailiwick-billing", "bailiwick-sealing.service"]

    make_plan(operator, DESK, prune=True).apply(operator)
    assert operator.list("auth/spiffe/role") == []
    assert operator.list("auth/approle/role") == ["bailiwick-billing", "bailiwick-sealing.service"]


def test_roles_of_others_at_the_mount_stay(operator: VaultOperator) -> None:
    """Ours give policies of ours alone."""
    make_plan(operator, DESK, platform=OWN).apply(operator)
    operator.write(
        "auth/spiffe/role/bailiwick-theirs",
        role_type="jwt",
        user_claim="sub",
        bound_subject="them",
        token_policies=["theirs"],
    )
    make_plan(operator, Registry(), platform=OWN, prune=True).apply(operator)

    assert operator.list("auth/spiffe/role") == ["bailiwick-theirs"]


def test_a_mount_of_another_type_is_refused(operator: VaultOperator) -> None:
    """Before anything is written."""
    operator.write("sys/auth/spiffe", type="approle")

    with pytest.raises(VaultError, match="'spiffe' is 'approle' and not 'jwt'"):
        make_plan(operator, DESK, platform=OWN)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("kubernetes", "desk"),
        ("kubernetes", "system:serviceaccount:shop"),
        ("kubernetes", "system:serviceaccount:shop:*"),
        ("jwt", ""),
        ("jwt", "*"),
    ],
)
def test_a_subject_that_is_nobody_is_refused(kind: str, subject: str) -> None:
    """Or anybody."""
    with pytest.raises(SettingsError, match="no one's at"):
        PlatformLogin(kind=kind, subject=subject)  # type: ignore[arg-type]  # one of the kinds
