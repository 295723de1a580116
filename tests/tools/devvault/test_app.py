"""The HTTP edge: envelopes, errors, verbs, and the mark on every answer."""

import httpx
import pytest

from bailiwick.tools.devvault import MARK, DevelopmentVault

ENVELOPE = {
    "request_id",
    "lease_id",
    "renewable",
    "lease_duration",
    "data",
    "wrap_info",
    "warnings",
    "auth",
}


@pytest.mark.parametrize("path", ["sys/health", "auth/token/lookup-self", "no/such", "secret/x"])
def test_every_answer_is_marked(http: httpx.Client, path: str) -> None:
    """Errors too say that this is no vault, and nothing may be cached."""
    answer = http.get(path)

    assert answer.headers[MARK] == "true"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"


def test_an_answer_has_vaults_envelope(http: httpx.Client) -> None:
    """All eight keys stand in it, and each answer has an id of its own."""
    one, two = (http.get("auth/token/lookup-self").json() for _ in range(2))

    assert set(one) == ENVELOPE
    assert one["request_id"] != two["request_id"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_both_verbs_write(http: httpx.Client, method: str) -> None:
    """POST and PUT are one."""
    answer = http.request(method, "secret/data/a", json={"data": {"n": 1}})

    assert answer.json()["data"]["version"] == 1


def test_lists_have_a_verb_and_a_parameter(http: httpx.Client, devvault: DevelopmentVault) -> None:
    """`LIST` and `GET ?list=true` are one, on the wire too."""
    by_verb = http.request("LIST", "sys/policies/acl")
    by_parameter = http.get("sys/policies/acl", params={"list": "True"})

    assert by_verb.json()["data"] == by_parameter.json()["data"] == {"keys": ["default", "root"]}
    assert [seen.method for seen in devvault.requests] == ["LIST", "GET"]


def test_a_token_may_come_as_a_bearer(http: httpx.Client, devvault: DevelopmentVault) -> None:
    """Vault takes its own header and the common one."""
    del http.headers["X-Vault-Token"]
    headers = {"Authorization": f"Bearer {devvault.root_token}"}

    assert http.get("auth/token/lookup-self", headers=headers).status_code == 200
    assert http.get("auth/token/lookup-self").status_code == 403


def test_a_head_has_no_body(http: httpx.Client) -> None:
    """The status alone is asked for."""
    answer = http.head("sys/health")

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("request_line", "content", "status", "words"),
    [
        ("GET ../outside", b"", 404, "no handler for route"),
        ("GET nowhere/at/all", b"", 404, "no handler for route"),
        ("DELETE secret/unknown", b"", 405, "unsupported operation"),
        ("PATCH secret/data/a", b"{}", 415, "application/merge-patch+json"),
        ("OPTIONS secret/data/a", b"", 405, "unsupported operation"),
        ("POST secret/data/a", b"{", 400, "failed to parse JSON input"),
        ("POST secret/data/a", b"[1]", 400, "failed to parse JSON input"),
        ("POST secret/data/a/", b"{}", 400, "cannot write to a path ending in '/'"),
        ("GET secret/data/a?version=x", b"", 400, 'field "version"'),
        ("GET sys/health?activecode=x", b"", 400, "activecode"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    http: httpx.Client, request_line: str, content: bytes, status: int, words: str
) -> None:
    """The status and the text are Vault's."""
    http.post("secret/data/a", json={"data": {}})

    answer = http.request(*request_line.split(), content=content)

    assert answer.status_code == status
    assert words in answer.json()["errors"][0]


def test_a_path_of_the_old_engine_is_told_so(http: httpx.Client) -> None:
    """Who reads a versioned secret as if it had no versions learns why nothing is there."""
    answer = http.get("secret/unknown")

    assert answer.status_code == 404
    assert "versioned K/V secrets engine" in answer.json()["warnings"][0]


@pytest.mark.parametrize("path", ["sys/health", "secret/data/a", "auth/approle/login"])
def test_a_request_in_a_namespace_is_refused(http: httpx.Client, path: str) -> None:
    """Whoever means one shall not believe that it was done there."""
    answer = http.get(path, headers={"X-Vault-Namespace": "team/desk"})

    assert answer.status_code == 400
    assert "has no namespaces: unset VAULT_NAMESPACE" in answer.json()["errors"][0]


@pytest.mark.parametrize("root", ["", "root", "root/", "/"])
def test_a_request_in_the_root_namespace_is_answered(http: httpx.Client, root: str) -> None:
    """It is the only one that there is."""
    assert http.get("sys/mounts", headers={"X-Vault-Namespace": root}).status_code == 200
