"""The audit device: who did what, without the secrets it was done with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hvac.exceptions import Forbidden, InternalServerError, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the path of a log."""
    return tmp_path / "audit.log"


def enable(root: Hvac, log: Path, **options: str) -> None:
    """Begin to record."""
    root.sys.enable_audit_device("file", path="file", options={"file_path": str(log), **options})


def records(log: Path) -> list[dict[str, Any]]:
    """Return what was recorded."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_request_and_its_answer_are_recorded(root: Hvac, log: Path) -> None:
    """Both under the request's id; the answer's secrets are digests."""
    enable(root, log)
    answer = root.secrets.kv.v2.create_or_update_secret("a", {"key": "planted-1"})

    asked, answered = records(log)[-2:]
    assert (asked["type"], answered["type"]) == ("request", "response")
    assert asked["request"]["id"] == answered["request"]["id"] == answer["request_id"]
    assert (asked["request"]["operation"], asked["request"]["path"]) == ("update", "secret/data/a")
    assert asked["auth"]["display_name"] == "root"


def test_no_secret_stands_in_the_log(root: Hvac, log: Path, devvault: DevelopmentVault) -> None:
    """Neither what is written or read, nor a token, nor an accessor."""
    enable(root, log)
    made = root.auth.token.create(policies=["x"], meta={"call": "c-1"})["auth"]
    wrapped = root.auth.token.create(policies=["x"], wrap_ttl="60s")["wrap_info"]
    root.secrets.kv.v2.create_or_update_secret("a", {"key": "planted-1", "in": ["planted-2"]})
    root.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)

    text = log.read_text()
    for secret in (
        devvault.root_token,
        made["client_token"],
        made["accessor"],
        wrapped["token"],
        "planted-1",
        "planted-2",
    ):
        assert secret not in text
    assert "c-1" in text


def test_who_knows_a_secret_finds_it(root: Hvac, log: Path) -> None:
    """The device tells how a text stands in its records; another device would tell another."""
    enable(root, log, hmac_accessor="false")
    made = root.auth.token.create(policies=["x"])["auth"]
    digest = root.sys.calculate_hash("file", made["client_token"])["data"]["hash"]

    text = log.read_text()
    assert digest in text
    assert made["accessor"] in text
    root.sys.enable_audit_device("file", path="other", options={"file_path": "discard"})
    assert root.sys.calculate_hash("other", made["client_token"])["data"]["hash"] != digest


def test_a_refusal_is_recorded_with_its_error(root: Hvac, http: httpx.Client, log: Path) -> None:
    """Also where nobody is known to have asked."""
    enable(root, log)
    http.get("secret/data/a", headers={"X-Vault-Token": "hvs.unknown"})

    asked, answered = records(log)[-2:]
    assert "invalid token" in asked["error"]
    assert answered["error"] == asked["error"]
    assert "hvs.unknown" not in log.read_text()


def test_who_was_denied_is_recorded(root: Hvac, child: Callable[..., Hvac], log: Path) -> None:
    """An attempt is somebody's."""
    enable(root, log)
    client = child('path "a" { capabilities = ["read"] }', meta={"call": "c-1"})
    with pytest.raises(Forbidden):
        client.auth.token.lookup_self()

    asked, answered = records(log)[-2:]
    assert "permission denied" in asked["error"]
    assert asked["auth"]["metadata"] == answered["auth"]["metadata"] == {"call": "c-1"}


def test_what_shows_the_state_is_not_recorded(root: Hvac, log: Path) -> None:
    """Health is asked all day."""
    enable(root, log)
    before = len(records(log))
    root.sys.read_health_status(method="GET")

    assert len(records(log)) == before


def test_a_list_can_be_told_by_its_length(root: Hvac, log: Path) -> None:
    """Where the device says so."""
    enable(root, log, elide_list_responses="true")
    root.sys.list_acl_policies()

    assert records(log)[-1]["response"]["data"] == {"keys": 2}


def test_secrets_stand_in_the_clear_where_an_operator_wants_it(root: Hvac, log: Path) -> None:
    """The option is Vault's, for test environments."""
    enable(root, log, log_raw="true")
    root.secrets.kv.v2.create_or_update_secret("a", {"key": "planted-1"})

    assert "planted-1" in log.read_text()


def test_what_cannot_be_recorded_is_not_done(root: Hvac, log: Path) -> None:
    """With no device that writes, every request fails; with one, it goes on."""
    enable(root, log)
    log.unlink()
    log.mkdir()

    with pytest.raises(InternalServerError, match="no audit backend succeeded"):
        root.secrets.kv.v2.create_or_update_secret("a", {"key": "planted-1"})


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("audit/a", {"type": "syslog"}, "beyond the development Vault"),
        ("audit/a", {"type": "file"}, "file_path is required"),
        ("audit/a", {"type": "file", "options": {"file_path": "/dev"}}, "unable to open"),
        ("audit/file", {"type": "file", "options": {"file_path": "discard"}}, "already in use"),
        ("audit-hash/other", {"input": "x"}, "unknown audit backend"),
        ("audit-hash/file", {}, "parameter is empty"),
    ],
)
def test_what_cannot_be_is_refused(
    root: Hvac, log: Path, path: str, body: dict[str, object], words: str
) -> None:
    """What is wrong is named."""
    enable(root, log)

    with pytest.raises(InvalidRequest, match=words):
        root.adapter.post(f"/v1/sys/{path}", json=body)
    root.sys.disable_audit_device("file")
    assert root.sys.list_enabled_audit_devices()["data"] == {}
