"""Owns Vault's policies: their text, the rules in it, and the store that tokens name them from."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bailiwick.tools.devvault import hcl
from bailiwick.tools.devvault.fields import duration
from bailiwick.tools.devvault.refusals import invalid

CAPABILITIES = frozenset(
    {"create", "read", "update", "patch", "delete", "list", "sudo", "deny", "root"}
)
_OLD_WORDS = {
    "deny": {"deny"},
    "read": {"read", "list"},
    "write": {"create", "read", "update", "patch", "delete", "list"},
    "sudo": {"create", "read", "update", "patch", "delete", "list", "sudo"},
}
_KNOWN_KEYS = frozenset(
    {
        "capabilities",
        "policy",
        "allowed_parameters",
        "denied_parameters",
        "required_parameters",
        "min_wrapping_ttl",
        "max_wrapping_ttl",
        "comment",
    }
)
WRAPPING = "response-wrapping"
_BUILT_IN = ("root", "default", WRAPPING)
_WRAPPING_POLICY = """\
path "sys/wrapping/unwrap" { capabilities = ["update"] }
path "sys/wrapping/rewrap" { capabilities = ["update"] }
"""
_DEFAULT_POLICY = """\
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/wrapping/wrap" { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
path "sys/tools/hash" { capabilities = ["update"] }
path "sys/tools/hash/*" { capabilities = ["update"] }
path "identity/entity/id/{{identity.entity.id}}" { capabilities = ["read"] }
path "identity/entity/name/{{identity.entity.name}}" { capabilities = ["read"] }
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
"""
Parameters = Mapping[str, tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Hold what a policy says of one path pattern.

    Attributes:
        pattern: The path; `*` at its end is a prefix, a `+` is one segment.
        capabilities: What is allowed there; `deny` wins over everything.
        allowed: Parameters that a request may carry, and their values; empty allows all.
        denied: Parameters that it may not carry.
        required: Parameters that it must carry.
        min_wrapping_ttl: Seconds for which answers must be wrapped at least; 0 bounds nothing.
        max_wrapping_ttl: Seconds for which they may be wrapped at most; 0 bounds nothing.
    """

    pattern: str
    capabilities: frozenset[str]
    allowed: Parameters = field(default_factory=dict[str, tuple[object, ...]])
    denied: Parameters = field(default_factory=dict[str, tuple[object, ...]])
    required: tuple[str, ...] = ()
    min_wrapping_ttl: int = 0
    max_wrapping_ttl: int = 0


def read_policy(text: str) -> tuple[Rule, ...]:
    """Return the rules of a policy text in HCL or JSON.

    Raises:
        Refusal: With status 400, if the text is no policy.
    """
    try:
        document = hcl.parse(text)
        return tuple(_rules(document))
    except ValueError as error:
        raise invalid(f"failed to parse policy: {error}") from None


def decode(text: str) -> str:
    """Return a policy text that may have been sent in base64."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


def _rules(document: hcl.Block) -> Iterable[Rule]:
    for item in document.items:
        if item.key not in ("path", "name"):
            raise ValueError(f"invalid key {item.key!r}")
        if item.key == "path":
            for pattern, body in _paths(item.labels, item.value):
                yield _rule(pattern, body)


def _paths(labels: tuple[str, ...], value: hcl.Value) -> Iterable[tuple[str, hcl.Block]]:
    if isinstance(value, list):
        for part in value:
            yield from _paths(labels, part)
    elif isinstance(value, hcl.Block) and labels:
        yield labels[0], value
    elif isinstance(value, hcl.Block):
        for item in value.items:
            yield from _paths((*item.labels, item.key), item.value)
    else:
        raise ValueError("a path needs a block")


def _rule(pattern: str, body: hcl.Block) -> Rule:
    given = {item.key: item.value for item in body.items}
    if unknown := set(given) - _KNOWN_KEYS:
        raise ValueError(f"path {pattern!r}: invalid key {min(unknown)!r}")
    if "+*" in pattern:
        raise ValueError(f"path {pattern!r}: invalid use of wildcards")
    least, most = (duration(given.get(f"{end}_wrapping_ttl") or 0) for end in ("min", "max"))
    if 0 < most < least:
        raise ValueError(f"path {pattern!r}: max_wrapping_ttl cannot be less than min_wrapping_ttl")
    return Rule(
        pattern=pattern.removeprefix("/"),
        capabilities=_capabilities(pattern, given),
        allowed=_parameters(given.get("allowed_parameters")),
        denied=_parameters(given.get("denied_parameters")),
        required=tuple(str(name).lower() for name in _list(given.get("required_parameters"))),
        min_wrapping_ttl=least,
        max_wrapping_ttl=most,
    )


def _capabilities(pattern: str, given: Mapping[str, hcl.Value]) -> frozenset[str]:
    found = {str(word) for word in _list(given.get("capabilities"))}
    if "policy" in given:
        found |= _OLD_WORDS.get(str(given["policy"]), {str(given["policy"])})
    if unknown := found - CAPABILITIES:
        raise ValueError(f"path {pattern!r}: invalid capability {min(unknown)!r}")
    return frozenset({"deny"} if "deny" in found else found)


def _parameters(value: hcl.Value) -> dict[str, tuple[object, ...]]:
    if not isinstance(value, hcl.Block):
        return {}
    return {item.key.lower(): tuple(_list(item.value)) for item in value.items}


def _list(value: hcl.Value) -> list[hcl.Value]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class PolicyStore:
    """Hold the policies by name; `version` counts the changes, for caches."""

    def __init__(self) -> None:
        self.version = 0
        self._texts: dict[str, str] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self.write("default", _DEFAULT_POLICY)
        # It has no text to be listed or read: only wrapping tokens have it.
        self._rules[WRAPPING] = read_policy(_WRAPPING_POLICY)

    def names(self) -> list[str]:
        """Return every name, the built-in `root` included."""
        return sorted({*self._texts, "root"})

    def text(self, name: str) -> str | None:
        """Return a policy's text as it was written, or None."""
        return "" if name == "root" else self._texts.get(name)

    def rules(self, names: Iterable[str]) -> list[Rule]:
        """Return the rules of several policies; a name without a policy gives none."""
        return [rule for name in names for rule in self._rules.get(name, ())]

    def write(self, name: str, text: str) -> None:
        """Set a policy.

        Raises:
            Refusal: With status 400, if the text is no policy or the name is built in.
        """
        if name in ("root", WRAPPING):
            raise invalid(f"cannot update {name!r} policy")
        rules = read_policy(text)
        self._texts[name], self._rules[name] = text, rules
        self.version += 1

    def delete(self, name: str) -> None:
        """Remove a policy, if it is there.

        Raises:
            Refusal: With status 400, if the policy may not be removed.
        """
        if name in _BUILT_IN:
            raise invalid(f"cannot delete {name} policy")
        self._texts.pop(name, None)
        self._rules.pop(name, None)
        self.version += 1
