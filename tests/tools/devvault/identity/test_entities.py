"""Entities, groups and aliases: who somebody is, and what that lets their tokens do."""

from collections.abc import Callable

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

READ = 'path "secret/data/{path}" {{ capabilities = ["read"] }}'


@pytest.fixture
def identity(root: Hvac) -> Hvac:
    """Give the engine's API, with an AppRole `desk` to log in with."""
    root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle("desk", bind_secret_id=False)
    root.auth.approle.update_role_id("desk", "desk-id")
    for path in ("a", "b"):
        root.sys.create_or_update_policy(f"read-{path}", READ.format(path=path))
        root.secrets.kv.v2.create_or_update_secret(path, {"n": 1})
    return root.secrets.identity


@pytest.fixture
def entity(root: Hvac, identity: Hvac) -> str:
    """Give the id of the entity `clerk`, who logs in as `desk`."""
    made = identity.create_or_update_entity("clerk", metadata={"team": "a"})["data"]["id"]
    accessor = root.sys.list_auth_methods()["data"]["approle/"]["accessor"]
    identity.create_or_update_entity_alias("desk-id", canonical_id=made, mount_accessor=accessor)
    return str(made)


@pytest.fixture
def log_in(root: Hvac, connect: Callable[[str], Hvac]) -> Callable[[], Hvac]:
    """Return a function that logs `desk` in and gives its client."""

    def log_in() -> Hvac:
        auth = root.auth.approle.login("desk-id", use_token=False)["auth"]
        return connect(auth["client_token"])

    return log_in


def read(client: Hvac, path: str) -> object:
    """Read a secret."""
    return client.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)


def test_nobody_is_known_at_first(identity: Hvac) -> None:
    """Reading and listing answer 404, a look-up nothing."""
    for ask in (
        identity.list_entities,
        identity.list_groups,
        identity.list_entity_aliases,
        identity.list_group_aliases,
        lambda: identity.read_entity("unknown"),
        lambda: identity.read_group_by_name("unknown"),
    ):
        with pytest.raises(InvalidPath):
            ask()
    assert identity.lookup_entity(name="unknown").status_code == 204


def test_who_logs_in_first_becomes_an_entity(identity: Hvac, log_in: Callable[[], Hvac]) -> None:
    """The next login is the same one's; the alias is the role id."""
    one, two = (log_in().auth.token.lookup_self()["data"]["entity_id"] for _ in range(2))

    assert one == two != ""
    (alias,) = identity.read_entity(one)["data"]["aliases"]
    assert (alias["name"], alias["mount_path"]) == ("desk-id", "auth/approle/")


def test_an_entitys_policies_are_its_tokens(
    identity: Hvac, entity: str, log_in: Callable[[], Hvac]
) -> None:
    """Also the tokens it has already, and their children; not longer than the entity has them."""
    client = log_in()
    with pytest.raises(Forbidden):
        read(client, "a")

    identity.update_entity(entity, policies=["read-a"])
    assert read(client, "a")
    assert client.auth.token.lookup_self()["data"]["identity_policies"] == ["read-a"]
    identity.update_entity(entity, policies=[])
    with pytest.raises(Forbidden):
        read(client, "a")


def test_a_child_is_its_parents_entity_and_an_orphan_nobody(
    root: Hvac, identity: Hvac, entity: str, connect: Callable[[str], Hvac]
) -> None:
    """So a child keeps what the entity may, beside its own policies."""
    identity.update_entity(entity, policies=["read-a"])
    create = 'path "auth/token/create{}" {{ capabilities = ["update", "sudo"] }}\n'
    root.sys.create_or_update_policy("make", create.format("") + create.format("-orphan"))
    root.auth.approle.create_or_update_approle("desk", token_policies=["make"])
    login = connect(root.auth.approle.login("desk-id", use_token=False)["auth"]["client_token"])

    child = login.auth.token.create(policies=["default"])["auth"]
    orphan = login.auth.token.create_orphan(policies=["default"])["auth"]

    assert (child["entity_id"], orphan["entity_id"]) == (entity, "")
    assert child["policies"] == ["default", "read-a"]
    assert read(connect(child["client_token"]), "a")
    with pytest.raises(Forbidden):
        read(connect(orphan["client_token"]), "a")


