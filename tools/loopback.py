"""Owns small HTTP services on loopback: the development Vault and the shop run in one."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from bailiwick.policies.errors import SettingsError

HOST = "127.0.0.1"
IDLE = 300
"""Seconds for which a connection may rest between two requests, as at Vault's own listener.

After uvicorn's five, calls met a server that was just hanging up. Source: Vault's documentation of
`http_idle_timeout`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Name the files of a server's certificate and of its key, both PEM."""

    file: Path
    key_file: Path


@contextmanager
def serve(
    app: ASGIApp,
    *,
    port: int = 0,
    protocol: type[asyncio.Protocol] | None = None,
    certificate: Certificate | None = None,
) -> Generator[str]:
    """Serve an ASGI application from a thread of this process while the context lasts.

    Args:
        app: The application.
        port: The TCP port; 0 takes a free one.
        protocol: What speaks HTTP on a connection; uvicorn chooses where there is none.
        certificate: With it, the service speaks HTTPS.

    Yields:
        The service's address, such as `http://127.0.0.1:49152`.

    Raises:
        SettingsError: If the port is taken.
    """
    with _bound(port) as listener:
        config = uvicorn.Config(
            app,
            http=protocol or "auto",
            ssl_certfile=certificate.file if certificate else None,
            ssl_keyfile=certificate.key_file if certificate else None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=IDLE,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.001)
        try:
            yield f"http{'s' if certificate else ''}://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _bound(port: int) -> socket.socket:
    # By its protocol asyncio tells that it is TCP, and lets no answer wait for an acknowledgement.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise SettingsError(f"port {port} on {HOST} is taken: choose another") from None
    return listener


@contextmanager
def stopped_by_signals() -> Generator[threading.Event]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into an event while the context lasts.

    A service ends what it does before it stops: a call cut off would be in doubt.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in _stopping()}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopping() -> list[signal.Signals]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    # `nohup` ignores it so that the terminal may be closed, and Windows has none.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
