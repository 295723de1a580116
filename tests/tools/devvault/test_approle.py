"""The AppRole method: who may log in, and as what."""

from typing import Any

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture
def approle(root: Hvac) -> Hvac:
    """Give the method's API, with one role `desk`."""
    root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle(
        "desk", token_policies=["tried"], token_ttl="20m", token_max_ttl="30m"
    )
    return root.auth.approle


def login(approle: Hvac, secret_id: str) -> dict[str, Any]:
    """Log in as `desk`."""
    role_id = approle.read_role_id("desk")["data"]["role_id"]
    answer: dict[str, Any] = approle.login(role_id, secret_id, use_token=False)["auth"]
    return answer


def test_a_login_gives_the_roles_policies(approle: Hvac, devvault: DevelopmentVault) -> None:
    """The token is an orphan with the role's policies and life."""
    made = approle.generate_secret_id("desk", metadata={"host": "h-1"})["data"]

    auth = login(approle, made["secret_id"])

    assert auth["policies"] == ["default", "tried"]
    assert auth["metadata"] == {"role_name": "desk", "host": "h-1"}
    assert (auth["lease_duration"], auth["orphan"]) == (1200, True)
    assert len(devvault.live_tokens(accessor=auth["accessor"])) == 1


def test_a_wrong_id_is_not_told_which(approle: Hvac) -> None:
    """Role and secret are refused with the same words."""
    role_id = approle.read_role_id("desk")["data"]["role_id"]
    secret_id = approle.generate_secret_id("desk")["data"]["secret_id"]

    for wrong in ((role_id, "no"), ("no", secret_id)):
        with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
            approle.login(*wrong, use_token=False)
    with pytest.raises(InvalidRequest, match="missing role_id"):
        approle.login("", secret_id, use_token=False)
    with pytest.raises(InvalidRequest, match="missing secret_id"):
        approle.login(role_id, "", use_token=False)


def test_a_secret_id_ends_with_its_last_use(approle: Hvac, root: Hvac) -> None:
    """Its last use still logs in."""
    made = root.adapter.post("/v1/auth/approle/role/desk/secret-id", json={"num_uses": 2})
    secret_id = made["data"]["secret_id"]

    for _ in range(2):
        login(approle, secret_id)
    with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
        login(approle, secret_id)


def test_a_secret_id_ends_with_its_time(
    approle: Hvac, root: Hvac, devvault: DevelopmentVault
) -> None:
    """After its time it is unknown."""
    made = root.adapter.post("/v1/auth/approle/role/desk/secret-id", json={"ttl": "60s"})
    devvault.let_pass(61)

    with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
        login(approle, made["data"]["secret_id"])


def test_a_secret_id_may_not_exceed_its_role(root: Hvac, approle: Hvac) -> None:
    """The role's limits hold, and are the default."""
    approle.create_or_update_approle("short", secret_id_ttl="60s", secret_id_num_uses=1)

    made = approle.generate_secret_id("short")["data"]

    assert (made["secret_id_ttl"], made["secret_id_num_uses"]) == (60, 1)
    for body in ({"ttl": "2m"}, {"num_uses": 2}):
        with pytest.raises(InvalidRequest, match="cannot be higher"):
            root.adapter.post("/v1/auth/approle/role/short/secret-id", json=body)


def test_secret_ids_are_listed_looked_up_and_destroyed(approle: Hvac) -> None:
    """By the id or by its accessor, which is no secret."""
    one = approle.generate_secret_id("desk", metadata={"n": "1"})["data"]
    two = approle.generate_secret_id("desk")["data"]

    listed = approle.list_secret_id_accessors("desk")["data"]["keys"]
    assert sorted(listed) == sorted([one["secret_id_accessor"], two["secret_id_accessor"]])
    assert approle.read_secret_id("desk", one["secret_id"])["data"]["metadata"] == {"n": "1"}
    found = approle.read_secret_id_accessor("desk", two["secret_id_accessor"])["data"]
    assert found["secret_id_accessor"] == two["secret_id_accessor"]
    approle.destroy_secret_id("desk", one["secret_id"])
    approle.destroy_secret_id_accessor("desk", two["secret_id_accessor"])
    with pytest.raises(InvalidPath):
        approle.list_secret_id_accessors("desk")
    assert approle.read_secret_id("desk", one["secret_id"]).status_code == 204
    with pytest.raises(InvalidPath, match="failed to find accessor"):
        approle.read_secret_id_accessor("desk", two["secret_id_accessor"])
    with pytest.raises(InvalidPath):
        approle.destroy_secret_id("desk", one["secret_id"])


