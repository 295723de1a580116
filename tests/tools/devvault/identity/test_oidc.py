"""Identity tokens: what they say, who may have them, and for how long they are good."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hvac.exceptions import InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture
def identity(root: Hvac) -> Hvac:
    """Give the engine's API, with a role `shown` whose key is `default`."""
    root.secrets.identity.create_or_update_role(
        "shown", key="default", template='{"team": {{identity.entity.metadata.team}}}'
    )
    return root.secrets.identity


@pytest.fixture
def client(root: Hvac, identity: Hvac, connect: Callable[[str], Hvac]) -> Hvac:
    """Give the client of an entity in team `a`."""
    root.sys.enable_auth_method("approle")
    root.sys.create_or_update_policy(
        "show", 'path "identity/oidc/token/*" { capabilities = ["read"] }'
    )
    root.auth.approle.create_or_update_approle(
        "desk", bind_secret_id=False, token_policies=["show"]
    )
    role_id = root.auth.approle.read_role_id("desk")["data"]["role_id"]
    auth = root.auth.approle.login(role_id, use_token=False)["auth"]
    identity.update_entity(auth["entity_id"], metadata={"team": "a"})
    return connect(auth["client_token"])


def part(token: str, number: int) -> dict[str, Any]:
    """Return a part of a token."""
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def show(client: Hvac) -> str:
    """Return a token of the role `shown`."""
    return str(client.secrets.identity.generate_signed_id_token("shown")["data"]["token"])


def test_nobody_has_nothing_to_show(root: Hvac, identity: Hvac) -> None:
    """Root's token is no entity's, and a role that is not there gives nothing."""
    with pytest.raises(InvalidRequest, match="no entity associated"):
        identity.generate_signed_id_token("shown")
    with pytest.raises(InvalidRequest, match="not found"):
        identity.generate_signed_id_token("unknown")
    assert root.token


def test_a_token_says_who_shows_it(client: Hvac, identity: Hvac) -> None:
    """Subject, audience, and what the template asks for."""
    role = identity.read_role("shown")["data"]
    token = show(client)

    claims = part(token, 1)
    assert claims["sub"] == client.auth.token.lookup_self()["data"]["entity_id"]
    assert (claims["aud"], claims["team"]) == (role["client_id"], "a")
    assert claims["exp"] - claims["iat"] == role["ttl"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES384", "EdDSA"])
def test_a_token_is_checked_by_its_key(client: Hvac, identity: Hvac, algorithm: str) -> None:
    """Its key is published; a changed token is none."""
    identity.create_named_key("mine", algorithm=algorithm, allowed_client_ids=["*"])
    identity.create_or_update_role("shown", key="mine")
    token = show(client)

    published = {key["kid"]: key["alg"] for key in identity.read_active_public_keys()["keys"]}
    assert published[part(token, 0)["kid"]] == algorithm
    assert identity.introspect_signed_id_token(token)["active"]
    head, body, end = token.split(".")
    for changed in (f"{head}.{body}x.{end}", f"{head}.{body}.{end[:-4]}AAAA", "x", "a.b.c"):
        assert not identity.introspect_signed_id_token(changed)["active"]
    assert not identity.introspect_signed_id_token(token, client_id="other")["active"]


def test_a_token_ends_with_its_time_its_entity_and_its_key(
    root: Hvac, client: Hvac, identity: Hvac, devvault: DevelopmentVault
) -> None:
    """A replaced key checks for a while."""
    token = show(client)
    # hvac's own method for it changes the key and does not rotate it.
    url = "/v1/identity/oidc/key/default/rotate"
    root.adapter.post(url, json={"verification_ttl": 100})
    assert identity.introspect_signed_id_token(token)["active"]

    devvault.let_pass(101)
    assert not identity.introspect_signed_id_token(token)["active"]
    token = show(client)
    identity.update_entity(part(token, 1)["sub"], disabled=True)
    assert not identity.introspect_signed_id_token(token)["active"]


def test_a_key_signs_for_the_roles_it_lists(client: Hvac, identity: Hvac) -> None:
    """The others are told so."""
    identity.create_named_key("mine", allowed_client_ids=["other"])
    identity.create_or_update_role("shown", key="mine")
    with pytest.raises(InvalidRequest, match="does not list the client ID"):
        show(client)

    identity.delete_named_key("mine")
    with pytest.raises(InvalidRequest, match="key 'mine' not found"):
        show(client)


def test_whoever_checks_needs_no_token(http: httpx.Client, identity: Hvac) -> None:
    """The issuer and its keys are public."""
    identity.configure_tokens_backend("https://vault.example")
    del http.headers["X-Vault-Token"]

    found = http.get("identity/oidc/.well-known/openid-configuration").json()
    assert found["issuer"] == "https://vault.example/v1/identity/oidc"
    assert http.get("identity/oidc/.well-known/keys").json()["keys"]
    assert http.get("identity/oidc/config").status_code == 403


def test_keys_and_roles_are_listed_and_removed(identity: Hvac) -> None:
    """All but the key that comes with the engine."""
    identity.create_named_key("mine")
    assert identity.list_named_keys()["data"]["keys"] == ["default", "mine"]
    assert identity.list_roles()["data"]["keys"] == ["shown"]
    identity.delete_named_key("mine")
    identity.delete_role("shown")

    for ask in (
        lambda: identity.read_named_key("mine"),
        lambda: identity.read_role("shown"),
        identity.list_roles,
    ):
        with pytest.raises(InvalidPath):
            ask()


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("key/mine", {"algorithm": "none"}, "unknown signing algorithm"),
        ("key/mine", {"rotation_period": 10, "verification_ttl": 101}, "longer than 10x"),
        ("role/mine", {}, "key parameter is required"),
        ("role/mine", {"key": "default", "ttl": "48h"}, "longer than the verification_ttl"),
        ("role/mine", {"key": "default", "template": '{"sub": "x"}'}, "top level key 'sub'"),
        ("role/mine", {"key": "default", "template": "{"}, "error parsing template"),
    ],
)
def test_what_cannot_be_is_refused(
    root: Hvac, identity: Hvac, path: str, body: dict[str, object], words: str
) -> None:
    """And changes nothing."""
    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/identity/oidc/{path}", json=body)

    assert identity.list_named_keys()["data"]["keys"] == ["default"]
    assert identity.list_roles()["data"]["keys"] == ["shown"]
