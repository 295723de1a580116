"""The language of policies: HCL and JSON say the same, and what is neither is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.tools.devvault.hcl import Block, HclError, Item, parse


@pytest.mark.parametrize("text", ["", "  \n", "# only a comment", "// a\n/* b\n */"])
def test_a_text_without_items_is_empty(text: str) -> None:
    """Nothing and comments are a document without items."""
    assert parse(text) == Block(())


def test_a_labelled_block_is_an_item() -> None:
    """The form in which policies are written by hand."""
    document = parse('path "secret/*" {\n  capabilities = ["read", "list",]\n}')

    assert document == Block(
        (Item("path", ("secret/*",), Block((Item("capabilities", (), ["read", "list"]),))),)
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\"b"', 'a"b'),
        ("12", 12),
        ("-1.5", -1.5),
        ("true", True),
        ("false", False),
        ("null", None),
        ("[]", []),
        ("{}", Block(())),
        ("{ a = 1, b: 2 }", Block((Item("a", (), 1), Item("b", (), 2)))),
        ("<<END\none\ntwo\nEND", "one\ntwo"),
    ],
    ids=str,
)
def test_a_value_is_read_as_what_it_is(text: str, value: object) -> None:
    """Texts, numbers, truths, lists, objects and here-documents."""
    assert parse(f"key = {text}") == Block((Item("key", (), value),))  # type: ignore[arg-type]  # a table of values of all kinds


def test_doubles_are_kept() -> None:
    """The reader sees every item, also where JSON would keep the last."""
    assert [item.value for item in parse('{"a": 1, "a": 2}').items] == [1, 2]
    assert [item.value for item in parse("a = 1\na = 2").items] == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "path",
        'path "a"',
        'path "a" {',
        "= 1",
        "a = ",
        "a = [1",
        "a = [1 2]",
        "a = }",
        "a = b",
        "a = 1 }",
        'a = "open',
        'a = "\\q"',
        "a ; b",
        "{",
        '{"a": }',
        "[1]",
    ],
)
def test_what_is_no_hcl_is_refused(text: str) -> None:
    """A text that was cut off or mistyped is not read as something smaller."""
    with pytest.raises(HclError):
        parse(text)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_json_says_what_it_says(document: dict[str, object]) -> None:
    """Every JSON object is read, with its keys in order."""
    assert [item.key for item in parse(json.dumps(document)).items] == list(document)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text brings the reader down."""
    try:
        parse(text)
    except HclError:
        return
