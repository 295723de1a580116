"""Small services on loopback: reachable while they last, and gone afterwards."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.loopback import serve


def greet(request: Request) -> PlainTextResponse:
    """Greet."""
    return PlainTextResponse(f"good day to {request.url.path}")


APP = Starlette(routes=[Route("/clerk", greet)])


def port_of(address: str) -> int:
    """Return the port of an address."""
    return urlsplit(address).port or 0


def test_a_service_answers_while_its_context_lasts() -> None:
    """On a free port, on loopback alone, and nothing is left of it."""
    threads = threading.active_count()
    with serve(APP) as address:
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(f"{address}/clerk").text == "good day to /clerk"

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/clerk")
    assert threading.active_count() <= threads


def test_no_answer_waits_for_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where `uvloop` is not installed: each request of a kept connection took 40 ms then."""
    told: list[int] = []

    class Telling(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
            taken: socket.socket = transport.get_extra_info("socket")
            told.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    monkeypatch.setitem(sys.modules, "uvloop", None)
    with serve(APP, protocol=Telling) as address:
        assert httpx.get(f"{address}/clerk").is_success

    assert told == [1]


def test_an_error_ends_the_service_too() -> None:
    """The port is free again for the next one."""
    with pytest.raises(RuntimeError), serve(APP) as address:
        raise RuntimeError

    with serve(APP, port=port_of(address)) as again:
        assert again == address


def test_a_port_that_is_taken_is_named() -> None:
    """One sentence with the remedy, instead of a server that nobody reaches."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refusal = pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is taken")
        with refusal, serve(APP, port=port):
            pytest.fail("it was served all the same")


def test_two_services_run_side_by_side() -> None:
    """Each has a port of its own."""
    with serve(APP) as one, serve(APP) as other:
        assert one != other
        for address in (one, other):
            assert httpx.get(f"{address}/clerk").is_success


def test_an_idle_connection_stays_open() -> None:
    """What comes after a pause of five seconds met a server that was hanging up: one call in 50."""
    with serve(APP) as address:
        connection = HTTPConnection("127.0.0.1", port_of(address))
        with closing(connection):
            for pause in (0, 6):
                time.sleep(pause)
                connection.request("GET", "/clerk")
                assert connection.getresponse().read() == b"good day to /clerk"


def test_an_idle_connection_does_not_hold_the_end_up() -> None:
    """A client that keeps its connection open is not waited for."""
    with httpx.Client() as client:
        with serve(APP) as address:
            assert client.get(f"{address}/clerk").is_success
        with pytest.raises(httpx.TransportError):
            client.get(f"{address}/clerk")


WAITING = """
from bailiwick.tools.loopback import stopped_by_signals

with stopped_by_signals() as stopped:
    print("waits", flush=True)
    stopped.wait()
print("ended", flush=True)
"""


def waiting(*before: str) -> "subprocess.Popen[str]":
    """Return a process that waits for a signal."""
    started = subprocess.Popen(
        [*before, sys.executable, "-c", WAITING],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert started.stdout
    assert started.stdout.readline() == "waits\n"
    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_serves_ends_what_it_does_before_it_stops(number: signal.Signals) -> None:
    """However it is told to: by a key, by a supervisor, or by a terminal that is closed."""
    with waiting() as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "ended\n")


def test_what_serves_under_nohup_outlives_its_terminal() -> None:
    """That is what `nohup` is for."""
    with waiting("nohup") as process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "ended\n")
