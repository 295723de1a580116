"""Who acts is one person by one name."""

from typing import Any

import pytest

from bailiwick.policies.principals import Principal

COMPOSED, DECOMPOSED = "ren\u00e9", "rene\u0301"


def test_nobody_is_no_principal() -> None:
    """A host that forgot to say who was authenticated has authenticated nobody."""
    with pytest.raises(ValueError, match="nobody"):
        Principal(id="")


def test_roles_are_a_set_and_no_text() -> None:
    """`manager` is a part of `not-a-manager`, and must not be found there."""
    given: Any = "not-a-manager"
    with pytest.raises(TypeError, match="give a set"):
        Principal(id="clerk", roles=given)


def test_any_collection_of_roles_becomes_a_set() -> None:
    """A host may hold them in a list."""
    given: Any = ["manager", "manager"]
    assert Principal(id="clerk", roles=given).roles == frozenset({"manager"})


def test_one_name_in_two_spellings_is_one_person() -> None:
    """Unicode spells an accented letter in two ways that look alike."""
    assert Principal(id=COMPOSED) == Principal(id=DECOMPOSED)
