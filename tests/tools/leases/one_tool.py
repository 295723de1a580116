"""Owns what the tests of leases stand on: a Vault for one agent with one tool, and its calls."""

from collections.abc import Mapping
from contextlib import closing

from tests.tools.governed import CLERK

from bailiwick.policies.calls import Effect, ToolCall, ToolUse
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope, VaultOperator, set_up
from bailiwick.tools.provision.services import REVOCATIONS
from bailiwick.tools.provision.setup import write_secret
from bailiwick.tools.vault.methods import AppRole


def call_of(agent: str, tool: str, effect: Effect) -> ToolCall:
    """Return the clerk's call of an agent's tool, without arguments."""
    return ToolCall(
        id="call-1",
        thread="t",
        namespace="#message-1",
        requester=CLERK.id,
        agent=agent,
        tool=ToolUse(name=tool, version="1", effect=effect),
        args={},
    )


def set_up_for(
    devvault: DevelopmentVault, call: ToolCall, scope: Scope, secret: str
) -> Mapping[str, AppRole]:
    """Set Vault up for the agent of a call with its one tool, and for the sweeper."""
    held = ToolScope(tool=call.tool.name, scope=scope)
    agent = AgentIdentity(name=call.agent, tools=(held,))
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, scope, {"key": secret})
        return set_up(operator, Registry(agents=(agent,), services=(REVOCATIONS,)))
