"""Owns the ways in which the development Vault says no, with Vault's status codes and texts."""

from typing import TypeVar

T = TypeVar("T")


class Refusal(Exception):  # noqa: N818 - an answer of the protocol, not a fault of the program
    """End a request with an error status and Vault's error texts."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status, *errors)
        self.status = status
        self.errors = errors


def invalid(message: str) -> Refusal:
    """Return the refusal of a malformed request."""
    return Refusal(400, message)


def denied() -> Refusal:
    """Return the refusal of a request that the token's policies do not allow."""
    return Refusal(403, "1 error occurred:\n\t* permission denied\n\n")


def failed(message: str) -> Refusal:
    """Return the answer where an engine could not do what it should: Vault's internal error."""
    return Refusal(500, f"1 error occurred:\n\t* {message}\n\n")


def no_token() -> Refusal:
    """Return the refusal of a request without a token."""
    return Refusal(403, "permission denied")


def nothing_there() -> Refusal:
    """Return the answer to a read or a list that finds nothing."""
    return Refusal(404)


def existing(found: T | None) -> T:
    """Return what a read has found.

    Raises:
        Refusal: With status 404, if that is nothing.
    """
    if found is None:
        raise nothing_there()
    return found


def no_mount(path: str) -> Refusal:
    """Return the answer to a path below which nothing is mounted."""
    return Refusal(404, f'no handler for route "{path}". route entry not found.')


def unsupported() -> Refusal:
    """Return the answer to a path or a verb that an engine does not have."""
    return Refusal(405, "1 error occurred:\n\t* unsupported operation\n\n")


def sealed() -> Refusal:
    """Return the answer of a sealed Vault."""
    return Refusal(503, "Vault is sealed")
