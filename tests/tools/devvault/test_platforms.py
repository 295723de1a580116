"""The auth methods that take a platform's tokens: the roles, and what a login is checked for."""

from typing import Any

import httpx
import pytest
from tests.bare_http import send
from tests.platform_tokens import Issuer

from bailiwick.tools.devvault import DevelopmentVault

JWT: dict[str, object] = {
    "role_type": "jwt",
    "user_claim": "sub",
    "bound_subject": "desk",
    "bound_audiences": ["vault"],
    "token_policies": ["p"],
    "token_ttl": 60,
}
POD: dict[str, object] = {
    "bound_service_account_names": ["desk"],
    "bound_service_account_namespaces": "shop",
    "audience": "vault",
    "token_policies": ["p"],
}


@pytest.fixture
def issuer() -> Issuer:
    """Give an issuer."""
    return Issuer()


def ask(devvault: DevelopmentVault, method: str, path: str, **body: object) -> httpx.Response:
    """Ask Vault as root."""
    url = f"{devvault.address}/v1/{path}"
    return send(method, url, headers={"X-Vault-Token": devvault.root_token}, json=body)


def log_in(devvault: DevelopmentVault, mount: str, **body: object) -> httpx.Response:
    """Log in as nobody yet."""
    url = f"{devvault.address}/v1/auth/{mount}/login"
    return send("POST", url, json=body)


@pytest.fixture
def platforms(devvault: DevelopmentVault, issuer: Issuer) -> DevelopmentVault:
    """Give a Vault with both methods and a role at each."""
    for kind in ("jwt", "kubernetes"):
        assert ask(devvault, "POST", f"sys/auth/{kind}", type=kind).is_success
    config: dict[str, dict[str, object]] = {
        "jwt": {"jwt_validation_pubkeys": [issuer.public_key], "bound_issuer": "us"},
        "kubernetes": {"kubernetes_host": "https://none.example", "pem_keys": issuer.public_key},
    }
    for kind, body in config.items():
        assert ask(devvault, "POST", f"auth/{kind}/config", **body).status_code == 204
    assert ask(devvault, "POST", "auth/jwt/role/Desk", **JWT).status_code == 204
    assert ask(devvault, "POST", "auth/kubernetes/role/desk", **POD).status_code == 204
    return devvault


def test_without_a_configuration_nobody_logs_in(devvault: DevelopmentVault) -> None:
    """There is no role either, and no list of them."""
    ask(devvault, "POST", "sys/auth/jwt", type="jwt")

    assert ask(devvault, "GET", "auth/jwt/config").status_code == 404
    assert ask(devvault, "LIST", "auth/jwt/role").status_code == 404
    assert log_in(devvault, "jwt", role="desk", jwt="x").status_code == 400
    ask(devvault, "POST", "auth/jwt/role/desk", **JWT)
    assert log_in(devvault, "jwt", role="desk", jwt="x").status_code == 500


def test_a_role_is_read_as_it_was_written(platforms: DevelopmentVault) -> None:
    """With what was left out, in lower case, until it is deleted."""
    assert ask(platforms, "LIST", "auth/jwt/role").json()["data"] == {"keys": ["desk"]}
    role = ask(platforms, "GET", "auth/jwt/role/desk").json()["data"]
    assert JWT.items() <= role.items()
    assert role["token_type"] == "default"
    pod = ask(platforms, "GET", "auth/kubernetes/role/desk").json()["data"]
    assert pod["bound_service_account_namespaces"] == ["shop"]
    assert pod["alias_name_source"] == "serviceaccount_uid"

    assert ask(platforms, "DELETE", "auth/jwt/role/desk").status_code == 204
    assert ask(platforms, "GET", "auth/jwt/role/desk").status_code == 404


@pytest.mark.parametrize(
    ("mount", "role", "why"),
    [
        ("jwt", {"role_type": ""}, "role_type"),
        ("jwt", {"user_claim": ""}, "a user claim must be defined"),
        ("jwt", {"bound_subject": "", "bound_audiences": []}, "at least one bound constraint"),
        ("jwt", {"token_ttl": 90, "token_max_ttl": 60}, "should not be greater"),
        ("kubernetes", {"bound_service_account_names": []}, "can not be empty"),
        ("kubernetes", {"bound_service_account_namespaces": []}, "can not be empty"),
        ("kubernetes", {"alias_name_source": "name"}, "invalid alias_name_source"),
    ],
)
def test_a_role_that_binds_nothing_is_refused(
    platforms: DevelopmentVault, mount: str, role: dict[str, object], why: str
) -> None:
    """As is one that says what cannot be."""
    whole = (JWT if mount == "jwt" else POD) | role
    refused = ask(platforms, "POST", f"auth/{mount}/role/other", **whole)
    assert (refused.status_code, why in refused.text) == (400, True)


