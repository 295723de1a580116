"""Owns Vault's address and its answers, so that nothing in them can be printed by accident."""

import ipaddress
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bailiwick.policies.errors import SettingsError, VaultError

OK, EMPTY = 200, 204
INVALID, FORBIDDEN, MISSING, FAILED = 400, 403, 404, 500
STANDBY, PERFORMANCE_STANDBY = 429, 473
LIMITED = 429

Refusals = Mapping[int, str]
_M = TypeVar("_M", bound=BaseModel)


class AnswerPart(BaseModel):
    """A part of Vault's answer; other versions of Vault may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Auth(AnswerPart):
    """Hold the token that a login or a creation gave."""

    client_token: SecretStr
    accessor: str
    lease_duration: int
    renewable: bool = False


class Minted(AnswerPart):
    """Hold the answer to a login or a creation."""

    request_id: str
    auth: Auth


class _Version(AnswerPart):
    data: dict[str, object] = Field(repr=False)


class Secret(AnswerPart):
    """Hold the answer to the reading of a secret."""

    request_id: str
    data: _Version

    def texts(self) -> dict[str, str]:
        """Return the secret's fields that are texts."""
        return {name: text for name, text in self.data.data.items() if isinstance(text, str)}


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold an answer of Vault, without the objects of the library that fetched it.

    Attributes:
        status: The HTTP status.
        address: Where Vault listens.
        to: What it was asked to do, such as `read a secret`.
        body: The JSON body, empty where there is none.
    """

    status: int
    address: str
    to: str
    body: Mapping[str, object] = field(repr=False)

    @classmethod
    def parse(cls, status: int, address: str, to: str, content: bytes) -> Self:
        """Read an HTTP body; one that is no JSON object counts as empty."""
        with suppress(ValueError, RecursionError):
            body = json.loads(content)
            if isinstance(body, dict):
                return cls(status, address, to, cast("dict[str, object]", body))
        return cls(status, address, to, {})

    @property
    def is_dead_token(self) -> bool:
        """Whether Vault says so; older ones and OpenBao only say that permission is denied."""
        return self.status == FORBIDDEN and "invalid token" in str(self.body.get("errors"))

    @property
    def trouble(self) -> str | None:
        """Why Vault is of no use to anybody now, with the remedy; none of one caller's troubles."""
        is_of_no_use = self.status == LIMITED or self.status >= FAILED
        return f"Vault at {self.address} {self._meaning()}" if is_of_no_use else None

    def check(self, refusals: Refusals) -> None:
        """Return if the answer is a success.

        Args:
            refusals: What the statuses mean that mean something particular here.

        Raises:
            VaultError: With what the status means.
        """
        if self.status in (OK, EMPTY):
            return
        if self.status in refusals:
            raise VaultError(refusals[self.status])
        raise VaultError(f"Vault at {self.address} {self._meaning()}")

    def read(self, model: type[_M], refusals: Refusals) -> _M:
        """Return what a successful answer says.

        Raises:
            VaultError: With what the status means, or if the answer is not of Vault's form.
        """
        self.check(refusals)
        # Raised outside of the handler: pydantic's error quotes what it was given.
        with suppress(ValidationError):
            return model.model_validate(self.body)
        raise VaultError(
            f"{self.address} did not answer as Vault does when asked to {self.to}: check VAULT_ADDR"
        )

    def _meaning(self) -> str:
        match self.status:
            case 429:
                return "limits requests: wait, or raise its quota"
            case 501:
                return "is not initialised: run `vault operator init`"
            case 503:
                return "is sealed or not active: unseal it"
            case status:
                return f"answered {status} when asked to {self.to}: see its log"


def checked_address(address: str, *, production: bool) -> str:
    """Return an address without a trailing slash.

    Raises:
        SettingsError: If it is no address of a Vault, or not one for production.
    """
    try:
        parts = urlsplit(address)
        host, is_plain = parts.hostname or "", parts.scheme == "http"
    except ValueError:
        host, is_plain = "", False
        parts = urlsplit("")
    is_whole = parts.scheme in ("http", "https") and bool(host)
    # A password in the address would end up in messages, so it is not quoted here.
    if not is_whole or "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "the address of Vault is not of the form https://HOST:PORT: set VAULT_ADDR"
        )
    if production and is_plain and not is_loopback(host):
        raise SettingsError(
            f"{address!r} would carry secrets unencrypted: use an https address in production"
        )
    return address.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to a host does not leave the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
