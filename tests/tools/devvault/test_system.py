"""The system's paths: health, seal, mounts, policies, capabilities."""

import httpx
import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import VERSION, DevelopmentVault


def test_it_says_that_it_is_no_vault(root: Hvac) -> None:
    """Its version is no release of Vault's."""
    health = root.sys.read_health_status(method="GET")

    assert VERSION.endswith("+bailiwick-dev")
    assert health["version"] == VERSION
    assert (health["initialized"], health["sealed"], health["standby"]) == (True, False, False)


def test_a_sealed_vault_answers_its_status_alone(
    devvault: DevelopmentVault, root: Hvac, http: httpx.Client
) -> None:
    """Everything else is refused with 503, whatever the token, and comes back with the key."""
    root.sys.seal()

    assert root.sys.is_sealed()
    assert root.sys.read_health_status(method="GET").status_code == 503
    assert http.get("sys/health", params={"sealedcode": "299"}).status_code == 299
    for path in ("auth/token/lookup-self", "no/such/mount", "sys/mounts"):
        assert http.get(path).json() == {"errors": ["Vault is sealed"]}
    with pytest.raises(VaultDown):
        root.auth.token.lookup_self()
    with pytest.raises(InvalidRequest, match="invalid key"):
        root.sys.submit_unseal_key("wrong")
    assert root.sys.submit_unseal_key(devvault.unseal_key)["sealed"] is False
    root.auth.token.lookup_self()


def test_sealing_needs_sudo(child: Hvac) -> None:
    """The capability to update is not enough."""
    with pytest.raises(Forbidden):
        child('path "sys/seal" { capabilities = ["update"] }').sys.seal()


def test_it_is_initialised_once(root: Hvac) -> None:
    """There is nothing to initialise."""
    assert root.sys.is_initialized()
    with pytest.raises(InvalidRequest, match="already initialized"):
        root.sys.initialize(secret_shares=1, secret_threshold=1)


def test_engines_are_mounted_and_removed(root: Hvac) -> None:
    """A new mount is empty, a taken path is refused, removing twice is no error."""
    root.sys.enable_secrets_engine("kv", path="team", options={"version": "2"})
    root.secrets.kv.v2.create_or_update_secret("a", {"n": 1}, mount_point="team")

    mounted = root.sys.list_mounted_secrets_engines()
    assert mounted["team/"]["options"] == {"version": "2"}
    assert mounted["data"]["secret/"]["type"] == "kv"
    for path in ("team", "team/inner", "secret"):
        with pytest.raises(InvalidRequest, match="path is already in use"):
            root.sys.enable_secrets_engine("kv-v2", path=path)
    for _ in range(2):
        root.sys.disable_secrets_engine("team")
    with pytest.raises(InvalidPath, match="no handler for route"):
        root.secrets.kv.v2.read_secret_version(
            "a", mount_point="team", raise_on_deleted_version=True
        )


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("mounts/x", {"type": "kv", "options": {"version": "3"}}, "bad kv version '3'"),
        ("mounts/x", {}, "backend type must be specified"),
        ("mounts/x", {"type": "transit", "config": {"max_lease_ttl": "-"}}, "no duration"),
        ("mounts/x", {"type": "pki"}, "plugin not found"),
        ("mounts/x", {"type": "approle"}, "plugin not found"),
        ("auth/x", {"type": "kv-v2"}, "plugin not found"),
        ("policies/acl/x", {}, "'policy' parameter not supplied"),
        ("policies/acl/x", {"policy": "path {"}, "failed to parse policy"),
        ("capabilities-self", {}, "paths must be supplied"),
    ],
)
def test_what_cannot_be_done_is_refused(
    root: Hvac, path: str, body: dict[str, object], words: str
) -> None:
    """Nothing is taken that would not work as it does in Vault."""
    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/sys/{path}", json=body)


def test_enabling_a_method_needs_sudo(child: Hvac) -> None:
    """Auth methods are guarded."""
    policy = 'path "sys/auth/*" { capabilities = ["create", "update"] }'
    with pytest.raises(Forbidden):
        child(policy).sys.enable_auth_method("approle")


def test_the_systems_own_mounts_stay(root: Hvac) -> None:
    """The method of the tokens cannot be removed."""
    with pytest.raises(InvalidRequest, match="cannot unmount"):
        root.sys.disable_auth_method("token")


def test_policies_are_written_read_listed_and_removed(root: Hvac) -> None:
    """In the old paths and the new, as text or in base64, under one name in lower case."""
    root.sys.create_or_update_acl_policy("Mine", 'path "a" { capabilities = ["read"] }')
    root.adapter.put("/v1/sys/policies/acl/encoded", json={"policy": "cGF0aCAiYSIge30="})

    assert "path" in root.sys.read_acl_policy("mine")["data"]["policy"]
    assert root.sys.read_acl_policy("encoded")["data"]["policy"] == 'path "a" {}'
    assert root.sys.read_policy("mine")["rules"]
    expected = ["default", "encoded", "mine", "root"]
    assert root.sys.list_acl_policies()["data"]["keys"] == expected
    assert root.sys.list_policies()["policies"] == expected
    root.sys.delete_policy("mine")
    with pytest.raises(InvalidPath):
        root.sys.read_acl_policy("mine")


def test_capabilities_tell_what_a_token_may(root: Hvac, child: Hvac) -> None:
    """For itself, for a token, and for an accessor."""
    policy = (
        'path "a" { capabilities = ["read", "list"] }\n'
        'path "sys/capabilities-self" { capabilities = ["update"] }'
    )
    client = child(policy)

    assert client.sys.get_capabilities(["a"])["capabilities"] == ["list", "read"]
    both = client.sys.get_capabilities(["a", "b"])["data"]
    assert both == {"a": ["list", "read"], "b": ["deny"]}
    assert root.sys.get_capabilities(["a"], token=client.token)["a"] == ["list", "read"]
    assert root.sys.get_capabilities(["a"])["capabilities"] == ["root"]
    with pytest.raises(InvalidRequest, match="invalid token"):
        root.sys.get_capabilities(["a"], token="hvs.unknown")
