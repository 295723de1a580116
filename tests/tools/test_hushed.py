"""What a tool that holds a credential logs and streams shows nothing of it."""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint

from bailiwick.policies.redaction import MASK, Redactor
from bailiwick.tools.hushed import hushed

SECRET = "s3cr3t/key+with=signs"
REDACTOR = Redactor([SECRET])
logger = logging.getLogger("somebody.elses")


@pytest.fixture(autouse=True)
def give_back_the_factory() -> Iterator[None]:
    """Leave the process's way to make log records as it was."""
    make = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(make)


def fail(error: BaseException, cause: BaseException | None = None) -> NoReturn:
    """Raise an error from an expression."""
    raise error from cause


def log_an_error(secret: str) -> None:
    """Log an exception that has a cause, a note, and the secret in a local variable."""
    try:
        try:
            fail(ValueError(secret))
        except ValueError as error:
            fail(ConnectionError(f"no way with {secret}"), error)
    except ConnectionError as error:
        error.add_note(f"tried {secret}")
        logger.exception("failed")


def log_a_group(secret: str) -> None:
    """Log a group of exceptions."""
    try:
        fail(ExceptionGroup(secret, [ValueError(secret), KeyError(secret)]))
    except ExceptionGroup:
        logger.exception("failed")


LOGS: dict[str, Callable[[str], object]] = {
    "plain": lambda secret: logger.warning("sent " + secret),  # noqa: G003 - as people do
    "argument": lambda secret: logger.warning("sent %s", secret),
    "named argument": lambda secret: logger.warning("sent %(key)s", {"key": secret}),
    "object": lambda secret: logger.warning({"key": secret}),
    "bytes": lambda secret: logger.warning("%s", secret.encode()),
    "hex": lambda secret: logger.warning("%s", secret.encode().hex()),
    "wrong format": lambda secret: logger.warning("%d", secret),
    "exception": log_an_error,
    "group": log_a_group,
    "stack": lambda secret: logger.warning("here", stack_info=bool(secret)),
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_a_log_line_shows_nothing(
    log: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its text nor what a handler could make of its fields."""
    with hushed(REDACTOR):
        log(SECRET)

    (record,) = caplog.records
    shown = caplog.text + repr(vars(record))
    assert SECRET not in shown
    assert SECRET.encode().hex() not in shown
    assert record.exc_info is None


def test_a_logged_error_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    """With its cause and where it arose."""
    with hushed(REDACTOR):
        log_an_error(SECRET)

    assert f"ConnectionError: no way with {MASK}" in caplog.text
    assert f"ValueError: {MASK}" in caplog.text
    assert "log_an_error" in caplog.text


def test_the_lines_of_others_are_as_they_were(caplog: pytest.LogCaptureFixture) -> None:
    """With their arguments and errors, beside the call and after it."""
    with hushed(REDACTOR):
        beside = threading.Thread(target=lambda: logger.warning("beside %s", "words"))
        beside.start()
        beside.join()
    try:
        fail(ValueError("words"))
    except ValueError:
        logger.exception("after %s", "words")

    assert [record.args for record in caplog.records] == [("words",), ("words",)]
    assert caplog.records[1].exc_info is not None


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_a_log_line_of_a_thread_of_the_tool_shows_nothing(
    log: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Threads that a tool starts by itself have no context of its call; some outlive it."""
    with ThreadPoolExecutor(1) as pool:
        with hushed(REDACTOR):
            pool.submit(log, SECRET).result()
        pool.submit(log, SECRET).result()

    shown = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert len(caplog.records) == 2
    assert SECRET not in shown
    assert SECRET.encode().hex() not in shown


async def test_what_the_loop_tells_of_an_abandoned_task_shows_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That nobody retrieved its exception, which asyncio finds when the task is let go."""

    async def refused() -> None:
        fail(ValueError(f"refused {SECRET}"))

    with hushed(REDACTOR):
        task = asyncio.create_task(refused())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)
    gc.collect()

    assert "never retrieved" in caplog.text
    assert f"ValueError: refused {MASK}" in caplog.text
    assert SECRET not in caplog.text


async def test_tasks_and_threads_of_a_call_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """Of whichever call they are; each holds another secret."""

    async def call(secret: str) -> None:
        with hushed(Redactor([secret])):
            await asyncio.gather(
                asyncio.to_thread(logger.warning, "thread %s", secret),
                asyncio.create_task(asyncio.to_thread(logger.warning, "task %s", secret)),
            )

    await asyncio.gather(call("first-secret-1"), call("second-secret-2"))

    assert sorted(record.getMessage() for record in caplog.records) == [
        f"task {MASK}",
        f"task {MASK}",
        f"thread {MASK}",
        f"thread {MASK}",
    ]


def test_a_factory_of_somebody_else_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Also one that was set in between."""

    class Marked(logging.LogRecord):
        mark = "theirs"

    logging.setLogRecordFactory(Marked)
    with hushed(REDACTOR):
        logger.warning(SECRET)
        logger.info("nobody listens to %s", SECRET)

    (record,) = caplog.records
    assert (type(record), record.getMessage()) == (Marked, MASK)


@given(
    secret=st.text(min_size=8).filter(lambda text: text.strip() == text),
    around=st.tuples(st.text(), st.text()),
)
def test_no_log_line_holds_the_secret(secret: str, around: tuple[str, str]) -> None:
    """Whatever it is and wherever it stands."""
    with hushed(Redactor([secret])):
        record = logging.getLogRecordFactory()(
            "x", logging.INFO, "x.py", 1, "%s%s%s", (around[0], secret, around[1]), None
        )

    assert all(secret not in part for part in record.getMessage().split(MASK))


def test_what_a_tool_streams_is_redacted() -> None:
    """Through the writer of the graph that it runs in, whatever the shape."""

    @entrypoint()
    def graph(secret: str) -> str:
        with hushed(REDACTOR):
            write = get_stream_writer()
            write(f"sending {secret}")
            write({"header": [secret]})
        get_stream_writer()("done")
        return "ok"

    seen: list[Any] = list(graph.stream(SECRET, stream_mode="custom"))

    assert seen == [f"sending {MASK}", {"header": [MASK]}, "done"]
