"""Owns small HTTP services on loopback: the development Vault and the shop run in one."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from bailiwick.policies.errors import SettingsError

HOST = "127.0.0.1"


@contextmanager
def serve(app: ASGIApp, *, port: int = 0) -> Generator[str]:
    """Serve an ASGI application from a thread of this process while the context lasts.

    Args:
        app: The application.
        port: The TCP port; 0 takes a free one.

    Yields:
        The service's address, such as `http://127.0.0.1:49152`.

    Raises:
        SettingsError: If the port is taken.
    """
    with _bound(port) as listener:
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.001)
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise SettingsError(f"port {port} on {HOST} is taken: choose another") from None
    return listener
