"""Owns bare HTTP to servers on loopback, which read no certificates: `httpx` would, each time."""

import ssl
from typing import Any

import httpx

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, so nothing but plain HTTP gets through."""


def send(method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes it
    """Send a request, whatever proxies the environment names."""
    return httpx.request(method, url, verify=NO_CERTIFICATES, trust_env=False, **more)
