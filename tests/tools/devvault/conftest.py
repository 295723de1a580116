"""Clients of the development Vault that hide nothing: hvac's own, and bare HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import hvac
import pytest
import requests
from tests.bare_http import NO_CERTIFICATES
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault

CreateClient = Callable[[str], Any]


@pytest.fixture
def connect(devvault: DevelopmentVault) -> Iterator[CreateClient]:
    """Return a function that gives hvac's client for a token."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda token: hvac.Client(
            url=devvault.address,
            token=token,
            session=session,
            strict_http=True,
        )


@pytest.fixture
def root(devvault: DevelopmentVault, connect: CreateClient) -> Hvac:
    """Give hvac's client with the root token."""
    return connect(devvault.root_token)


@pytest.fixture
def child(root: Hvac, connect: CreateClient) -> Callable[..., Hvac]:
    """Return a function that gives a client whose token has one policy, written on the spot."""

    def create(policy: str, **options: object) -> Hvac:
        root.sys.create_or_update_policy("tried", policy)
        made = root.auth.token.create(policies=["tried"], no_default_policy=True, **options)
        return connect(made["auth"]["client_token"])

    return create


@pytest.fixture
def http(devvault: DevelopmentVault) -> Iterator[httpx.Client]:
    """Give a client that sends what it is told to, with the root token."""
    with httpx.Client(
        base_url=f"{devvault.address}/v1/",
        headers={"X-Vault-Token": devvault.root_token},
        verify=NO_CERTIFICATES,
        trust_env=False,
    ) as client:
        yield client
