"""Owns what must be mounted in Vault, and the keys of the transit engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from bailiwick.policies.errors import VaultError
from bailiwick.tools.provision.declarations import TransitKey
from bailiwick.tools.provision.operator import InvalidRequestError, VaultOperator
from bailiwick.tools.provision.steps import Change, Read, Step


def mounted(read: Read, path: str) -> Mapping[str, Mapping[str, object]]:
    """Return what is mounted, by `sys/mounts` or `sys/auth`.

    Raises:
        VaultError: If Vault refuses or is not there.
    """
    return cast("Mapping[str, Mapping[str, object]]", read(path) or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Be an auth method that agents log in by.

    Attributes:
        kind: Its type: `approle`, `jwt` or `kubernetes`.
        path: Where it is mounted.
    """

    kind: str
    path: str

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it; whom it believes is the operator's to say."""
        del loosen
        found = mounted(read, "sys/auth").get(f"{self.path}/")
        if found is not None and found.get("type") != self.kind:
            raise VaultError(
                f"the auth method {self.path!r} is {found.get('type')!r} and not {self.kind!r}: "
                "name another mount (BAILIWICK_VAULT_MOUNT)"
            )
        return Step(
            action="create" if found is None else "keep",
            kind="auth method",
            name=self.path,
            notes=self._notes(read, is_there=found is not None),
            run=lambda operator: _mount(operator, "sys/auth", self.path, {"type": self.kind}),
        )

    def _notes(self, read: Read, *, is_there: bool) -> tuple[str, ...]:
        config = f"auth/{self.path}/config"
        if self.kind == "approle" or (is_there and read(config)):
            return ()
        return (f"it does not know yet whose tokens to believe: `vault write {config} ...`",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Be a secrets engine.

    Attributes:
        path: Where it is mounted.
        kind: Its type: `kv`, in its version 2, `database` or `transit`.
    """

    path: str
    kind: str

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it."""
        del loosen
        options = {"version": "2"} if self.kind == "kv" else {}
        found = mounted(read, "sys/mounts").get(f"{self.path}/")
        if found is None:
            body = {"type": self.kind, "options": options}
            return Step(
                action="create",
                kind="secrets engine",
                name=self.path,
                changes=(Change(field="type", before=None, after=self.kind),),
                run=lambda operator: _mount(operator, "sys/mounts", self.path, body),
            )
        version = _version(found)
        if found.get("type") != self.kind or (options and version != "2"):
            held = f"{found.get('type')} {version or ''}".strip()
            raise VaultError(
                f"the mount {self.path!r} is {held!r} and not {self.kind} "
                f"{options.get('version', '')}".rstrip()
                + ": declare another mount for what is to stand there"
            )
        return Step(action="keep", kind="secrets engine", name=self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Be a key of the transit engine: made once, never changed and never removed.

    Attributes:
        key: What is declared of it.
    """

    key: TransitKey

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it."""
        del loosen
        name, path = f"{self.key.mount}/{self.key.name}", f"{self.key.mount}/keys/{self.key.name}"
        found = read(path)
        if found is None:
            return Step(
                action="create",
                kind="key",
                name=name,
                changes=(Change(field="type", before=None, after=self.key.kind),),
                run=lambda operator: operator.write(
                    path, type=self.key.kind, derived=self.key.is_derived
                ),
            )
        if found.get("type") != self.key.kind or found.get("derived") != self.key.is_derived:
            kind, derived = found.get("type"), found.get("derived")
            raise VaultError(
                f"the key {name!r} is of the type {kind!r} (derived: {derived}) and not "
                f"{self.key.kind!r} (derived: {self.key.is_derived}): declare another name, or "
                "what it opened stays shut"
            )
        notes = tuple(
            f"{each} is on: the key can be taken out of Vault"
            for each in ("exportable", "allow_plaintext_backup")
            if found.get(each)
        )
        return Step(action="keep", kind="key", name=name, notes=notes)


def _mount(operator: VaultOperator, table: str, path: str, body: Mapping[str, object]) -> None:
    try:
        operator.write(f"{table}/{path}", **body)
    except InvalidRequestError:
        # A setup that runs at the same time may have been first.
        if not _is_as_wanted(mounted(operator.fields, table).get(f"{path}/", {}), body):
            raise


def _is_as_wanted(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    is_version = _version(wanted) in {None, _version(found)}
    return is_version and found.get("type") == wanted["type"]


def _version(mount: Mapping[str, object]) -> object:
    return cast("Mapping[str, object]", mount.get("options") or {}).get("version")
