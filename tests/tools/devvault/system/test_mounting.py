"""What is mounted where, for how long, and what a move takes along."""

from collections.abc import Callable

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac


def test_an_engine_moves_with_what_it_holds(root: Hvac) -> None:
    """At the old path there is nothing any more."""
    root.sys.enable_secrets_engine("kv", path="old")
    root.write("old/a", n=1)

    moved = root.sys.move_backend("old", "new")

    status = root.adapter.get(f"/v1/sys/remount/status/{moved['migration_id']}")["data"]
    assert status["migration_info"]["status"] == "success"
    assert root.read("new/a")["data"] == {"n": 1}
    with pytest.raises(InvalidPath):
        root.adapter.get("/v1/old/a")
    for source, target, words in (
        ("old", "x", "no matching mount"),
        ("new", "secret", "already in use"),
        ("sys", "x", "cannot remount"),
        ("new", "auth/x", "cannot move"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            root.sys.move_backend(source, target)


def test_a_mounts_settings_are_the_systems_until_it_has_its_own(root: Hvac) -> None:
    """A maximum below the default is refused."""
    root.sys.enable_secrets_engine("kv", path="kv", description="ours")
    assert root.sys.read_mount_configuration("kv")["data"]["max_lease_ttl"] == 2764800

    root.sys.tune_mount_configuration("kv", default_lease_ttl="1h", description="theirs")
    tuned = root.sys.read_mount_configuration("kv")["data"]
    assert (tuned["default_lease_ttl"], tuned["description"]) == (3600, "theirs")
    with pytest.raises(InvalidRequest, match="max lease TTL is less"):
        root.sys.tune_mount_configuration("kv", max_lease_ttl="1m")
    with pytest.raises(InvalidRequest, match="beyond the development Vault"):
        root.adapter.post("/v1/sys/mounts/kv/tune", json={"options": {"version": "2"}})
    with pytest.raises(InvalidRequest, match="no such mount"):
        root.sys.read_mount_configuration("none")


def test_a_login_lives_as_long_as_its_mount_allows(root: Hvac) -> None:
    """The role may allow less, not more."""
    root.sys.enable_auth_method("approle")
    root.sys.tune_auth_method("approle", default_lease_ttl="1h", max_lease_ttl="2h")
    root.auth.approle.create_or_update_approle("desk", bind_secret_id=False)
    role_id = root.auth.approle.read_role_id("desk")["data"]["role_id"]

    def lifetime() -> object:
        return root.auth.approle.login(role_id, use_token=False)["auth"]["lease_duration"]

    assert lifetime() == 3600
    root.auth.approle.create_or_update_approle("desk", token_ttl="9h")
    assert lifetime() == 7200


def test_removing_a_method_ends_its_logins(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """Nobody stays who could not come back."""
    root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle("desk", bind_secret_id=False)
    role_id = root.auth.approle.read_role_id("desk")["data"]["role_id"]
    client = connect(root.auth.approle.login(role_id, use_token=False)["auth"]["client_token"])

    root.sys.disable_auth_method("approle")

    with pytest.raises(Forbidden):
        client.auth.token.lookup_self()


def test_a_method_known_by_name_alone_says_so(root: Hvac) -> None:
    """It can be mounted; nothing that looks like a login comes of it."""
    root.sys.enable_auth_method("github")

    assert root.sys.list_auth_methods()["data"]["github/"]["type"] == "github"
    for path in ("login", "config"):
        with pytest.raises(InvalidRequest, match="beyond the development Vault"):
            root.adapter.post(f"/v1/auth/github/{path}", json={})


def test_a_kv_engine_is_of_version_1_unless_told(root: Hvac) -> None:
    """As Vault's interface has it."""
    for path, kind, options in (
        ("one", "kv", None),
        ("two", "kv", {"version": "2"}),
        ("also-two", "kv-v2", None),
    ):
        root.sys.enable_secrets_engine(kind, path=path, options=options)

    root.write("one/a", n=1)
    for path in ("two", "also-two"):
        root.secrets.kv.v2.create_or_update_secret("a", {"n": 1}, mount_point=path)
    shown = root.sys.list_mounted_secrets_engines()["data"]
    assert [shown[f"{path}/"]["options"] for path in ("one", "two", "also-two")] == [
        None,
        {"version": "2"},
        {"version": "2"},
    ]
