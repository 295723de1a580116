"""The versioned key-value engine."""

from typing import Any

import pytest
from hvac.exceptions import InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture
def kv(root: Hvac) -> Hvac:
    """Give the engine's API."""
    return root.secrets.kv.v2


def read(kv: Hvac, path: str, version: int | None = None) -> dict[str, Any]:
    """Read a secret."""
    found: dict[str, Any] = kv.read_secret_version(
        path, version=version, raise_on_deleted_version=True
    )["data"]
    return found


def test_nothing_there_is_nothing(kv: Hvac) -> None:
    """Reading and listing what was never written answers 404."""
    with pytest.raises(InvalidPath):
        read(kv, "a")
    with pytest.raises(InvalidPath):
        kv.list_secrets("")
    with pytest.raises(InvalidPath):
        kv.read_secret_metadata("a")


def test_each_write_is_a_version(kv: Hvac) -> None:
    """The newest is read unless another is asked for."""
    for number in (1, 2):
        answer = kv.create_or_update_secret("a/b", {"n": number})
        assert answer["data"]["version"] == number

    assert read(kv, "a/b")["data"] == {"n": 2}
    assert read(kv, "a/b", 1)["data"] == {"n": 1}
    with pytest.raises(InvalidPath):
        read(kv, "a/b", 3)


def test_a_check_and_set_protects_from_overwriting(kv: Hvac) -> None:
    """Who expects another version than the current one is refused."""
    kv.create_or_update_secret("a", {"n": 1}, cas=0)

    with pytest.raises(InvalidRequest, match="did not match the current version"):
        kv.create_or_update_secret("a", {"n": 2}, cas=0)
    kv.update_metadata("a", cas_required=True)
    with pytest.raises(InvalidRequest, match="check-and-set parameter required"):
        kv.create_or_update_secret("a", {"n": 2})
    kv.create_or_update_secret("a", {"n": 2}, cas=1)


def test_a_deleted_version_can_be_had_back_and_a_destroyed_one_not(kv: Hvac) -> None:
    """A deletion answers 404 with what is known of the version."""
    kv.create_or_update_secret("a", {"n": 1})
    kv.delete_latest_version_of_secret("a")
    gone = kv.read_secret_version("a", raise_on_deleted_version=False)
    assert gone["data"]["data"] is None
    assert gone["data"]["metadata"]["deletion_time"]

    kv.undelete_secret_versions("a", [1])
    assert read(kv, "a")["data"] == {"n": 1}
    kv.delete_secret_versions("a", [1])
    with pytest.raises(InvalidPath):
        read(kv, "a")
    kv.destroy_secret_versions("a", [1])
    kv.undelete_secret_versions("a", [1])
    gone = kv.read_secret_version("a", raise_on_deleted_version=False)
    assert gone["data"]["metadata"]["destroyed"]


def test_old_versions_are_forgotten(kv: Hvac) -> None:
    """Ten are kept, or as many as the metadata says."""
    for number in range(12):
        kv.create_or_update_secret("a", {"n": number})
    assert min(kv.read_secret_metadata("a")["data"]["versions"], key=int) == "3"

    kv.update_metadata("a", max_versions=2, custom_metadata={"owner": "desk"})
    kv.create_or_update_secret("a", {"n": 12})

    metadata = kv.read_secret_metadata("a")["data"]
    assert sorted(metadata["versions"]) == ["12", "13"]
    assert (metadata["oldest_version"], metadata["current_version"]) == (12, 13)
    assert read(kv, "a")["metadata"]["custom_metadata"] == {"owner": "desk"}


def test_a_list_shows_one_level(kv: Hvac) -> None:
    """Folders end in a slash and stand once."""
    for path in ("a", "b/c", "b/d", "b/e/f"):
        kv.create_or_update_secret(path, {"n": 1})

    assert kv.list_secrets("")["data"]["keys"] == ["a", "b/"]
    assert kv.list_secrets("b")["data"]["keys"] == ["c", "d", "e/"]


