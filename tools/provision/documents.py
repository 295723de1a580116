"""Owns the text of the policies: how it is written, marked as ours, and compared."""

import json
from collections.abc import Mapping
from hashlib import sha256

from bailiwick.tools.devvault.policies import read_policy
from bailiwick.tools.devvault.refusals import Refusal
from bailiwick.tools.provision.rules import PathRule

_MARK = "# Written by Bailiwick"
_NOTE = "; `bailiwick vault setup` shows and mends what is changed here."


def policy_text(rules: Mapping[str, PathRule]) -> str:
    """Return a policy in Vault's language, with a first line that says whose it is.

    The line carries a digest of the rest, so that what somebody changed can be told from what an
    earlier declaration said.
    """
    body = "\n".join(_stanza(path, rule) for path, rule in sorted(rules.items()))
    return f"{_MARK} {_digest(body)}{_NOTE}\n\n{body}"


def is_ours(text: str) -> bool:
    """Tell whether a policy was written here, whatever has become of it since."""
    return text.startswith(_MARK)


def is_untouched(text: str) -> bool:
    """Tell whether a policy is as it was written here."""
    mark, _, body = text.partition("\n\n")
    return is_ours(text) and mark == f"{_MARK} {_digest(body)}{_NOTE}"


def allows_less(found: str, declared: str) -> bool:
    """Tell whether a policy allows nothing but what another allows, and not all of that."""
    try:
        held = {rule.pattern: rule for rule in read_policy(found)}
        wanted = {rule.pattern: rule for rule in read_policy(declared)}
    except Refusal:
        return False
    return held != wanted and all(
        path in wanted
        and rule.capabilities - {"deny"} <= wanted[path].capabilities
        and (not wanted[path].allowed or rule.allowed == wanted[path].allowed)
        for path, rule in held.items()
    )


def _digest(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:16]


def _stanza(path: str, rule: PathRule) -> str:
    lines = [f'path "{path}" {{', f"  capabilities = {json.dumps(list(rule.capabilities))}"]
    if rule.allowed_parameters:
        bounds = (f'    "{n}" = {json.dumps(list(v))}' for n, v in rule.allowed_parameters.items())
        lines += ["  allowed_parameters = {", *bounds, "  }"]
    return "\n".join([*lines, "}\n"])
