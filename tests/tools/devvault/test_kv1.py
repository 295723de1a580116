"""The key-value stores without versions, and the cubbyholes."""

from collections.abc import Callable

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac


@pytest.fixture
def kv(root: Hvac) -> Hvac:
    """Give the API of an engine at `kv/`."""
    root.sys.enable_secrets_engine("kv", path="kv")
    return root.secrets.kv.v1


def test_nothing_there_is_nothing(kv: Hvac) -> None:
    """Reading and listing what was never written answers 404, deleting it is no error."""
    with pytest.raises(InvalidPath):
        kv.read_secret("a", mount_point="kv")
    with pytest.raises(InvalidPath):
        kv.list_secrets("", mount_point="kv")
    kv.delete_secret("a", mount_point="kv")


def test_a_write_replaces_the_whole_secret(kv: Hvac) -> None:
    """No version is kept, and how long a value is good is advice and no lease."""
    kv.create_or_update_secret("a/b", {"n": 1, "old": 1}, mount_point="kv")
    kv.create_or_update_secret("a/b", {"n": 2, "ttl": "1h"}, mount_point="kv")

    answer = kv.read_secret("a/b", mount_point="kv")

    assert answer["data"] == {"n": 2, "ttl": "1h"}
    assert (answer["lease_id"], answer["lease_duration"]) == ("", 3600)
    assert kv.list_secrets("", mount_point="kv")["data"]["keys"] == ["a/"]
    kv.delete_secret("a/b", mount_point="kv")
    with pytest.raises(InvalidPath):
        kv.read_secret("a/b", mount_point="kv")


def test_an_empty_secret_is_refused(root: Hvac, kv: Hvac) -> None:
    """There must be a field."""
    with pytest.raises(InvalidRequest, match="missing data fields"):
        kv.create_or_update_secret("a", {}, mount_point="kv")
    with pytest.raises(InvalidRequest, match="missing path"):
        root.adapter.post("/v1/cubbyhole", json={"n": 1})


def test_a_cubbyhole_is_seen_by_its_token_alone(
    root: Hvac, child: Callable[..., Hvac], connect: Callable[[str], Hvac]
) -> None:
    """Root does not see it either, and it dies with its token."""
    own = child('path "cubbyhole/*" { capabilities = ["create", "update", "read", "list"] }')
    own.adapter.post("/v1/cubbyhole/note", json={"n": 1})

    assert own.adapter.get("/v1/cubbyhole/note")["data"] == {"n": 1}
    with pytest.raises(InvalidPath):
        root.adapter.get("/v1/cubbyhole/note")
    root.auth.token.revoke(own.token)
    with pytest.raises(Forbidden):
        connect(own.token).adapter.get("/v1/cubbyhole/note")


def test_a_batch_token_has_no_cubbyhole(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """There is nothing kept of it to keep it with."""
    made = root.auth.token.create(policies=["default"], type="batch")["auth"]

    with pytest.raises(InvalidRequest, match="only supported by"):
        connect(made["client_token"]).adapter.get("/v1/cubbyhole/note")
