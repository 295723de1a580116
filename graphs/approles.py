"""Owns the file with what agents log in with: read at their start, written by who lets them in."""

import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.vault.methods import (
    AppRole,
    LoginMethod,
    WrappedAppRole,
    WrappedSecretId,
)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    role_id: str


class _Lasting(_Entry):
    secret_id: str


class _Wrapped(_Entry):
    wrapping_token: SecretStr
    secret_id_accessor: str = ""


_ENTRIES: TypeAdapter[dict[str, _Lasting | _Wrapped]] = TypeAdapter(dict[str, _Lasting | _Wrapped])


_NONE = _Wrapped(role_id="", wrapping_token=SecretStr(""))


def read_approles(path: Path, *, production: bool = False) -> dict[str, LoginMethod]:
    """Read what each agent logs in with: a secret id, or what `bailiwick vault bootstrap` wrote.

    Args:
        path: The file.
        production: Whether to refuse secret ids that are good for more than one login.

    Raises:
        SettingsError: If the file is missing, is not of that form, or not one for production.
    """
    entries = _read(path)
    lasting = [agent for agent, entry in entries.items() if isinstance(entry, _Lasting)]
    if production and lasting:
        raise SettingsError(
            f"{str(path)!r} holds secret ids of {', '.join(lasting)} that anybody can use again: "
            "in production write it with `bailiwick vault bootstrap`, or set BAILIWICK_VAULT_LOGIN"
        )
    return {agent: _method(path, agent, entry) for agent, entry in entries.items()}


def write_approles(path: Path, approles: Mapping[str, LoginMethod]) -> None:
    """Write the agents' lasting secret ids into a new file that only its owner can read.

    Raises:
        SettingsError: If the file exists already or cannot be written.
    """
    logins = {
        agent: {"role_id": login.role_id, "secret_id": login.secret_id}
        for agent, login in approles.items()
        if isinstance(login, AppRole)
    }
    try:
        # A new one: an old one may be open to others, be a link, or hold logins that still count.
        with open(path, "x", encoding="utf-8", opener=_private) as file, _whole(path):
            file.write(json.dumps(logins, indent=2) + "\n")
            file.flush()
    except FileExistsError:
        raise SettingsError(
            f"{str(path)!r} exists already: remove it, or name another file with --approles"
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None


def write_wrapped(path: Path, wrapped: Mapping[str, WrappedSecretId]) -> None:
    """Put wrapped secret ids into a file, in one step; those of other agents in it stay.

    Raises:
        SettingsError: If the file is of another form, or cannot be written.
    """
    held = _read(path) if path.exists() else {}
    shown = {agent: _plain(entry) for agent, entry in held.items()} | entries(wrapped)
    try:
        # A process that reads it meanwhile finds the old file or the new one, whole.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(shown, indent=2) + "\n")
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def entries(wrapped: Mapping[str, WrappedSecretId]) -> dict[str, dict[str, str]]:
    """Return wrapped secret ids as they stand in the file."""
    return {
        agent: {
            "role_id": one.role_id,
            "wrapping_token": one.token.get_secret_value(),
            "secret_id_accessor": one.accessor,
        }
        for agent, one in wrapped.items()
    }


def _read(path: Path) -> dict[str, _Lasting | _Wrapped]:
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"BAILIWICK_APPROLES names {str(path)!r}, which cannot be read ({error.strerror}): "
            "`bailiwick vault dev` writes one while it runs, `bailiwick vault bootstrap` for "
            "another Vault"
        ) from None
    except ValidationError:
        raise SettingsError(
            f"{str(path)!r} is no file of AppRoles: it maps each agent to role_id and secret_id, "
            "or to role_id and wrapping_token"
        ) from None


def _method(path: Path, agent: str, entry: _Lasting | _Wrapped) -> LoginMethod:
    match entry:
        case _Lasting():
            return AppRole(role_id=entry.role_id, secret_id=entry.secret_id)
        case _Wrapped():
            return WrappedAppRole(
                partial(_reread, path, agent, entry), partial(_take_out, path, agent)
            )


def _reread(path: Path, agent: str, first: _Wrapped) -> WrappedSecretId:
    """Return what is there now, as an operator may have written a new one meanwhile."""
    try:
        entry = _read(path).get(agent)
    except SettingsError:
        entry = None
    found = entry if isinstance(entry, _Wrapped) else first
    return WrappedSecretId(
        role_id=found.role_id, token=found.wrapping_token, accessor=found.secret_id_accessor
    )


def _take_out(path: Path, agent: str, opened: WrappedSecretId) -> None:
    """Leave nothing that looks as if it could still be opened: a restart is no interception."""
    # Where the file may not be written, as in a mounted volume, it stays.
    with suppress(SettingsError):
        if _reread(path, agent, _NONE).token == opened.token:
            write_wrapped(path, {agent: replace(opened, token=SecretStr(""))})


def _plain(entry: _Lasting | _Wrapped) -> dict[str, str]:
    fields: dict[str, str | SecretStr] = entry.model_dump()
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in fields.items()
    }


def _unwritable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{str(path)!r} cannot be written ({error.strerror}): name another file with --approles"
    )


@contextmanager
def _whole(path: Path) -> Generator[None]:
    """Leave no part of a new file that cannot be written: it would be in the way of the next."""
    try:
        yield
    except OSError:
        path.unlink()
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
