"""Which of a token's rules decides, and what it decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.tools.devvault.acl import Acl
from bailiwick.tools.devvault.envelope import Operation
from bailiwick.tools.devvault.policies import PolicyStore, Rule, read_policy
from bailiwick.tools.devvault.refusals import Refusal

NOTHING: dict[str, object] = {}


def acl(*texts: str) -> Acl:
    """Return the access check of several policies."""
    return Acl([rule for text in texts for rule in read_policy(text)])


def rule(path: str, *capabilities: str) -> str:
    """Return the text of a policy with one rule."""
    words = ", ".join(f'"{word}"' for word in capabilities)
    return f'path "{path}" {{ capabilities = [{words}] }}\n'


@given(st.text())
def test_no_policy_allows_nothing(path: str) -> None:
    """Without a rule every request is denied."""
    assert not acl().allows("read", path, NOTHING)
    assert acl().capabilities(path) == ["deny"]


def test_root_may_do_everything() -> None:
    """The root policy has no rules to be found in."""
    root = Acl([], is_root=True)

    assert root.allows("delete", "sys/mounts/secret", NOTHING, sudo=True)
    assert root.capabilities("any") == ["root"]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b", "a/bc", False),
        ("a/*", "a/b/c", True),
        ("a/*", "a/", True),
        ("a/*", "a", False),
        ("a/b*", "a/bc", True),
        ("*", "anything/at/all", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/b/c", False),
        ("a/+/c", "a//c", False),
        ("a/+", "a/b", True),
        ("+/b/*", "x/b/c/d", True),
        ("a+/b", "a+/b", True),
        ("a+/b", "ab/b", False),
        ("/a/b", "a/b", True),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern_covers_its_paths(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001 - a table
    """`*` ends a prefix, `+` is one segment, everything else is itself."""
    assert acl(rule(pattern, "read")).allows("read", path, NOTHING) is matches


@pytest.mark.parametrize(
    ("winner", "loser", "path"),
    [
        ("a/b", "a/*", "a/b"),
        ("a/b/*", "a/*", "a/b/c"),
        ("a/b/*", "a/+/c", "a/b/c"),
        ("a/+/c", "a/*", "a/b/c"),
        ("a/+/c", "a/+/*", "a/b/c"),
        ("a/+/c/+", "a/+/+/+", "a/b/c/d"),
        ("a/+/cc*", "a/+/c*", "a/b/ccc"),
    ],
)
def test_the_most_specific_rule_alone_decides(winner: str, loser: str, path: str) -> None:
    """Whatever the order of the rules, the loser neither adds nor takes."""
    for texts in ((winner, loser), (loser, winner)):
        allowing = acl(*(rule(p, "read" if p == winner else "deny") for p in texts))
        denying = acl(*(rule(p, "deny" if p == winner else "read") for p in texts))
        assert allowing.allows("read", path, NOTHING)
        assert not denying.allows("read", path, NOTHING)


def test_rules_for_one_path_add_up_and_deny_wins() -> None:
    """Two policies give what both give, unless one denies."""
    both = acl(rule("a", "read"), rule("a", "list", "update"))

    assert both.capabilities("a") == ["list", "read", "update"]
    assert acl(rule("a", "read"), rule("a", "deny")).capabilities("a") == ["deny"]


@pytest.mark.parametrize("operation", ["read", "list", "create", "update", "delete", "patch"])
def test_a_capability_allows_its_operation_alone(operation: Operation) -> None:
    """No capability stands for another."""
    one = acl(rule("a", operation))
    rest = {"read", "list", "create", "update", "delete", "patch"} - {operation}

    assert one.allows(operation, "a", NOTHING)
    assert not acl(rule("a", *sorted(rest))).allows(operation, "a", NOTHING)


def test_a_list_may_be_allowed_without_the_slash() -> None:
    """A rule for `a` lets `a/` be listed, and nothing else."""
    assert acl(rule("a", "list")).allows("list", "a/", NOTHING)
    assert not acl(rule("a", "read")).allows("read", "a/", NOTHING)


def test_a_guarded_path_needs_sudo_besides() -> None:
    """The capability alone is not enough on a root-protected path."""
    assert not acl(rule("sys/auth/x", "update")).allows("update", "sys/auth/x", NOTHING, sudo=True)
    assert acl(rule("sys/auth/x", "update", "sudo")).allows(
        "update", "sys/auth/x", NOTHING, sudo=True
    )


PARAMETERS = """
path "a" {
  capabilities = ["update"]
  required_parameters = ["who"]
  allowed_parameters = { "who" = ["me", "team-*"], "note" = [] }
}
path "b" {
  capabilities = ["update"]
  denied_parameters = { "admin" = [], "level" = ["9"] }
}
path "c" {
  capabilities = ["update"]
  allowed_parameters = { "level" = ["1"], "*" = [] }
}
path "d" {
  capabilities = ["update"]
  denied_parameters = { "*" = [] }
}
"""


@pytest.mark.parametrize(
    ("path", "fields", "allowed"),
    [
        ("a", {}, False),
        ("a", {"who": "me"}, True),
        ("a", {"WHO": "me", "note": "any"}, True),
        ("a", {"who": "team-7"}, True),
        ("a", {"who": "you"}, False),
        ("a", {"who": "me", "more": 1}, False),
        ("b", {}, True),
        ("b", {"admin": False}, False),
        ("b", {"level": "8"}, True),
        ("b", {"level": "9"}, False),
        ("c", {"level": "1", "more": 1}, True),
        ("c", {"level": "2"}, False),
        ("d", {}, True),
        ("d", {"x": 1}, False),
    ],
)
def test_parameters_are_checked(path: str, fields: dict[str, object], allowed: bool) -> None:  # noqa: FBT001 - a table
    """Required first, then denied, then allowed."""
    assert acl(PARAMETERS).allows("update", path, fields) is allowed


@pytest.mark.parametrize(
    ("bounds", "ttl", "allowed"),
    [
        ("", 0, True),
        ("", 9, True),
        ("min_wrapping_ttl = 5", 0, False),
        ("min_wrapping_ttl = 5", 4, False),
        ("min_wrapping_ttl = 5", 5, True),
        ('max_wrapping_ttl = "5s"', 0, False),
        ('max_wrapping_ttl = "5s"', 5, True),
        ('max_wrapping_ttl = "5s"', 6, False),
    ],
)
def test_a_rule_that_bounds_wrapping_forces_it(bounds: str, ttl: int, allowed: bool) -> None:  # noqa: FBT001 - a table
    """An answer that is not wrapped, or not as long as it must be, cannot be had."""
    text = f'path "a" {{ capabilities = ["read"] {bounds} }}'

    assert acl(text).allows("read", "a", NOTHING, wrap_ttl=ttl) is allowed


def test_the_lesser_wrapping_wins() -> None:
    """Where two policies bound one path; where one does not, the other does."""
    both = acl(*(f'path "a" {{ capabilities = ["read"] max_wrapping_ttl = {n} }}' for n in (5, 9)))

    assert both.allows("read", "a", NOTHING, wrap_ttl=5)
    assert not both.allows("read", "a", NOTHING, wrap_ttl=6)
    assert not acl(
        rule("a", "read"), 'path "a" { capabilities = ["read"] max_wrapping_ttl = 5 }'
    ).allows("read", "a", NOTHING)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "a/*", "a/+"]), st.sampled_from(["read", "deny"]))),
    st.sampled_from(["a", "a/b", "a/b/c"]),
)
def test_the_order_of_rules_does_not_matter(rules: list[tuple[str, str]], path: str) -> None:
    """Any order of the same rules decides alike."""
    made = [Rule(pattern=p, capabilities=frozenset({word})) for p, word in rules]

    answers = {
        Acl(order).allows("read", path, NOTHING)
        for order in (made, made[::-1], sorted(made, key=str))
    }

    assert len(answers) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('path "a" { capabilities = ["fly"] }', "invalid capability 'fly'"),
        ('path "a" { colour = "red" }', "invalid key 'colour'"),
        ('paths "a" { }', "invalid key 'paths'"),
        ('path "a/+*" { capabilities = ["read"] }', "invalid use of wildcards"),
        ("path = 1", "a path needs a block"),
        ('path "a" { policy = "own" }', "invalid capability 'own'"),
        ("path {", "ends too early"),
        ('path "a" { min_wrapping_ttl = 9 max_wrapping_ttl = 5 }', "cannot be less than"),
    ],
)
def test_a_policy_with_a_mistake_is_refused(text: str, words: str) -> None:
    """A mistake is not read as a policy that says less."""
    with pytest.raises(Refusal) as caught:
        read_policy(text)

    assert caught.value.status == 400
    assert words in caught.value.errors[0]


@pytest.mark.parametrize(
    "text",
    [
        'path "a" { capabilities = ["read"] }',
        'path = { "a" = { capabilities = ["read"] } }',
        '{"path": {"a": {"capabilities": ["read"]}}}',
        '{"path": [{"a": {"capabilities": "read"}}]}',
        'name = "x"\npath "/a" { capabilities = ["read"] }',
    ],
)
def test_every_spelling_of_a_policy_means_the_same(text: str) -> None:
    """HCL, JSON and their variants give the same rule."""
    assert read_policy(text) == (Rule(pattern="a", capabilities=frozenset({"read"})),)


def test_the_old_words_stand_for_capabilities() -> None:
    """`policy = "write"` is what it was before there were capabilities."""
    assert acl('path "a" { policy = "read" }').capabilities("a") == ["list", "read"]
    assert acl('path "a" { policy = "deny" }').capabilities("a") == ["deny"]


def test_built_in_policies_stay() -> None:
    """`root` cannot be written, `default` not be removed."""
    store = PolicyStore()
    with pytest.raises(Refusal):
        store.write("root", "")
    for name in ("root", "default"):
        with pytest.raises(Refusal):
            store.delete(name)

    assert store.names() == ["default", "root"]
