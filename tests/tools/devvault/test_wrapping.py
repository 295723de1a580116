"""Response wrapping: an answer for the one who comes first, and a sign for who comes second."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hvac.exceptions import Forbidden, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault

WRAP = {"X-Vault-Wrap-TTL": "60s"}


def wrapped(http: httpx.Client, path: str = "secret/data/a") -> dict[str, Any]:
    """Return the wrapping of a secret."""
    http.post("secret/data/a", json={"data": {"n": 1}})
    answer: dict[str, Any] = http.get(path, headers=WRAP).json()
    return answer


def test_a_wrapped_answer_holds_nothing_but_the_wrapping(http: httpx.Client) -> None:
    """Where it comes from is told, what it is not."""
    answer = wrapped(http)

    assert answer["data"] is None
    assert answer["wrap_info"]["creation_path"] == "secret/data/a"
    assert answer["wrap_info"]["ttl"] == 60


def test_the_first_gets_the_answer_as_it_was_and_the_second_nothing(http: httpx.Client) -> None:
    """Also the request id is the first request's."""
    answer = wrapped(http)
    token = {"token": answer["wrap_info"]["token"]}

    first = http.post("sys/wrapping/unwrap", json=token).json()
    second = http.post("sys/wrapping/unwrap", json=token)

    assert first["data"]["data"] == {"n": 1}
    assert first["request_id"] == answer["request_id"]
    assert (second.status_code, second.json()["errors"]) == (
        400,
        ["wrapping token is not valid or does not exist"],
    )


def test_the_wrapping_token_unwraps_by_itself_and_does_nothing_else(
    http: httpx.Client, connect: Callable[[str], Hvac]
) -> None:
    """It has one use, and one path to use it on; a use elsewhere ends it."""
    one, two = (wrapped(http)["wrap_info"]["token"] for _ in range(2))

    assert connect(one).sys.unwrap()["data"]["data"] == {"n": 1}
    with pytest.raises(Forbidden):
        connect(two).auth.token.lookup_self()
    with pytest.raises(InvalidRequest, match="wrapping token is not valid"):
        connect(two).sys.unwrap()


def test_a_wrapping_ends_with_its_time(http: httpx.Client, devvault: DevelopmentVault) -> None:
    """After that it is as if it had been unwrapped."""
    token = {"token": wrapped(http)["wrap_info"]["token"]}
    devvault.let_pass(61)

    assert http.post("sys/wrapping/unwrap", json=token).status_code == 400
    assert http.post("sys/wrapping/lookup", json=token).status_code == 400


def test_a_lookup_tells_where_it_comes_from_and_uses_nothing_up(http: httpx.Client) -> None:
    """Whoever holds the token may ask, without another one."""
    token = wrapped(http)["wrap_info"]["token"]
    del http.headers["X-Vault-Token"]

    found = http.post("sys/wrapping/lookup", json={"token": token}).json()["data"]

    assert (found["creation_path"], found["creation_ttl"]) == ("secret/data/a", 60)
    headers = {"X-Vault-Token": token}
    assert http.post("sys/wrapping/unwrap", headers=headers).status_code == 200


def test_a_rewrap_gives_a_new_token_for_the_same(http: httpx.Client) -> None:
    """The old one is worth nothing any more; the origin stays."""
    old = wrapped(http)["wrap_info"]["token"]
    new = http.post("sys/wrapping/rewrap", json={"token": old}).json()["wrap_info"]

    assert new["creation_path"] == "secret/data/a"
    assert http.post("sys/wrapping/unwrap", json={"token": old}).status_code == 400
    inside = http.post("sys/wrapping/unwrap", json={"token": new["token"]}).json()
    assert inside["data"]["data"] == {"n": 1}


def test_what_is_inside_can_be_revoked_without_being_seen(root: Hvac) -> None:
    """The accessor of a wrapped token, or of a wrapped secret id, comes with the wrapping."""
    made = root.auth.token.create(policies=["x"], wrap_ttl="60s")["wrap_info"]
    root.auth.token.revoke_accessor(made["wrapped_accessor"])

    inside = root.sys.unwrap(made["token"])["auth"]["client_token"]
    with pytest.raises(Forbidden):
        root.auth.token.lookup(inside)
    root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle("desk")
    secret_id = root.auth.approle.generate_secret_id("desk", wrap_ttl="60s")["wrap_info"]
    root.auth.approle.destroy_secret_id_accessor("desk", secret_id["wrapped_accessor"])


def test_anything_can_be_wrapped_by_hand(http: httpx.Client) -> None:
    """Without a time to live there is nothing to do."""
    answer = http.post("sys/wrapping/wrap", json={"n": 1}, headers=WRAP).json()
    token = {"token": answer["wrap_info"]["token"]}

    assert http.post("sys/wrapping/unwrap", json=token).json()["data"] == {"n": 1}
    assert http.post("sys/wrapping/wrap", json={"n": 1}).status_code == 400


@pytest.mark.parametrize("ttl", ["soon", "0", "-5s"])
def test_a_time_to_live_that_is_none_is_refused(http: httpx.Client, ttl: str) -> None:
    """An answer that should have been wrapped does not come in the clear."""
    answer = http.get("auth/token/lookup-self", headers={"X-Vault-Wrap-TTL": ttl})

    assert answer.status_code == 400
    assert "wrap ttl" in answer.json()["errors"][0]


def test_errors_and_empty_answers_are_not_wrapped(http: httpx.Client) -> None:
    """There is nothing in them to keep."""
    assert http.get("secret/data/none", headers=WRAP).json() == {"errors": []}
    written = http.post("secret/metadata/a", json={"max_versions": 1}, headers=WRAP)
    assert written.status_code == 204


def test_a_policy_can_force_wrapping(http: httpx.Client, child: Callable[..., Hvac]) -> None:
    """In the clear, or wrapped for too long or too short, the secret cannot be had."""
    http.post("secret/data/a", json={"data": {"n": 1}})
    client = child(
        'path "secret/data/a" { capabilities = ["read"] '
        'min_wrapping_ttl = "10s" max_wrapping_ttl = "90s" }'
    )

    for ttl in (None, "5s", "2m"):
        with pytest.raises(Forbidden):
            client.adapter.get("/v1/secret/data/a", wrap_ttl=ttl)
    assert client.adapter.get("/v1/secret/data/a", wrap_ttl="60s")["wrap_info"]["token"]
