"""Tokens: who may make which, how long they live, and what ends with them."""

from collections.abc import Callable
from typing import Any

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault

CREATE = 'path "auth/token/create" { capabilities = ["update"] }'
READ_A = 'path "secret/data/a" { capabilities = ["read"] }'


def test_a_request_without_a_token_is_denied(connect: Callable[[str], Hvac]) -> None:
    """Whoever shows nothing gets nothing."""
    with pytest.raises(Forbidden, match="permission denied"):
        connect("").secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)


def test_an_unknown_token_is_denied(connect: Callable[[str], Hvac]) -> None:
    """A made-up token is told to be invalid."""
    with pytest.raises(Forbidden, match="invalid token"):
        connect("hvs.unknown").auth.token.lookup_self()


def test_the_wrong_policy_is_denied(child: Callable[..., Hvac]) -> None:
    """A token reads what its policy names; beside it even the existence is hidden."""
    client = child(READ_A)
    with pytest.raises(InvalidPath):
        client.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)
    with pytest.raises(Forbidden):
        client.secrets.kv.v2.read_secret_version("b", raise_on_deleted_version=True)
    with pytest.raises(Forbidden):
        client.adapter.get("/v1/no/such/mount")


def test_a_policy_that_changes_changes_its_tokens(root: Hvac, child: Callable[..., Hvac]) -> None:
    """A token names its policies; what they say is looked up at each request."""
    client = child(READ_A)
    root.sys.create_or_update_policy("tried", READ_A.replace("read", "deny"))

    with pytest.raises(Forbidden):
        client.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)


def test_a_child_has_no_more_policies_than_its_parent(child: Callable[..., Hvac]) -> None:
    """Authority only narrows on the way down."""
    client = child(CREATE)
    inherited = client.auth.token.create()["auth"]

    assert inherited["policies"] == ["tried"]
    with pytest.raises(InvalidRequest, match="child policies must be subset of parent"):
        client.auth.token.create(policies=["tried", "other"])
    with pytest.raises(InvalidRequest, match="child policies must be subset of parent"):
        client.auth.token.create(policies=["root"])


def test_root_gives_the_default_policy_unless_told_not_to(root: Hvac) -> None:
    """The default policy comes by itself."""
    assert root.auth.token.create(policies=["x"])["auth"]["policies"] == ["default", "x"]
    bare = root.auth.token.create(policies=["x"], no_default_policy=True)["auth"]
    assert bare["policies"] == ["x"]
    assert root.auth.token.create()["auth"]["policies"] == ["root"]


@pytest.mark.parametrize("option", [{"id": "mine"}, {"period": "1h"}, {"no_parent": True}], ids=str)
def test_some_options_need_sudo(child: Callable[..., Hvac], option: dict[str, Any]) -> None:
    """Choosing the token's text, its period or no parent is not for everyone."""
    with pytest.raises(InvalidRequest, match="root or sudo privileges required"):
        child(CREATE).auth.token.create(**option)


def test_no_token_takes_the_text_of_another(root: Hvac) -> None:
    """A chosen text is unused or refused."""
    root.auth.token.create(id="mine", policies=["x"])

    with pytest.raises(InvalidRequest, match="duplicate ID"):
        root.auth.token.create(id="mine", policies=["y"])


def test_a_token_with_counted_uses_makes_no_children(child: Callable[..., Hvac]) -> None:
    """A count could be multiplied by children."""
    with pytest.raises(InvalidRequest, match="restricted use token cannot generate child tokens"):
        child(CREATE, num_uses=5).auth.token.create()


def test_uses_are_counted_also_when_denied(child: Callable[..., Hvac]) -> None:
    """Each authenticated request costs a use; after the last the token is gone."""
    client = child(READ_A, num_uses=2)
    for path, error in (("b", Forbidden), ("a", InvalidPath)):
        with pytest.raises(error):
            client.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)

    with pytest.raises(Forbidden, match="invalid token"):
        client.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)