def test_a_secret_id_may_be_chosen_once(approle: Hvac) -> None:
    """A custom secret id is taken as it is, and not twice."""
    approle.create_custom_secret_id("desk", "chosen")

    assert login(approle, "chosen")["policies"]
    with pytest.raises(InvalidRequest, match="already registered"):
        approle.create_custom_secret_id("desk", "chosen")


def test_a_role_without_secret_ids_needs_none(approle: Hvac) -> None:
    """Where the role says so, the role id is enough."""
    approle.create_or_update_approle("open", bind_secret_id=False)
    role_id = approle.read_role_id("open")["data"]["role_id"]

    assert approle.login(role_id, use_token=False)["auth"]["policies"] == ["default"]


def test_roles_are_listed_read_changed_and_removed(approle: Hvac) -> None:
    """A change keeps what it does not name, the role id too."""
    role_id = approle.read_role_id("desk")["data"]["role_id"]
    approle.create_or_update_approle("DESK", token_num_uses=7)

    role = approle.read_role("desk")["data"]
    assert (role["token_ttl"], role["token_num_uses"]) == (1200, 7)
    assert approle.list_roles()["data"]["keys"] == ["desk"]
    assert approle.read_role_id("desk")["data"]["role_id"] == role_id
    approle.update_role_id("desk", "known-id")
    assert approle.read_role_id("desk")["data"]["role_id"] == "known-id"
    approle.delete_role("desk")
    with pytest.raises(InvalidPath):
        approle.read_role("desk")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("role/x", {"token_ttl": "2h", "token_max_ttl": "1h"}, "greater than token_max_ttl"),
        ("role/x", {"token_ttl": "soon"}, 'field "token_ttl"'),
        ("role/x", {"token_num_uses": "many"}, 'field "token_num_uses"'),
        ("role/x", {"bind_secret_id": "perhaps"}, 'field "bind_secret_id"'),
        ("role/x", {"token_policies": 7}, 'field "token_policies"'),
        ("role/desk/secret-id", {"metadata": "no json"}, "failed to parse metadata"),
        ("role/desk/secret-id", {"metadata": "[1]"}, "failed to parse metadata"),
        ("role/desk/role-id", {}, "missing role_id"),
        ("login", {"role_id": {"a": 1}}, 'field "role_id"'),
    ],
)
def test_a_malformed_request_is_refused(
    approle: Hvac, root: Hvac, path: str, body: dict[str, object], words: str
) -> None:
    """The field that is wrong is named, and nothing is changed."""
    assert approle.read_role("desk")
    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/auth/approle/{path}", json=body)

    assert approle.list_roles()["data"]["keys"] == ["desk"]


def test_who_fails_too_often_waits(approle: Hvac, devvault: DevelopmentVault) -> None:
    """Even with the right secret, for a quarter of an hour."""
    secret_id = approle.generate_secret_id("desk")["data"]["secret_id"]
    for _ in range(5):
        with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
            login(approle, "wrong")

    with pytest.raises(Forbidden, match="permission denied"):
        login(approle, secret_id)
    devvault.let_pass(901)
    assert login(approle, secret_id)


def test_a_success_forgets_the_failures(approle: Hvac) -> None:
    """Only failures in a row count."""
    secret_id = approle.generate_secret_id("desk")["data"]["secret_id"]
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(InvalidRequest):
                login(approle, "wrong")
        login(approle, secret_id)


def test_a_secret_id_is_good_in_its_network_alone(approle: Hvac, root: Hvac) -> None:
    """And says from where its token may be used."""
    inside, outside = (
        approle.generate_secret_id("desk", cidr_list=[network])["data"]["secret_id"]
        for network in ("127.0.0.1/32", "10.0.0.0/8")
    )

    assert login(approle, inside)
    with pytest.raises(InvalidRequest, match="unauthorized by CIDR restrictions"):
        login(approle, outside)
    approle.create_or_update_approle("desk", token_bound_cidrs=["10.0.0.0/8"])
    with pytest.raises(Forbidden):
        login(approle, inside)
    assert root.adapter.post("/v1/auth/approle/tidy/secret-id").status_code == 202


def test_each_setting_has_a_path_of_its_own(root: Hvac, approle: Hvac) -> None:
    """To read, to write and to take back."""
    path = "/v1/auth/approle/role/desk/token-num-uses"
    root.adapter.post(path, json={"token_num_uses": 3})

    assert root.adapter.get(path)["data"] == {"token_num_uses": 3}
    root.adapter.delete(path)
    assert approle.read_role("desk")["data"]["token_num_uses"] == 0
    root.adapter.post("/v1/auth/approle/role/desk/policies", json={"policies": "a,b"})
    assert approle.read_role("desk")["data"]["token_policies"] == ["a", "b"]
    with pytest.raises(InvalidRequest, match="missing token_num_uses"):
        root.adapter.post(path, json={})