def test_a_token_logs_in(platforms: DevelopmentVault, issuer: Issuer) -> None:
    """Policies and time are the role's; the entity's alias is the token's subject."""
    token = issuer.token("desk", aud="vault", iss="us")
    auth = log_in(platforms, "jwt", role="desk", jwt=token).json()["auth"]

    assert auth["policies"] == ["default", "p"]
    assert (auth["lease_duration"], auth["renewable"]) == (60, True)
    assert auth["metadata"] == {"role": "desk"}
    entity = ask(platforms, "GET", f"identity/entity/id/{auth['entity_id']}").json()["data"]
    assert [alias["name"] for alias in entity["aliases"]] == ["desk"]


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "other"}, "subject"),
        ({"aud": "others"}, "audience"),
        ({"iss": "them"}, "issuer"),
        ({"exp": 1000}, "expired"),
        ({"nbf": 9e9}, "not yet valid"),
        ({"exp": None, "iat": None}, ""),
    ],
)
def test_a_token_that_is_not_good_for_the_role(
    platforms: DevelopmentVault, issuer: Issuer, claims: dict[str, Any], why: str
) -> None:
    """Vault says why, and gives nothing."""
    said: dict[str, Any] = {"aud": "vault", "iss": "us"} | claims
    token = issuer.token(said.pop("sub", "desk"), **said)

    refused = log_in(platforms, "jwt", role="desk", jwt=token)
    assert (refused.status_code, why in refused.text) == (400, True)


@pytest.mark.parametrize("mount", ["jwt", "kubernetes"])
def test_another_issuers_token(platforms: DevelopmentVault, mount: str) -> None:
    """The same words under another key are nothing."""
    token = Issuer().pod_token("shop", "desk")
    refused = log_in(platforms, mount, role="desk", jwt=token)
    assert refused.status_code == (400 if mount == "jwt" else 403)
    assert "no known key" in refused.text


@pytest.mark.parametrize(
    ("claims", "status"), [({"team": "a-1"}, 200), ({"team": "b-1"}, 400), ({}, 400)]
)
def test_claims_may_be_bound(
    platforms: DevelopmentVault, issuer: Issuer, claims: dict[str, object], status: int
) -> None:
    """By patterns, where the role says so."""
    ask(
        platforms,
        "POST",
        "auth/jwt/role/team",
        **{**JWT, "bound_claims": {"team": ["a-*"]}, "bound_claims_type": "glob"},
    )
    token = issuer.token("desk", aud=["vault"], iss="us", **claims)

    assert log_in(platforms, "jwt", role="team", jwt=token).status_code == status


def test_a_pod_logs_in(platforms: DevelopmentVault, issuer: Issuer) -> None:
    """By its service account, whose id is the alias."""
    token = issuer.pod_token("shop", "desk")
    auth = log_in(platforms, "kubernetes", role="desk", jwt=token).json()["auth"]

    assert auth["metadata"]["service_account_name"] == "desk"
    entity = ask(platforms, "GET", f"identity/entity/id/{auth['entity_id']}").json()["data"]
    assert [alias["name"] for alias in entity["aliases"]] == ["uid-desk"]


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        (("other", "desk", "vault"), "namespace not authorized"),
        (("shop", "other", "vault"), "service account name not authorized"),
        (("shop", "desk", "other"), "audience"),
    ],
)
def test_a_pod_that_the_role_does_not_know(
    platforms: DevelopmentVault, issuer: Issuer, pod: tuple[str, str, str], why: str
) -> None:
    """Another account, another namespace, a token for somebody else."""
    space, account, audience = pod
    token = issuer.pod_token(space, account, audience=audience)
    refused = log_in(platforms, "kubernetes", role="desk", jwt=token)
    assert (refused.status_code, why in refused.text) == (403, True)


@pytest.mark.parametrize(
    ("mount", "body", "why"),
    [
        ("jwt", {"jwt": "x"}, "missing role"),
        ("jwt", {"role": "desk"}, "missing jwt"),
        ("jwt", {"role": "none", "jwt": "x"}, "could not be found"),
        ("kubernetes", {"role": "none", "jwt": "x"}, "invalid role name"),
    ],
)
def test_a_login_that_lacks_something(
    platforms: DevelopmentVault, mount: str, body: dict[str, object], why: str
) -> None:
    """Vault names it."""
    refused = log_in(platforms, mount, **body)
    assert (refused.status_code, why in refused.text) == (400, True)
