"""The development Vault as tests, notebooks and the demonstration use it."""

import time

import httpx
import pytest

from bailiwick.policies.errors import SettingsError, VaultError
from bailiwick.tools.devvault import BANNER, DevelopmentVault, Fault


def test_it_has_no_address_before_it_runs() -> None:
    """Whoever forgets to start it is told so."""
    with pytest.raises(VaultError, match="start it first"):
        _ = DevelopmentVault().address


def test_it_says_what_it_is() -> None:
    """The banner is plain."""
    assert "It is no vault" in BANNER


def test_it_starts_once_and_stops(devvault: DevelopmentVault) -> None:
    """Starting what runs changes nothing; a port that is taken is refused."""
    address = devvault.address

    assert devvault.start().address == address
    with pytest.raises(SettingsError, match="is taken"):
        DevelopmentVault(port=int(address.rpartition(":")[2])).start()


def test_a_reset_forgets_everything(devvault: DevelopmentVault, http: httpx.Client) -> None:
    """Root token, secrets, requests and faults are new; the address stays."""
    address, before = devvault.address, devvault.root_token
    http.post("secret/data/a", json={"data": {}})
    devvault.faults.add(Fault(status=500))
    devvault.seal()

    devvault.reset()

    assert devvault.requests == []
    assert devvault.root_token != before
    assert http.get("secret/data/a").status_code == 403
    headers = {"X-Vault-Token": devvault.root_token}
    assert http.get("secret/data/a", headers=headers).status_code == 404
    assert devvault.address == address


def test_it_remembers_requests_without_their_secrets(
    devvault: DevelopmentVault, http: httpx.Client
) -> None:
    """Method, path, status and id are kept; token, query and body are not."""
    answer = http.get("auth/token/lookup-self", params={"q": "planted"})

    (seen,) = devvault.requests
    assert (seen.method, seen.path, seen.status) == ("GET", "auth/token/lookup-self", 200)
    assert seen.id == answer.json()["request_id"]
    assert "planted" not in repr(seen)
    assert devvault.root_token not in repr(seen)


def test_live_tokens_are_told_apart(devvault: DevelopmentVault, http: httpx.Client) -> None:
    """Root's token is left out; role and accessor choose."""
    assert devvault.live_tokens() == []
    http.post("auth/token/roles/tool", json={"allowed_policies": ["x"]})
    plain = http.post("auth/token/create", json={"policies": ["x"]}).json()["auth"]
    http.post("auth/token/create/tool", json={})

    assert len(devvault.live_tokens()) == 2
    assert [token.role for token in devvault.live_tokens(role="tool")] == ["tool"]
    (found,) = devvault.live_tokens(accessor=plain["accessor"])
    assert plain["client_token"] not in repr(found)


def test_a_fault_strikes_as_often_as_it_says(
    devvault: DevelopmentVault, http: httpx.Client
) -> None:
    """Only what matches, in the order of the faults, and then never again."""
    devvault.faults.add(Fault(path="auth/token/*", method="GET", status=500, times=2))
    devvault.faults.add(Fault(path="auth/*", status=502))

    assert http.get("sys/health").status_code == 200
    statuses = [http.get("auth/token/lookup-self").status_code for _ in range(4)]

    assert statuses == [500, 500, 502, 200]


def test_a_delay_delays(devvault: DevelopmentVault, http: httpx.Client) -> None:
    """The answer comes, but later."""
    devvault.faults.add(Fault(delay=0.1))
    started = time.monotonic()

    assert http.get("sys/health").status_code == 200
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize(("loses", "status"), [("request", 404), ("answer", 200)])
def test_a_lost_request_did_nothing_and_a_lost_answer_did(
    devvault: DevelopmentVault, http: httpx.Client, loses: str, status: int
) -> None:
    """The client sees the same; Vault does not."""
    devvault.faults.add(Fault(method="POST", loses=loses))  # type: ignore[arg-type]  # a table of literals
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("secret/data/a", json={"data": {}})

    assert http.get("secret/data/a").status_code == status
    assert [seen.status for seen in devvault.requests] == [0, status]
