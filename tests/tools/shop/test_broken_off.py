"""A shop that is gone, answers nonsense or hangs up: what its tools say of a refund then."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from tests.tools.shop.calling import call, error

from bailiwick.tools.retries import ATTEMPTS
from bailiwick.tools.shop import Shop, ShopTools, create_shop_tools
from bailiwick.tools.shop.requests import OutcomeUnknownError


@pytest.fixture
def answering(
    put_on: Callable[[ASGIApp], None], address: str
) -> Generator[Callable[[int, str], ShopTools]]:
    """Return a function that creates the tools of a shop with one answer to everything."""
    with create_shop_tools(address) as tools:

        def answering(status: int, body: str) -> ShopTools:
            put_on(PlainTextResponse(body, status_code=status))
            return tools

        yield answering


@contextmanager
def hanging_up(times: int = 1) -> Generator[ShopTools]:
    """Create the tools of a shop that takes requests and hangs up without an answer."""

    def take_and_hang_up(listener: socket.socket) -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take_and_hang_up, args=(listener,))
        thread.start()
        with create_shop_tools(f"http://127.0.0.1:{listener.getsockname()[1]}") as tools:
            yield tools
        thread.join()


def test_a_shop_that_is_gone_is_told_as_such() -> None:
    """A connection that never came about did nothing, and the model may know."""
    with Shop() as shop:
        address = shop.address
    with create_shop_tools(address) as tools:
        for tool, args in ((tools.look_up_order, {}), (tools.issue_refund, {"amount": "1"})):
            answer = error(partial(call, tool, "key", order_id="A-1001", **args))
            assert "cannot be reached" in answer


@pytest.mark.parametrize("status", [200, 302, 500, 503])
def test_a_refund_with_no_readable_answer_has_an_unknown_outcome(
    answering: Callable[[int, str], ShopTools], status: int
) -> None:
    """Whatever is neither a receipt nor a refusal may have moved the money."""
    tools = answering(status, "oops")
    with pytest.raises(OutcomeUnknownError, match="A-1001"):
        call(tools.issue_refund, "key", order_id="A-1001", amount="1")


def test_a_refund_that_was_broken_off_has_an_unknown_outcome_and_holds_no_key() -> None:
    """Neither the error nor what led to it carries the request with the key."""
    with hanging_up() as tools, pytest.raises(OutcomeUnknownError, match="A-1001") as caught:
        call(tools.issue_refund, "key", order_id="A-1001", amount="1")
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, "oops", "The shop's answer cannot be read."),
        (200, '{"id": "A-1001"}', "The shop's answer cannot be read."),
        (500, "oops", "The shop answered with status 500."),
        (400, '{"detail": "Not so."}', "Not so."),
    ],
)
def test_a_look_up_with_no_readable_answer_fails(
    answering: Callable[[int, str], ShopTools], status: int, body: str, sentence: str
) -> None:
    """A failed reading did no harm, so the model may go on."""
    tools = answering(status, body)
    assert error(partial(call, tools.look_up_order, "key", order_id="A-1001")) == sentence


def test_a_look_up_that_is_broken_off_is_tried_again() -> None:
    """A reading did no harm; what keeps failing is told."""
    with hanging_up(times=ATTEMPTS) as tools:
        answer = error(partial(call, tools.look_up_order, "key", order_id="A-1001"))
    assert "cannot be reached" in answer
