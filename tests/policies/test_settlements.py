"""Who may say what came of a call in doubt."""

from typing import Any

import pytest

from bailiwick.policies import CallError, Principal
from bailiwick.policies.settlements import authorise_settlement

MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


def check(by: Principal, **changes: Any) -> None:  # noqa: ANN401 - any part of a call
    """Have somebody settle the customer's refund, which a manager had approved."""
    given: dict[str, Any] = {
        "tool": "issue_refund",
        "effect": "destructive",
        "requester": "customer",
        "roles": frozenset({"manager"}),
        **changes,
    }
    authorise_settlement(by=by, **given)


@pytest.mark.parametrize("roles", [frozenset[str](), frozenset({"manager"})])
def test_nobody_settles_without_a_role(roles: frozenset[str]) -> None:
    """Not even what nobody had to approve."""
    with pytest.raises(CallError, match="may not settle 'issue_refund'"):
        check(Principal(id="passer-by"), roles=roles)


def test_it_takes_a_role_that_approved_the_call() -> None:
    """Any one of them; another role is none."""
    check(MANAGER)
    check(MANAGER, roles=frozenset({"manager", "auditor"}))
    with pytest.raises(CallError, match="it takes the role 'auditor' or 'owner'"):
        check(MANAGER, roles=frozenset({"auditor", "owner"}))


def test_any_role_will_do_where_nobody_had_to_approve() -> None:
    """Somebody answerable found it out."""
    check(MANAGER, roles=frozenset())


def test_who_asked_does_not_settle_what_destroys() -> None:
    """What they say of it would be to their own advantage; of a write they may."""
    with pytest.raises(CallError, match="asked for 'issue_refund'"):
        check(MANAGER, requester="manager")
    check(MANAGER, requester="manager", effect="write")
