"""Owns how an agent proves who it is: a secret id, a wrapped one, or its platform's token."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.tools.secrets.leases import identity_name
from bailiwick.tools.vault import login_refusals as refusals
from bailiwick.tools.vault.answers import FORBIDDEN, INVALID, MISSING, Answer, AnswerPart, Minted
from bailiwick.tools.vault.wire import Wire

logger = logging.getLogger(__name__)
_OPENED = SecretStr("")


class LoginMethod(Protocol):
    """Log an agent in.

    Attributes:
        is_fleeting: Whether what it logs in with is good for a short time only.
    """

    is_fleeting: ClassVar[bool]

    def log_in(self, wire: Wire, agent: str) -> Minted:
        """Return Vault's answer to a new login.

        Raises:
            VaultError: If Vault refuses or does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """Hold a role id and a secret id that is good for several logins.

    Attributes:
        role_id: Which agent it is; no secret.
        secret_id: Its password.
    """

    is_fleeting: ClassVar[bool] = False

    role_id: str
    secret_id: str = field(repr=False)

    def log_in(self, wire: Wire, agent: str) -> Minted:
        """Log an agent in; see `LoginMethod`."""
        answer = _by_secret_id(wire, self.role_id, SecretStr(self.secret_id))
        return answer.read(Minted, refusals.secret_id(agent, is_reread=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedSecretId:
    """Hold what `bailiwick vault bootstrap` wrote: a token that opens a secret id, once.

    Attributes:
        role_id: Which agent it is; no secret.
        token: The wrapping token; empty once it was used.
        accessor: The handle of the secret id, to destroy it unseen.
    """

    role_id: str
    token: SecretStr
    accessor: str = ""


class WrappedAppRole:
    """Log in with a secret id that nobody has seen: it is unwrapped here, once, and used once.

    Where it came from is checked before; one that is no longer good may have been opened by
    somebody else, and the operator is told so.

    Args:
        read: Reads what is there to be unwrapped; asked at each login, as a new one may be there.
        forget: Called with what was unwrapped, to take it away from where it was.
    """

    is_fleeting: ClassVar[bool] = True

    def __init__(
        self,
        read: Callable[[], WrappedSecretId],
        forget: Callable[[WrappedSecretId], None] = lambda _: None,
    ) -> None:
        self._read = read
        self._forget = forget
        self._tried = _OPENED
        self._secret_id: SecretStr | None = None

    def log_in(self, wire: Wire, agent: str) -> Minted:
        """Log an agent in; see `LoginMethod`."""
        wrapped = self._read()
        if wrapped.token not in (self._tried, _OPENED):
            self._check_origin(wire, agent, wrapped)
            self._tried = wrapped.token
            self._secret_id = self._unwrap(wire, agent, wrapped)
            self._forget(wrapped)
        if self._secret_id is None:
            raise VaultError(refusals.used_up(agent))
        answer = _by_secret_id(wire, wrapped.role_id, self._secret_id)
        if answer.trouble is None:
            self._secret_id = None
        return answer.read(Minted, refusals.secret_id(agent, is_reread=True))

    def _check_origin(self, wire: Wire, agent: str, wrapped: WrappedSecretId) -> None:
        answer = wire.request(
            "POST",
            "sys/wrapping/lookup",
            json={"token": wrapped.token},
            to="look a wrapping token up",
        )
        if answer.status in (INVALID, FORBIDDEN, MISSING):
            raise _alarm(agent, refusals.intercepted(agent, wrapped.accessor))
        path = answer.read(_LookUp, {}).data.creation_path
        if path != f"auth/approle/role/{identity_name(agent).lower()}/secret-id":
            raise _alarm(agent, refusals.planted(agent, path))

    def _unwrap(self, wire: Wire, agent: str, wrapped: WrappedSecretId) -> SecretStr:
        answer = wire.request(
            "POST", "sys/wrapping/unwrap", token=wrapped.token, to="unwrap a secret id"
        )
        if answer.status in (INVALID, FORBIDDEN, MISSING):
            raise _alarm(agent, refusals.intercepted(agent, wrapped.accessor))
        return answer.read(_Unwrapped, {}).data.secret_id


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtLogin:
    """Log in with a token that the platform gave this process, such as a Kubernetes pod's.

    The form of https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login, which is that
    of the JWT method too.

    Attributes:
        mount: Where the auth method is mounted, such as `kubernetes` or `jwt`.
        role: The role of the agent at this mount.
        path: The file that the platform keeps fresh; read at each login.
    """

    is_fleeting: ClassVar[bool] = False

    mount: str
    role: str
    path: Path

    def log_in(self, wire: Wire, agent: str) -> Minted:
        """Log an agent in; see `LoginMethod`."""
        try:
            jwt = SecretStr(self.path.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError):
            raise VaultError(refusals.no_token_file(agent, self.path)) from None
        answer = wire.request(
            "POST",
            f"auth/{self.mount}/login",
            json={"role": self.role, "jwt": jwt},
            to="log in",
        )
        return answer.read(Minted, refusals.platform_token(agent, self.mount, self.role))


class _Origin(AnswerPart):
    creation_path: str


class _LookUp(AnswerPart):
    data: _Origin


class _SecretId(AnswerPart):
    secret_id: SecretStr


class _Unwrapped(AnswerPart):
    data: _SecretId


def _by_secret_id(wire: Wire, role_id: str, secret_id: SecretStr) -> Answer:
    body = {"role_id": role_id, "secret_id": secret_id}
    return wire.request("POST", "auth/approle/login", json=body, to="log in")


def _alarm(agent: str, sentence: str) -> VaultError:
    # At a level that wakes somebody; what to do stands in the error.
    logger.critical("SECURITY: somebody else may hold the secret id of agent %r", agent)
    return VaultError(sentence)
