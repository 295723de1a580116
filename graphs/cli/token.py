"""Owns `bailiwick token`: tokens for LangGraph Server, in development."""

import sys
from collections.abc import Sequence
from datetime import timedelta

from bailiwick.graphs.settings import ENV_FILE, read_settings
from bailiwick.policies.errors import SettingsError


def issue(user: str, roles: Sequence[str], hours: float, *, init: bool) -> None:
    """Print a token; with `init`, put a secret to sign with into `.env` first.

    Raises:
        SettingsError: If there is no secret, no user, or what tokens need is not installed.
    """
    try:
        from bailiwick.graphs.server.tokens import (  # noqa: PLC0415 - an extra
            LONGEST,
            create_secret,
            issue_token,
        )
    except ImportError:
        raise SettingsError(
            'tokens need what the server needs: pip install "bailiwick[server]"'
        ) from None
    if init:
        create_secret(ENV_FILE)
        sys.stderr.write(f"A secret to sign with is in {ENV_FILE}.\n")
    if user or not init:
        # What is no length of time at all, such as NaN, is refused as none.
        is_length = 0 < hours <= LONGEST / timedelta(hours=1)
        ttl = timedelta(hours=hours) if is_length else timedelta()
        token = issue_token(read_settings(), user, roles, ttl)
        sys.stdout.write(f"{token}\n")
