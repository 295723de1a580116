"""How names are written into what a model reads, and taken out of what it writes."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from tests.graphs.fakes import scripted

from bailiwick.graphs.agent_name import (
    Content,
    add_inline_agent_name,
    remove_inline_agent_name,
    with_agent_name,
)

IMAGE: dict[str, Any] = {"type": "image", "url": "http://127.0.0.1/chair.png"}


def text(said: str) -> dict[str, Any]:
    """Return a text block."""
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    "message", [HumanMessage("x", name="clerk"), AIMessage("x"), AIMessage("x", name="")]
)
def test_a_message_without_an_agent_stays(message: BaseMessage) -> None:
    """Only an agent's message has a name to tell."""
    assert add_inline_agent_name(message) is message


@pytest.mark.parametrize(
    ("content", "tagged"),
    [
        ("x", "<name>clerk</name><content>x</content>"),
        ("", "<name>clerk</name><content></content>"),
        ([IMAGE], [text("<name>clerk</name><content></content>"), IMAGE]),
        (
            [IMAGE, text("x"), text("y")],
            [text("<name>clerk</name><content>x</content>"), IMAGE, text("y")],
        ),
    ],
    ids=["text", "empty", "image", "blocks"],
)
def test_the_name_is_tagged(content: Content, tagged: Content) -> None:
    """In the first text, which stands first then; no other text is lost."""
    message = AIMessage(content, name="clerk")

    named = add_inline_agent_name(message)

    assert (named.content, named.name) == (tagged, "clerk")
    assert message.content == content


def test_tagged_and_untagged_is_the_same() -> None:
    """Whatever stands in the content, over several lines, too."""
    contents: list[Content] = ["x", "several\nlines", [text("x"), IMAGE, text("y")], [IMAGE]]
    for content in contents:
        message = AIMessage(content, name="clerk")

        assert remove_inline_agent_name(add_inline_agent_name(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("<name>a</name><content>x</content>"),
        AIMessage(""),
        AIMessage("<name>a</name>"),
        AIMessage("<content>x</content>"),
    ],
    ids=["person", "empty", "name", "content"],
)
def test_a_message_without_both_tags_stays(message: BaseMessage) -> None:
    """Half a tag may be what somebody really wrote."""
    assert remove_inline_agent_name(message) is message


async def test_a_wrapped_model_reads_and_writes_names() -> None:
    """It reads tags and its own are taken off, whichever way it is called."""
    tagged = "<name>clerk</name><content>y</content>"
    model = scripted(tagged, tagged)
    wrapped: Any = with_agent_name(model, "inline")

    assert wrapped.invoke([AIMessage("x", name="clerk")]).text == "y"
    assert (await wrapped.ainvoke("x")).text == "y"
    assert model.seen[0][0].text == "<name>clerk</name><content>x</content>"


def test_an_unknown_mode_is_refused() -> None:
    """There is one."""
    with pytest.raises(ValueError, match="Invalid agent name mode: outline"):
        with_agent_name(scripted(), "outline")  # type: ignore[arg-type]  # what is tried
