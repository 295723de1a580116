"""Placeholders in policies: what they stand for, and what is done where they stand for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.tools.devvault.policies import Rule
from bailiwick.tools.devvault.templates import AliasFacts, EntityFacts, resolve

ENTITY = EntityFacts(
    id="e-1",
    name="clerk",
    metadata={"team": "a", "dotted.key": "d", "empty": ""},
    aliases={
        "auth_1": AliasFacts(
            id="a-1", name="desk", metadata={}, custom_metadata={"floor": "2", "host.name": "h"}
        )
    },
    group_names={"g-1": "staff"},
)


def rule(pattern: str) -> Rule:
    """Return a rule for a path."""
    return Rule(pattern=pattern, capabilities=frozenset({"read"}))


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_path_without_placeholders_stays(pattern: str) -> None:
    """For everybody, also for nobody."""
    assert resolve([rule(pattern)], None) == resolve([rule(pattern)], ENTITY) == [rule(pattern)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("identity.entity.id", "e-1"),
        ("identity.entity.name", "clerk"),
        ("identity.entity.metadata.team", "a"),
        ("identity.entity.metadata.dotted.key", "d"),
        ("identity.entity.aliases.auth_1.id", "a-1"),
        ("identity.entity.aliases.auth_1.name", "desk"),
        ("identity.entity.aliases.auth_1.custom_metadata.floor", "2"),
        ("identity.entity.aliases.auth_1.custom_metadata.host.name", "h"),
        ("identity.groups.ids.g-1.name", "staff"),
        ("identity.groups.names.staff.id", "g-1"),
    ],
)
def test_a_placeholder_is_filled_in(name: str, value: str) -> None:
    """With or without spaces around it."""
    for text in (f"x/{{{{{name}}}}}/y", f"x/{{{{ {name} }}}}/y"):
        assert resolve([rule(text)], ENTITY) == [rule(f"x/{value}/y")]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "identity",
        "identity.entity",
        "identity.entity.unknown",
        "identity.entity.metadata.unknown",
        "identity.entity.metadata.empty",
        "identity.entity.aliases.auth_2.id",
        "identity.entity.aliases.auth_1.metadata.none",
        "identity.groups.ids.g-2.name",
        "identity.groups.names.others.id",
        "time.now",
    ],
)
def test_a_path_that_cannot_be_filled_in_is_left_out(name: str) -> None:
    """It allows nothing, and spares the others."""
    assert resolve([rule(f"x/{{{{{name}}}}}"), rule("y")], ENTITY) == [rule("y")]


@given(st.text(alphabet="ab*+/", min_size=1))
def test_no_name_widens_a_rule(name: str) -> None:
    """A wildcard in what somebody is called is not one in the rule."""
    found = resolve([rule("x/{{identity.entity.name}}")], EntityFacts(id="e", name=name))

    assert found == ([] if set(name) & {"*", "+"} else [rule(f"x/{name}")])


def test_nobody_has_no_placeholders() -> None:
    """A token without an entity gets the plain paths alone."""
    assert resolve([rule("x/{{identity.entity.id}}"), rule("y")], None) == [rule("y")]
