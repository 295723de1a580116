"""What a scope can say, and what it refuses to say of a kind that has no such thing."""

import pytest

from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Kind, Scope


def test_a_path_alone_is_a_secret() -> None:
    """The short form: all text fields, for a minute, at Vault's usual mount."""
    scope = Scope(path="payments/refund")

    assert (scope.kind, scope.mount, scope.ttl, scope.fields) == ("kv", "secret", 60, ())
    assert scope.label == "payments/refund"


@pytest.mark.parametrize(
    ("kind", "mount"), [("database", "database"), ("static", "database"), ("token", "")]
)
def test_each_kind_has_its_mount_and_its_label(kind: Kind, mount: str) -> None:
    """A person is told that it is no secret of the key-value engine."""
    capabilities = ("read",) if kind == "token" else ()
    scope = Scope(path="reader", kind=kind, capabilities=capabilities)

    assert (scope.mount, scope.label) == (mount, f"{kind} reader")


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "fields of a user": ({"kind": "database", "fields": ("a",)}, "has no 'fields'"),
    "url of a secret": ({"url": "postgresql://db/x"}, "has no 'url'"),
    "capabilities of a secret": ({"capabilities": ("read",)}, "has no 'capabilities'"),
    "a wrapped secret": ({"is_wrapped": True}, "has no 'is_wrapped'"),
    "uses of a user": ({"kind": "database", "uses": 1}, "has no 'uses'"),
    "a token for nothing": ({"kind": "token"}, "names no capabilities"),
    "a token for a run": (
        {"kind": "token", "capabilities": ("read",), "lasts": "run"},
        "has no 'lasts'",
    ),
    "one use for a run": ({"uses": 1, "lasts": "run"}, "lasts for a run"),
    "two uses of a secret": ({"uses": 2}, "has 2 uses"),
    "children ahead of many uses": ({"ahead": 2}, "say uses=1"),
    "too many ahead": ({"uses": 1, "ahead": 33}, "use 0 to 32"),
    "fewer than none ahead": ({"uses": 1, "ahead": -1}, "use 0 to 32"),
    "a user ahead": ({"kind": "database", "ahead": 2}, "has no 'ahead'"),
    "a token ahead": (
        {"kind": "token", "capabilities": ("read",), "uses": 1, "ahead": 2},
        "has no 'ahead'",
    ),
    "fewer than no uses": ({"uses": -1}, "has -1 uses"),
}


@pytest.mark.parametrize(("given", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_kind_is_not_given_what_another_has(given: dict[str, object], why: str) -> None:
    """What would be ignored is refused where it is written."""
    with pytest.raises(ScopeError, match=why):
        Scope(path="x", **given)  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "kvv"}, "the kvv scope 'x' is of no known kind: use one of kv, database, static"),
        ({"path": ""}, "names nothing: say its path"),
        ({"fields": "key"}, "has a text for 'fields': give a tuple"),
        ({"kind": "token", "capabilities": "read"}, "has a text for 'capabilities'"),
        ({"ttl": 0}, "has a ttl of 0: use whole seconds, from 1 on"),
        ({"ttl": "60"}, "has a ttl of '60'"),
        ({"lasts": "forever"}, "lasts for 'forever': use 'call' or 'run'"),
    ],
)
def test_a_scope_says_what_vault_can_lease(given: dict[str, object], why: str) -> None:
    """Vault takes zero seconds for its default of 32 days, and a text would be its letters."""
    with pytest.raises(ScopeError, match=why):
        Scope(**{"path": "x", **given})  # type: ignore[arg-type]  # what is refused


def test_a_stored_scope_is_the_same() -> None:
    """JSON knows no tuples."""
    scope = Scope(path="x", fields=("a", "b"))

    assert Scope(path="x", fields=["a", "b"]) == scope  # type: ignore[arg-type]  # as JSON has it