def test_forgetting_a_secret_leaves_nothing(kv: Hvac) -> None:
    """All versions and the metadata go at once; deleting again is no error."""
    kv.create_or_update_secret("a", {"n": 1})

    kv.delete_metadata_and_all_versions("a")
    kv.delete_metadata_and_all_versions("a")
    kv.delete_latest_version_of_secret("a")

    with pytest.raises(InvalidPath):
        kv.read_secret_metadata("a")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("data/a", {}, "no data provided"),
        ("data/a", {"data": "text"}, 'field "data"'),
        ("delete/a", {}, "No version number provided"),
        ("metadata/a", {"custom_metadata": {"n": 1}}, 'field "custom_metadata"'),
    ],
)
def test_a_malformed_write_is_refused(
    root: Hvac, path: str, body: dict[str, object], words: str
) -> None:
    """What is missing is said."""
    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/secret/{path}", json=body)


def test_a_write_needs_create_or_update(root: Hvac, child: Hvac) -> None:
    """The first write creates, the next one updates, and each needs its capability."""
    creator = child('path "secret/data/*" { capabilities = ["create"] }').secrets.kv.v2
    creator.create_or_update_secret("new", {"n": 1})

    with pytest.raises(Exception, match="permission denied"):
        creator.create_or_update_secret("new", {"n": 2})
    assert read(root.secrets.kv.v2, "new")["data"] == {"n": 1}


def test_a_patch_changes_what_it_names(kv: Hvac, root: Hvac) -> None:
    """Null removes a field, an object is changed inside, and nothing there is nothing to change."""
    kv.create_or_update_secret("a", {"n": 1, "gone": 1, "in": {"x": 1, "y": 2}})
    headers = {"Content-Type": "application/merge-patch+json"}

    def patch(path: str, body: dict[str, object]) -> dict[str, Any]:
        url = f"/v1/secret/{path}"
        answer: dict[str, Any] = root.adapter.request("patch", url, json=body, headers=headers)
        return answer

    answer = patch("data/a", {"data": {"gone": None, "in": {"y": 3}}, "options": {"cas": 1}})

    assert answer["data"]["version"] == 2
    assert read(kv, "a")["data"] == {"n": 1, "in": {"x": 1, "y": 3}}
    with pytest.raises(InvalidPath):
        patch("data/b", {"data": {"n": 1}})
    with pytest.raises(InvalidRequest, match="did not match the current version"):
        patch("data/a", {"data": {}, "options": {"cas": 1}})


def test_an_engines_settings_hold_where_a_secret_has_none(
    kv: Hvac, devvault: DevelopmentVault
) -> None:
    """How many versions, whether a write must say what it expects, and when a version goes."""
    kv.configure(max_versions=2, cas_required=True, delete_version_after="1m30s")
    for cas in range(3):
        kv.create_or_update_secret("a", {"n": cas}, cas=cas)

    assert sorted(kv.read_secret_metadata("a")["data"]["versions"]) == ["2", "3"]
    assert kv.read_configuration()["data"]["delete_version_after"] == "1m30s"
    with pytest.raises(InvalidRequest, match="check-and-set parameter required"):
        kv.create_or_update_secret("a", {"n": 3})
    devvault.let_pass(91)
    with pytest.raises(InvalidPath):
        read(kv, "a")


def test_the_names_of_fields_can_be_had_without_their_values(kv: Hvac, root: Hvac) -> None:
    """Down to the depth asked for."""
    kv.create_or_update_secret("a", {"n": 1, "in": {"x": {"y": 2}}})

    def names(query: str) -> object:
        return root.adapter.get(f"/v1/secret/subkeys/a{query}")["data"]["subkeys"]

    assert names("") == {"n": None, "in": {"x": {"y": None}}}
    assert names("?depth=1") == {"n": None, "in": None}
