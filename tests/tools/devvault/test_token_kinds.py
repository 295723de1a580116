"""Batch tokens, bound tokens, and what their roles say of them."""

from collections.abc import Callable

import pytest
from hvac.exceptions import Forbidden, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


def test_a_batch_token_works_and_cannot_be_held_on_to(
    root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """It has no accessor, makes no other, is not renewed and not revoked."""
    made = root.auth.token.create(policies=["default"], type="batch", ttl="60s")["auth"]
    client = connect(made["client_token"])

    assert made["client_token"].startswith("hvb.")
    assert (made["accessor"], made["renewable"], made["token_type"]) == ("", False, "batch")
    assert client.auth.token.lookup_self()["data"]["type"] == "batch"
    for call, words in (
        (client.auth.token.revoke_self, "cannot be revoked"),
        (client.auth.token.renew_self, "not renewable"),
        (lambda: root.auth.token.revoke(made["client_token"]), "cannot be revoked"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            call()
    assert client.auth.token.lookup_self()


def test_a_batch_token_dies_with_its_parent_and_its_time(
    root: Hvac,
    child: Callable[..., Hvac],
    connect: Callable[[str], Hvac],
    devvault: DevelopmentVault,
) -> None:
    """Nothing else ends it."""
    parent = child(
        'path "auth/token/create" { capabilities = ["update"] }\n'
        'path "auth/token/lookup-self" { capabilities = ["read"] }'
    )
    short, long = (
        connect(parent.auth.token.create(type="batch", ttl=ttl)["auth"]["client_token"])
        for ttl in ("60s", "1h")
    )
    devvault.let_pass(61)
    with pytest.raises(Forbidden):
        short.auth.token.lookup_self()
    assert long.auth.token.lookup_self()

    root.auth.token.revoke(parent.token)
    with pytest.raises(Forbidden):
        long.auth.token.lookup_self()


def test_a_batch_token_makes_no_tokens(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """Neither of its kind nor of the other."""
    root.sys.create_or_update_policy(
        "make", 'path "auth/token/create" { capabilities = ["update"] }'
    )
    made = root.auth.token.create(policies=["make"], type="batch")["auth"]

    with pytest.raises(InvalidRequest, match="batch tokens cannot create more tokens"):
        connect(made["client_token"]).auth.token.create()


@pytest.mark.parametrize(
    "option", [{"num_uses": 2}, {"period": "1h"}, {"explicit_max_ttl": "1h"}], ids=str
)
def test_what_must_be_kept_of_a_token_no_batch_token_has(
    root: Hvac, option: dict[str, object]
) -> None:
    """There is nothing that could count."""
    with pytest.raises(InvalidRequest, match="batch tokens cannot have"):
        root.auth.token.create(policies=["x"], type="batch", **option)
    with pytest.raises(InvalidRequest, match="batch tokens cannot be root"):
        root.auth.token.create(type="batch")


def test_a_role_may_give_batch_tokens_without_parents(root: Hvac) -> None:
    """With a parent it may not."""
    with pytest.raises(InvalidRequest, match="non-orphan"):
        root.write("auth/token/roles/tool", token_type="batch")
    root.write("auth/token/roles/tool", token_type="batch", orphan=True)

    made = root.auth.token.create(role_name="tool", policies=["x"])["auth"]
    assert (made["token_type"], made["orphan"]) == ("batch", True)
    with pytest.raises(InvalidRequest, match="invalid 'token_type'"):
        root.write("auth/token/roles/tool", token_type="odd")


def test_an_approle_may_give_batch_tokens(root: Hvac) -> None:
    """Where it says so."""
    root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle("desk", bind_secret_id=False, token_type="batch")
    role_id = root.auth.approle.read_role_id("desk")["data"]["role_id"]

    made = root.auth.approle.login(role_id, use_token=False)["auth"]
    assert (made["token_type"], made["accessor"]) == ("batch", "")


@pytest.mark.parametrize(("network", "is_inside"), [("127.0.0.0/8", True), ("10.0.0.0/8", False)])
def test_a_bound_token_is_good_in_its_network_alone(
    root: Hvac,
    connect: Callable[[str], Hvac],
    network: str,
    is_inside: bool,  # noqa: FBT001 - a table
) -> None:
    """Elsewhere it is denied like any other that may not."""
    root.write("auth/token/roles/tool", token_bound_cidrs=[network])
    made = root.auth.token.create(role_name="tool", policies=["default"])["auth"]
    client = connect(made["client_token"])

    if is_inside:
        assert client.auth.token.lookup_self()["data"]["bound_cidrs"] == [network]
    else:
        with pytest.raises(Forbidden):
            client.auth.token.lookup_self()
    with pytest.raises(InvalidRequest, match="not an IP network"):
        root.write("auth/token/roles/tool", token_bound_cidrs=["office"])


def test_the_last_use_makes_no_children(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """A count of one is a count too."""
    root.sys.create_or_update_policy(
        "make", 'path "auth/token/create" { capabilities = ["update"] }'
    )
    made = root.auth.token.create(policies=["make"], num_uses=1)["auth"]

    with pytest.raises(InvalidRequest, match="restricted use token"):
        connect(made["client_token"]).auth.token.create()
