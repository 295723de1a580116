"""Owns the operator's connection to Vault: its own paths, read and written with one token."""

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, ConfigDict, SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.tools.vault.answers import FORBIDDEN, INVALID, MISSING, Answer, Refusals
from bailiwick.tools.vault.wire import Wire


class InvalidRequestError(VaultError):
    """Vault takes a request for wrong: what it says, or when it comes."""


class Wrapped(BaseModel):
    """Hold what stands for an answer that only the holder of a token can open, once.

    Attributes:
        token: Opens it.
        ttl: Seconds for which it can be opened.
        creation_path: The request whose answer it is.
        wrapped_accessor: The handle of what is in it, which can end that unseen.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: SecretStr
    ttl: int
    creation_path: str
    wrapped_accessor: str = ""


class _Wrapping(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    wrap_info: Wrapped


class VaultOperator:
    """Read and write Vault's own paths with an operator's token, to set it up.

    Args:
        address: Where Vault listens.
        token: The operator's token.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.
        production: Whether to refuse development Vaults and unencrypted connections.
        namespace: The namespace that is set up; the root where left out.

    Raises:
        SettingsError: If the address is no address, or not one for production, or the namespace
            none.
        VaultError: If the token is none.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the operator
        self,
        address: str,
        token: str,
        *,
        timeout: tuple[float, float] = (2.0, 5.0),
        verify: bool | str = True,
        production: bool = False,
        namespace: str | None = None,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable():
            raise VaultError("the operator's token is empty or garbled: set VAULT_TOKEN")
        self._wire = Wire(
            address, timeout=timeout, verify=verify, production=production, namespace=namespace
        )
        self._token = SecretStr(token)

    @property
    def address(self) -> str:
        """Where Vault listens."""
        return self._wire.address

    def read(self, path: str) -> Mapping[str, object] | None:
        """Return what Vault answers of an API path such as `sys/mounts`, or None.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("GET", path, token=self._token, to=f"read {path}")
        return None if answer.status == MISSING else self._checked(answer)

    def fields(self, path: str) -> Mapping[str, object] | None:
        """Return the fields of what stands at an API path, or None.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        found = (self.read(path) or {}).get("data")
        return cast("Mapping[str, object]", found) if isinstance(found, dict) else None

    def list(self, path: str) -> list[str]:
        """Return the names below an API path, none where there is nothing.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("LIST", path, token=self._token, to=f"list {path}")
        if answer.status == MISSING:
            return []
        found = self._checked(answer).get("data")
        keys = found.get("keys") if isinstance(found, dict) else None
        return [str(key) for key in keys] if isinstance(keys, list) else []

    def write(self, path: str, **body: object) -> Mapping[str, object]:
        """Write an API path and return what Vault answers, empty where it says nothing.

        Raises:
            InvalidRequestError: If Vault takes the request for wrong.
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("POST", path, token=self._token, json=body, to=f"write {path}")
        return self._checked(answer)

    def wrap(self, path: str, body: Mapping[str, object], *, seconds: int) -> Wrapped:
        """Write an API path and return what the answer was wrapped into, for some seconds.

        Raises:
            VaultError: If Vault refuses, wraps nothing or is not there.
        """
        answer = self._wire.request(
            "POST", path, token=self._token, json=body, wrap_ttl=seconds, to=f"write {path}"
        )
        self._checked(answer)
        return answer.read(_Wrapping, {}).wrap_info

    def delete(self, path: str) -> None:
        """Delete what stands at an API path; nothing there is no error.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("DELETE", path, token=self._token, to=f"delete {path}")
        if answer.status != MISSING:
            self._checked(answer)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _checked(self, answer: Answer) -> Mapping[str, object]:
        if answer.status == INVALID:
            raise InvalidRequestError(
                f"Vault refused to {answer.to}: its version may not know what was sent"
            )
        if self._wire.namespace:
            answer.check(_refusals_in(self._wire.namespace, answer.to))
        answer.check(
            {
                FORBIDDEN: (
                    f"the operator's token may not {answer.to}: check that VAULT_TOKEN is one of "
                    "this Vault, or use one with more policies"
                )
            }
        )
        return answer.body


def _refusals_in(namespace: str, to: str) -> Refusals:
    where = f"in the namespace {namespace!r}"
    return {
        FORBIDDEN: (
            f"the operator's token may not {to} {where}: use one with more policies there, or "
            "check VAULT_NAMESPACE"
        ),
        MISSING: f"Vault cannot {to} {where}: create the namespace, or check VAULT_NAMESPACE",
    }