def test_a_token_dies_when_its_time_is_over(
    devvault: DevelopmentVault, root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """The second after its time to live, it is unknown."""
    token = root.auth.token.create(policies=["default"], ttl="90s")["auth"]
    client = connect(token["client_token"])
    devvault.let_pass(60)
    assert 20 < client.auth.token.lookup_self()["data"]["ttl"] <= 30

    devvault.let_pass(31)

    with pytest.raises(Forbidden, match="invalid token"):
        client.auth.token.lookup_self()


def test_an_explicit_maximum_caps_and_warns(root: Hvac) -> None:
    """Who asks for more than the maximum gets the maximum and a warning."""
    answer = root.auth.token.create(policies=["x"], ttl="2h", explicit_max_ttl="1h")

    assert answer["auth"]["lease_duration"] == 3600
    assert answer["warnings"] == [
        'TTL of "7200s" exceeded the effective max_ttl of "3600s"; TTL value is capped accordingly'
    ]


def test_renewal_stops_at_the_maximum(
    devvault: DevelopmentVault, root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """A token lives on from renewal to renewal, but not beyond its explicit maximum."""
    made = root.auth.token.create(policies=["default"], ttl="60s", explicit_max_ttl="100s")
    client = connect(made["auth"]["client_token"])
    devvault.let_pass(50)
    assert 40 < client.auth.token.renew_self(increment="60s")["auth"]["lease_duration"] <= 50

    devvault.let_pass(30)
    assert 10 < client.auth.token.lookup_self()["data"]["ttl"] <= 20
    devvault.let_pass(21)

    with pytest.raises(Forbidden):
        client.auth.token.lookup_self()


def test_a_periodic_token_lives_as_long_as_it_is_renewed(
    devvault: DevelopmentVault, root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """Each renewal gives the period anew."""
    made = root.auth.token.create(policies=["default"], period="60s")
    client = connect(made["auth"]["client_token"])
    for _ in range(3):
        devvault.let_pass(50)
        assert client.auth.token.renew_self()["auth"]["lease_duration"] == 60

    assert client.auth.token.lookup_self()["data"]["period"] == 60


def test_what_is_not_renewable_is_not_renewed(root: Hvac) -> None:
    """A token that was made so keeps its end."""
    made = root.auth.token.create(policies=["default"], ttl="60s", renewable=False)["auth"]

    with pytest.raises(InvalidRequest, match="lease is not renewable"):
        root.auth.token.renew(made["client_token"])
    with pytest.raises(InvalidRequest, match="lease is not renewable"):
        root.auth.token.renew_accessor(made["accessor"])


def test_revocation_ends_the_whole_family(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """Children and their children die with the one that is revoked; orphans stay."""
    root.sys.create_or_update_policy(
        "family",
        'path "auth/token/create" { capabilities = ["update"] }\n'
        'path "auth/token/create-orphan" { capabilities = ["update", "sudo"] }',
    )
    parent = root.auth.token.create(policies=["family"])["auth"]["client_token"]
    middle = connect(parent).auth.token.create()["auth"]["client_token"]
    last = connect(middle).auth.token.create()["auth"]["client_token"]
    orphan = connect(middle).auth.token.create_orphan()["auth"]["client_token"]

    root.auth.token.revoke(parent)

    for token in (parent, middle, last):
        with pytest.raises(Forbidden):
            connect(token).auth.token.lookup_self()
    assert connect(orphan).auth.token.lookup_self()["data"]["orphan"]


def test_a_token_can_be_revoked_without_its_children(
    root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """`revoke-orphan` lets the children live on, without a parent."""
    root.sys.create_or_update_policy("parent", CREATE)
    parent = root.auth.token.create(policies=["parent"])["auth"]["client_token"]
    last = connect(parent).auth.token.create()["auth"]["client_token"]

    root.auth.token.revoke_and_orphan_children(parent)

    assert connect(last).auth.token.lookup_self()["data"]["orphan"]


def test_an_accessor_looks_up_and_revokes_but_does_not_log_in(
    devvault: DevelopmentVault, root: Hvac, connect: Callable[[str], Hvac]
) -> None:
    """Whoever holds the accessor does not hold the token."""
    made = root.auth.token.create(policies=["x"], meta={"call": "c-1"})["auth"]
    found = root.auth.token.lookup_accessor(made["accessor"])["data"]

    assert (found["id"], found["meta"]) == ("", {"call": "c-1"})
    assert made["accessor"] in root.auth.token.list_accessors()["data"]["keys"]
    with pytest.raises(Forbidden):
        connect(made["accessor"]).auth.token.lookup_self()
    root.auth.token.revoke_accessor(made["accessor"])
    assert devvault.live_tokens(accessor=made["accessor"]) == []


def test_revoking_what_is_gone_is_no_error(root: Hvac) -> None:
    """Whoever revokes again learns that there was nothing."""
    root.auth.token.revoke("hvs.unknown")

    answer = root.auth.token.revoke_accessor("unknown")

    assert answer["warnings"] == ["No token found with this accessor"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("lookup", Forbidden, "bad token"),
        ("lookup_accessor", InvalidRequest, "invalid accessor"),
        ("renew", Forbidden, "token not found"),
        ("renew_accessor", InvalidRequest, "invalid accessor"),
    ],
)
def test_what_is_gone_cannot_be_looked_up(
    root: Hvac, call: str, error: type[Exception], words: str
) -> None:
    """The words are Vault's."""
    with pytest.raises(error, match=words):
        getattr(root.auth.token, call)("unknown")


def test_a_role_decides_what_its_tokens_may(root: Hvac, connect: Callable[[str], Hvac]) -> None:
    """Through a role a token gets the role's policies, whatever its maker has."""
    root.write(
        "auth/token/roles/tool",
        allowed_policies=["tool"],
        renewable=False,
        token_explicit_max_ttl="60s",
        token_no_default_policy=True,
    )
    root.sys.create_or_update_policy(
        "maker", 'path "auth/token/create/tool" { capabilities = ["update"] }'
    )
    maker = connect(root.auth.token.create(policies=["maker"])["auth"]["client_token"])

    made = maker.auth.token.create(role_name="tool", ttl="1h")

    assert made["auth"]["policies"] == ["tool"]
    assert made["auth"]["lease_duration"] == 60
    assert not made["auth"]["renewable"]
    with pytest.raises(InvalidRequest, match="must be subset of the role's allowed policies"):
        maker.auth.token.create(role_name="tool", policies=["maker"])
    with pytest.raises(Forbidden):
        maker.auth.token.create()


def test_a_role_may_allow_and_bar_by_pattern(root: Hvac) -> None:
    """A pattern with `*` names many policies."""
    root.write(
        "auth/token/roles/many",
        allowed_policies_glob=["team-*"],
        disallowed_policies=["team-admin"],
    )

    made = root.auth.token.create(role_name="many", policies=["team-a"])
    assert "team-a" in made["auth"]["policies"]
    with pytest.raises(InvalidRequest, match="disallowed by this role"):
        root.auth.token.create(role_name="many", policies=["team-admin"])


def test_roles_are_listed_read_changed_and_removed(root: Hvac) -> None:
    """A change keeps what it does not name."""
    root.auth.token.create_or_update_role("one", allowed_policies=["a"], renewable=False)
    root.write("auth/token/roles/one", token_num_uses=3)

    assert root.auth.token.list_roles()["data"]["keys"] == ["one"]
    role = root.auth.token.read_role("one")["data"]
    assert (role["allowed_policies"], role["token_num_uses"]) == (["a"], 3)
    assert not role["renewable"]
    root.auth.token.delete_role("one")
    with pytest.raises(InvalidPath):
        root.auth.token.read_role("one")
    with pytest.raises(InvalidRequest, match="unknown role one"):
        root.auth.token.create(role_name="one")
