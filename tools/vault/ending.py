"""Owns the ending of leases: by their own tokens while those are known, else by their handles."""

from pydantic import SecretStr

from bailiwick.tools.secrets.leases import (
    REVOKE_ACCESSOR,
    REVOKE_LEASE,
    SWEEPER,
    Lease,
)
from bailiwick.tools.vault import refusals
from bailiwick.tools.vault.answers import Answer
from bailiwick.tools.vault.sessions import Sessions
from bailiwick.tools.vault.wire import Wire


class Ending:
    """End leases where a token ending itself is not all there is to do.

    Args:
        wire: The connection, for what is asked as a child.
        sessions: For what is asked as the sweeper, by handles that are no secrets.
    """

    def __init__(self, wire: Wire, sessions: Sessions) -> None:
        self._wire = wire
        self._sessions = sessions

    def end_lease(self, lease: Lease) -> None:
        """End what a lease's token was given, and wait until it is gone.

        Raises:
            VaultError: If Vault could not end it, or did not confirm.
        """
        answer = self._wire.request(
            "PUT",
            REVOKE_LEASE,
            token=SecretStr(lease.token),
            json={"lease_id": lease.lease_id, "sync": True},
            to="revoke a lease",
        )
        if answer.is_dead_token:
            self.end(lease.accessor, lease.lease_id)
            return
        answer.check(refusals.revoke_lease(lease.role))

    def end(self, accessor: str, lease_id: str) -> bool:
        """End a child token and what it was given, as the sweeper; tell whether Vault knew it.

        Raises:
            VaultError: If Vault did not confirm, or knows no sweeper.
        """
        if lease_id:
            body: dict[str, object] = {"lease_id": lease_id, "sync": True}
            self._ask(REVOKE_LEASE, body).check(refusals.sweep())
        answer = self._ask(REVOKE_ACCESSOR, {"accessor": accessor})
        # Versions differ in how they say that it is gone.
        if "invalid accessor" in str(answer.body.get("errors")):
            return False
        answer.check(refusals.sweep())
        return not answer.body.get("warnings")

    def _ask(self, path: str, body: dict[str, object]) -> Answer:
        asked = self._sessions.request("PUT", path, agent=SWEEPER, json=body, to="end a lease")
        return asked.answer