def test_a_child_may_not_take_its_policies_from_the_entity(
    root: Hvac, identity: Hvac, entity: str, connect: Callable[[str], Hvac]
) -> None:
    """The parent's own policies bound its children's."""
    identity.update_entity(entity, policies=["read-a", "make"])
    root.sys.create_or_update_policy(
        "make", 'path "auth/token/create" { capabilities = ["update"] }'
    )
    login = connect(root.auth.approle.login("desk-id", use_token=False)["auth"]["client_token"])

    with pytest.raises(InvalidRequest, match="child policies must be subset of parent"):
        login.auth.token.create(policies=["read-a"])


def test_disabling_an_entity_stops_all_its_tokens(
    root: Hvac, identity: Hvac, entity: str, log_in: Callable[[], Hvac]
) -> None:
    """At once, also the login; and they go on when it is enabled again."""
    client = log_in()
    root.adapter.post(f"/v1/identity/entity/id/{entity}", json={"disabled": True})
    with pytest.raises(Forbidden):
        client.auth.token.lookup_self()
    with pytest.raises(Forbidden):
        log_in()

    root.adapter.post(f"/v1/identity/entity/id/{entity}", json={"disabled": False})
    client.auth.token.lookup_self()
    assert identity.read_entity_by_name("clerk")["data"]["disabled"] is False


def test_a_groups_policies_are_its_members_and_their_groups(
    identity: Hvac, entity: str, log_in: Callable[[], Hvac]
) -> None:
    """Directly and through a group in a group."""
    client = log_in()
    inner = identity.create_or_update_group(
        "inner", member_entity_ids=[entity], policies=["read-a"]
    )["data"]["id"]
    identity.create_or_update_group("outer", member_group_ids=[inner], policies=["read-b"])

    assert read(client, "a")
    assert read(client, "b")
    shown = identity.read_entity(entity)["data"]
    assert shown["direct_group_ids"] == [inner]
    assert len(shown["inherited_group_ids"]) == 1
    identity.delete_group(inner)
    for path in ("a", "b"):
        with pytest.raises(Forbidden):
            read(client, path)


def test_a_policy_can_name_who_asks(
    root: Hvac, identity: Hvac, entity: str, log_in: Callable[[], Hvac]
) -> None:
    """By what is written on the entity; what cannot be filled in allows nothing."""
    root.sys.create_or_update_policy(
        "own",
        READ.format(path="{{identity.entity.metadata.team}}")
        + READ.format(path="{{identity.entity.metadata.unknown}}"),
    )
    identity.update_entity(entity, policies=["own"])
    client = log_in()

    assert read(client, "a")
    for team in ("b", "*", "+"):
        identity.update_entity(entity, metadata={"team": team})
        with pytest.raises(Forbidden):
            read(client, "a")


def test_everybody_may_read_who_they_are(
    identity: Hvac, entity: str, log_in: Callable[[], Hvac]
) -> None:
    """And nobody else, by the default policy."""
    other = identity.create_or_update_entity("other")["data"]["id"]
    client = log_in()

    assert client.secrets.identity.read_entity(entity)["data"]["name"] == "clerk"
    with pytest.raises(Forbidden):
        client.secrets.identity.read_entity(other)


def test_merging_makes_two_entities_one(
    root: Hvac, identity: Hvac, log_in: Callable[[], Hvac]
) -> None:
    """Aliases move, and the tokens of both go on as the one's."""
    client = log_in()
    old = client.auth.token.lookup_self()["data"]["entity_id"]
    new = identity.create_or_update_entity("clerk", policies=["read-a"])["data"]["id"]

    identity.merge_entities([old], new)

    assert read(client, "a")
    assert identity.read_entity(new)["data"]["aliases"][0]["name"] == "desk-id"
    with pytest.raises(InvalidPath):
        identity.read_entity(old)
    with pytest.raises(InvalidRequest, match="merge from is invalid"):
        identity.merge_entities([new], new)
    root.adapter.post("/v1/identity/entity/batch-delete", json={"entity_ids": [new]})
    assert identity.lookup_entity(entity_id=new).status_code == 204


