"""Owns the policies of the stories: the shipped one with something changed."""

from pathlib import Path

from bailiwick.policies import Policy, policy

GATE = '@id("refund-needs-a-manager") @approval("manager")'
WHOLE_GATE = """\
@id("refund-needs-a-manager") @approval("manager") @reason("a refund moves money")
forbid (principal, action == Action::"call", resource == Tool::"issue_refund")
unless { context.approvals.contains("manager") };
"""
REWORDED = ("a refund moves money", "refunds move money")


def changed_policy(folder: Path, *changes: tuple[str, str]) -> Policy:
    """Return the shipped policy with texts replaced; each must be in one of its files."""
    folder.mkdir(exist_ok=True)
    shipped = Path(policy.__file__).parent
    texts = {
        path.name: path.read_text("utf-8")
        for pattern in ("*.cedar", "*.cedarschema")
        for path in shipped.glob(pattern)
    }
    for old, new in changes:
        assert any(old in text for text in texts.values()), old
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return Policy.from_path(folder)
