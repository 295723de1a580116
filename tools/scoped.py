"""Owns the scoped tool: a tool that says what it does to the world and which secret it needs."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, NoReturn, cast, overload

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict

from bailiwick.policies.answers import ArgsSchema
from bailiwick.policies.calls import Effect, ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.credentials import Credential
from bailiwick.tools.signatures import (
    arguments,
    arguments_of_tool,
    credential_parameter,
    refuse_odd,
    type_hints,
)
from bailiwick.tools.versions import version

Describe = Callable[[Mapping[str, Any]], str]


class ScopedTool(BaseTool):
    """Wrap a function or another tool so that only a guard can run it.

    The model sees its name, description and arguments, without the credential. `invoke` and
    `ainvoke` refuse: a guard runs it through `call` or `acall` after it has decided.

    Attributes:
        effect: What the tool does to the world.
        scope: What one call may lease; `None` for a tool that needs no secret.
        version: A hash of schema, source and scope: an approval of one version is none of another.
        describe: Renders a call's arguments for the person who approves it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    effect: Effect
    scope: Scope | None = None
    version: str
    describe: Describe | None = None
    function: Callable[..., Any] | BaseTool
    credential_parameter: str | None = None

    @property
    def use(self) -> ToolUse:
        """What rules and approvals need to know of the tool."""
        return ToolUse(name=self.name, version=self.version, effect=self.effect)

    @cached_property
    def args_check(self) -> ArgsSchema:
        """What a reviewer's edit of the arguments is checked against."""
        # LangChain's type still allows models of pydantic 1, which `scoped_tool` never makes.
        schema = cast("type[BaseModel] | dict[str, Any]", self.tool_call_schema)
        return ArgsSchema.of(schema)

    @property
    def is_async_only(self) -> bool:
        """Whether the tool can be run by `acall` alone."""
        match self.function:
            case BaseTool():
                return getattr(self.function, "func", self) is None
            case _:
                return inspect.iscoroutinefunction(self.function)

    def validate_args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function will get them: checked, converted, complete.

        Raises:
            ValueError: If they do not fit the tool's schema; pydantic's own error is one.
        """
        schema = self.args_schema
        if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
            self.args_check.check(args)
            return dict(args)
        checked = schema.model_validate(args)
        return {name: getattr(checked, name) for name in schema.model_fields}

    def call(self, args: Mapping[str, Any], credential: Credential | None) -> Any:  # noqa: ANN401 - a tool returns what it likes
        """Run the tool; only a guard does this.

        Raises:
            ScopeError: If the tool is asynchronous.
        """
        if self.is_async_only:
            raise ScopeError(f"{self.name!r} is asynchronous: use ainvoke or astream")
        if isinstance(self.function, BaseTool):
            return self.function.invoke(self._inner_call(args), _UNTRACED)
        return self.function(**args, **self._injected(credential))

    async def acall(self, args: Mapping[str, Any], credential: Credential | None) -> Any:  # noqa: ANN401 - as above
        """Run the tool without blocking the event loop; only a guard does this."""
        if isinstance(self.function, BaseTool):
            return await self.function.ainvoke(self._inner_call(args), _UNTRACED)
        if inspect.iscoroutinefunction(self.function):
            return await cast("Awaitable[Any]", self.function(**args, **self._injected(credential)))
        return await asyncio.to_thread(self.call, args, credential)

    def _injected(self, credential: Credential | None) -> dict[str, Credential | None]:
        return {self.credential_parameter: credential} if self.credential_parameter else {}

    def _inner_call(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "tool_call", "name": self.name, "args": dict(args), "id": self.name}

    def _run(self, *_: object, **__: object) -> NoReturn:
        self._refuse()

    async def _arun(self, *_: object, **__: object) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ScopeError(
            f"{self.name!r} runs only under a guard: give it to create_specialist(..., guard=...) "
            "or bind it with guard.bind([...])"
        )


_UNTRACED: RunnableConfig = {"callbacks": []}
"""A wrapped tool must not trace by itself: its raw result has not been redacted yet."""


@overload
def scoped_tool(
    *,
    effect: Effect,
    credential: str | Scope | None = None,
    ttl: int | None = None,
    mount: str | None = None,
    name: str | None = None,
    describe: Describe | None = None,
) -> Callable[[Callable[..., Any]], ScopedTool]: ...


@overload
def scoped_tool(
    tool: Callable[..., Any] | BaseTool,
    /,
    *,
    effect: Effect,
    credential: str | Scope | None = None,
    ttl: int | None = None,
    mount: str | None = None,
    name: str | None = None,
    describe: Describe | None = None,
) -> ScopedTool: ...


def scoped_tool(  # noqa: PLR0913 - one declaration says everything about a tool
    tool: Callable[..., Any] | BaseTool | None = None,
    /,
    *,
    effect: Effect,
    credential: str | Scope | None = None,
    ttl: int | None = None,
    mount: str | None = None,
    name: str | None = None,
    describe: Describe | None = None,
) -> ScopedTool | Callable[[Callable[..., Any]], ScopedTool]:
    """Declare what a tool does to the world and which secret one call of it may lease.

    Used as a decorator on a sync or async function, or called with a function or with any existing
    tool. A function receives its secret in the parameter annotated `Credential`, which the model
    never sees.

    Args:
        tool: The function or the tool.
        effect: `read`, `write` or `destructive`; there is no default.
        credential: The secret's path below its mount, such as `payments/refund`; or a `Scope` for
            anything else, such as a database's user.
        ttl: Seconds after which Vault ends the lease by itself; 60, or what a `Scope` says.
        mount: The mount of the KV version 2 secrets engine; `secret`, or what a `Scope` says.
        name: The tool's name; the function's or the tool's own where left out.
        describe: Renders a call's arguments for the person who approves it.

    Raises:
        ScopeError: If the declaration and the function's parameters do not agree.
    """
    scope = _scope(credential, ttl, mount)

    def declare(declared: Callable[..., Any] | BaseTool) -> ScopedTool:
        if isinstance(declared, BaseTool):
            fields = _fields_of_tool(declared, name, scope)
        else:
            fields = _fields_of_function(declared, name, scope)
        return ScopedTool(
            **fields,
            effect=effect,
            scope=scope,
            describe=describe,
            function=declared,
            version=_version(fields, declared, effect, scope),
        )

    return declare if tool is None else declare(tool)


def _scope(credential: str | Scope | None, ttl: int | None, mount: str | None) -> Scope | None:
    if isinstance(credential, str):
        return Scope(path=credential, ttl=60 if ttl is None else ttl, mount=mount or "")
    if ttl is not None or mount is not None:
        raise ScopeError("ttl and mount go with a secret's path: let the scope itself say them")
    return credential


def _fields_of_function(
    function: Callable[..., Any], name: str | None, scope: Scope | None
) -> dict[str, Any]:
    refuse_odd(function)
    name = name or function.__name__
    hints = type_hints(function, name)
    parameter = credential_parameter(hints, name)
    if (parameter is None) != (scope is None):
        raise ScopeError(
            f"{name!r} must have a parameter annotated `Credential` exactly where it declares "
            "credential=...: add the one or the other"
        )
    if not (description := inspect.getdoc(function)):
        raise ScopeError(f"{name!r} needs a docstring: it is what the model knows of the tool")
    return {
        "name": name,
        "description": description,
        "args_schema": arguments(function, hints, name, hidden=parameter),
        "credential_parameter": parameter,
    }


def _fields_of_tool(tool: BaseTool, name: str | None, scope: Scope | None) -> dict[str, Any]:
    if isinstance(tool, ScopedTool):
        raise ScopeError(f"{tool.name!r} is a scoped tool already")
    if scope is not None:
        raise ScopeError(
            f"{tool.name!r} has no place for a credential: write a function with a `Credential` "
            "parameter that uses it, and scope that"
        )
    return {
        "name": name or tool.name,
        "description": tool.description,
        "args_schema": arguments_of_tool(tool),
        "response_format": tool.response_format,
        "return_direct": tool.return_direct,
    }


def _version(fields: Mapping[str, Any], declared: object, effect: Effect, scope: object) -> str:
    schema = fields["args_schema"]
    taken = schema if isinstance(schema, dict) else schema.model_json_schema()
    return version([fields["name"], fields["description"], taken, effect, repr(scope)], declared)