def test_a_token_can_be_made_for_an_alias_that_its_role_allows(root: Hvac, identity: Hvac) -> None:
    """The entity comes with the alias."""
    root.write("auth/token/roles/tool", allowed_entity_aliases=["agent-*"])

    def made(alias: str, **options: str) -> Hvac:
        body = {"entity_alias": alias, "policies": ["default"]}
        path = "/".join(["auth/token/create", *options.values()])
        return root.adapter.post(f"/v1/{path}", json=body)["auth"]

    entity_id = made("agent-1", role="tool")["entity_id"]
    assert identity.read_entity(entity_id)["data"]["aliases"][0]["name"] == "agent-1"
    assert made("agent-1", role="tool")["entity_id"] == entity_id
    with pytest.raises(InvalidRequest, match="invalid 'entity_alias' value"):
        made("root", role="tool")
    with pytest.raises(InvalidRequest, match="only allowed in combination with token role"):
        made("agent-1")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("entity", {"name": "x", "policies": ["root"]}, "cannot contain root"),
        ("entity", {"id": "unknown"}, "entity not found"),
        ("entity", {"name": "x", "metadata": {"n": 1}}, 'field "metadata"'),
        ("entity/merge", {"to_entity_id": "x"}, "merge to is invalid"),
        ("entity-alias", {"name": "x"}, "missing alias name or mount_accessor"),
        ("entity-alias", {"name": "x", "mount_accessor": "y"}, "invalid mount accessor"),
        ("entity-alias/id/unknown", {"name": "x"}, "invalid alias ID"),
        ("group", {"name": "x", "type": "odd"}, "invalid group type"),
        ("group", {"id": "unknown"}, "group not found"),
        ("group", {"name": "x", "policies": ["root"]}, "cannot contain root"),
        ("group", {"name": "x", "member_entity_ids": ["unknown"]}, "invalid entity ID"),
        ("group", {"name": "x", "member_group_ids": ["unknown"]}, "invalid group ID"),
        ("group", {"type": "external", "member_entity_ids": ["x"]}, "set manually"),
        ("lookup/entity", {}, "query parameters not supplied"),
    ],
)
def test_what_cannot_be_is_refused(
    root: Hvac, identity: Hvac, path: str, body: dict[str, object], words: str
) -> None:
    """And leaves nothing behind."""
    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/identity/{path}", json=body)

    with pytest.raises(InvalidPath):
        identity.list_entities()
    with pytest.raises(InvalidPath):
        identity.list_groups()


def test_a_group_cannot_contain_itself(identity: Hvac) -> None:
    """Neither at once nor through another."""
    one = identity.create_or_update_group("one")["data"]["id"]
    two = identity.create_or_update_group("two", member_group_ids=[one])["data"]["id"]

    for members in ([one], [two]):
        with pytest.raises(InvalidRequest, match="contains itself"):
            identity.update_group(one, "one", member_group_ids=members)


def test_an_external_groups_alias_is_looked_up(root: Hvac, identity: Hvac) -> None:
    """An internal group has none."""
    accessor = root.sys.list_auth_methods()["data"]["approle/"]["accessor"]
    group = identity.create_or_update_group("staff", group_type="external")["data"]["id"]
    inner = identity.create_or_update_group("inner")["data"]["id"]
    made = identity.create_or_update_group_alias(
        "staff@idp", canonical_id=group, mount_accessor=accessor
    )["data"]

    found = identity.lookup_group(alias_name="staff@idp", alias_mount_accessor=accessor)["data"]
    assert (found["id"], found["alias"]["id"]) == (group, made["id"])
    with pytest.raises(InvalidRequest, match="external group"):
        identity.create_or_update_group_alias("x", canonical_id=inner, mount_accessor=accessor)
    identity.delete_group_alias(made["id"])
    assert identity.lookup_group(alias_id=made["id"]).status_code == 204
