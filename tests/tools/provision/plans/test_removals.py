"""What nobody declares any more: removed when told to, and nothing that is not ours."""

from tests.tools.provision.plans.declared import APPROLE, ENTITY, POLICY, ROLE, SEALING, pending

from bailiwick.tools.provision import (
    Registry,
    VaultOperator,
    make_plan,
)


def test_what_nobody_declares_any_more_is_removed_only_when_told_to(
    settled: VaultOperator,
) -> None:
    """What can be used goes first; nothing of the removed agent is left."""
    assert pending(make_plan(settled, Registry(services=(SEALING,)))) == []

    plan = make_plan(settled, Registry(services=(SEALING,)), prune=True)
    plan.apply(settled)

    assert pending(plan) == [
        ("remove", "AppRole", "bailiwick-billing"),
        ("remove", "token role", "bailiwick-issue_refund"),
        ("remove", "entity", "bailiwick-billing"),
        ("remove", "policy", "bailiwick-billing.agent"),
        ("remove", "policy", "bailiwick-issue_refund"),
    ]
    assert all(settled.fields(path) is None for path in (POLICY, ROLE, APPROLE, ENTITY))


def test_what_does_not_carry_our_mark_is_never_removed(settled: VaultOperator) -> None:
    """A name like ours is no proof: it may be somebody else's."""
    theirs: dict[str, dict[str, object]] = {
        "sys/policies/acl/bailiwick-theirs": {"policy": 'path "a" { capabilities = ["read"] }'},
        "auth/token/roles/bailiwick-theirs": {"allowed_policies": ["bailiwick-theirs"]},
        "auth/approle/role/bailiwick-theirs": {"token_policies": ["bailiwick-theirs"]},
        "identity/entity/name/bailiwick-theirs": {"metadata": {"owner": "them"}},
    }
    for path, body in theirs.items():
        settled.write(path, **body)

    make_plan(settled, Registry(), prune=True).apply(settled)

    assert [path for path in theirs if settled.fields(path) is None] == []
    assert settled.fields(APPROLE) is None
    for path in theirs:
        settled.delete(path)


def test_secrets_keys_and_mounts_are_never_removed(settled: VaultOperator) -> None:
    """What they hold would be lost."""
    settled.write("secret/data/payments/refund", data={"key": "k"})

    make_plan(settled, Registry(), prune=True).apply(settled)

    assert settled.fields("secret/data/payments/refund") is not None
    assert settled.fields("transit/keys/bailiwick-test") is not None
