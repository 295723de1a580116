"""Owns the scoped tool: a tool that says what it does to the world and which secret it needs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NoReturn, Required, cast, overload

from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict, Unpack

from bailiwick.policies.answers import ArgsSchema
from bailiwick.policies.calls import Effect, ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.beginnings import begins
from bailiwick.tools.declared import tool_fields
from bailiwick.tools.declared.argument_reading import as_given, own_args, read_args
from bailiwick.tools.declared.compensations import Compensation, Inverse
from bailiwick.tools.declared.findings import Finding, Reconcile, Reconciler
from bailiwick.tools.declared.signatures import IDEMPOTENCY_KEY
from bailiwick.tools.retries import apatiently, patiently
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.tracing import untold

Describe = Callable[[Mapping[str, Any]], str]


class AsynchronousToolError(ScopeError, ToolException):
    """Say that a tool was to run where only synchronous ones can; nothing has happened."""


class Declaration(TypedDict, total=False):
    """Hold what `scoped_tool` takes."""

    effect: Required[Effect]
    credential: str | Scope | None
    ttl: int | None
    mount: str | None
    name: str | None
    describe: Describe | None
    idempotent: bool
    reconcile: Reconcile | None
    compensate: tuple["ScopedTool", Inverse] | None


class ScopedTool(BaseTool):
    """Wrap a function or another tool so that only a guard can run it.

    The model sees its name, description and arguments, without the credential. `invoke` and
    `ainvoke` refuse: a guard runs it through `call` or `acall` after it has decided.

    Attributes:
        effect: What the tool does to the world.
        scope: What one call may lease; `None` for a tool that needs no secret.
        version: A hash of schema, source and scope: an approval of one version is none of another.
        describe: Renders a call's arguments for the person who approves it.
        idempotent: Whether a second run of the same call changes nothing more.
        reconciler: Asks what came of a call in doubt.
        compensation: What undoes a call that succeeded.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    effect: Effect
    scope: Scope | None = None
    version: str
    describe: Describe | None = None
    function: Callable[..., Any] | BaseTool
    credential_parameter: str | None = None
    takes_key: bool = False
    idempotent: bool = False
    reconciler: Reconciler | None = None
    compensation: Compensation | None = None

    @property
    def use(self) -> ToolUse:
        """What rules and approvals need to know of the tool."""
        return ToolUse(name=self.name, version=self.version, effect=self.effect)

    @cached_property
    def args_check(self) -> ArgsSchema:
        """What a reviewer's edit of the arguments is checked against."""
        # LangChain's type still allows models of pydantic 1, which `scoped_tool` never makes.
        schema = cast("type[BaseModel] | dict[str, Any]", self.tool_call_schema)
        stated = ArgsSchema.of(schema)
        return stated if isinstance(schema, dict) else replace(stated, validate=self.validate_args)

    @property
    def is_async_only(self) -> bool:
        """Whether the tool can be run by `acall` alone."""
        return not tool_fields.has_sync_form(self.function)

    @property
    def blocks(self) -> bool:
        """Whether the tool can be run by `call` alone: on an event loop it takes a thread."""
        return not tool_fields.has_async_form(self.function)

    def validate_args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function will get them: checked, converted, complete.

        They are read again wherever a call goes on, so they must come out the same each time.

        Raises:
            ValueError: If they do not fit the tool's schema, pydantic's own error is one; if they
                come out otherwise when they are read again; or if reading them breaks off.
        """
        schema = self.args_schema
        if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
            self.args_check.check(args)
            return as_given(args)
        return read_args(schema, args, is_wrapped=isinstance(self.function, BaseTool))

    @property
    def may_run_twice(self) -> bool:
        """Whether a call that failed for a moment is tried again by itself."""
        return self.effect == "read" or self.idempotent

    def call(
        self, args: Mapping[str, Any], credential: Credential | None, key: str = "", id_: str = ""
    ) -> Any:  # noqa: ANN401 - a tool returns what it likes
        """Run the tool; only a guard does this.

        Args:
            args: The arguments, validated.
            credential: What the call was leased.
            key: What tells the call from every other: its idempotency key.
            id_: The model's tool call id, which a wrapped tool may want.

        Raises:
            ScopeError: If the tool is asynchronous.
        """
        if self.is_async_only:
            raise AsynchronousToolError(f"{self.name!r} is asynchronous: use ainvoke or astream")
        run = partial(self._call, args, credential, key, id_)
        return patiently(run) if self.may_run_twice else run()

    async def acall(
        self, args: Mapping[str, Any], credential: Credential | None, key: str = "", id_: str = ""
    ) -> Any:  # noqa: ANN401 - as above
        """Run a tool that does not block, on an event loop; only a guard does this."""
        run = partial(self._acall, args, credential, key, id_)
        return await (apatiently(run) if self.may_run_twice else run())

    def reconcile(
        self, args: Mapping[str, Any], credential: Credential | None, idempotency_key: str
    ) -> Finding:
        """Ask what came of a call in doubt; only a guard does this."""
        if self.reconciler is None:
            return Finding(state="unknown")
        return self.reconciler.ask(args, credential, idempotency_key)

    def _call(
        self, args: Mapping[str, Any], credential: Credential | None, key: str, id_: str
    ) -> Any:  # noqa: ANN401 - as above
        begins()
        if isinstance(self.function, BaseTool):
            with untold() as config:
                return self.function.invoke(self._inner_call(args, id_), config)
        return self.function(**own_args(args), **self._injected(credential, key))

    async def _acall(
        self, args: Mapping[str, Any], credential: Credential | None, key: str, id_: str
    ) -> Any:  # noqa: ANN401 - as above
        begins()
        if isinstance(self.function, BaseTool):
            with untold() as config:
                return await self.function.ainvoke(self._inner_call(args, id_), config)
        return await cast(
            "Awaitable[Any]", self.function(**own_args(args), **self._injected(credential, key))
        )

    def _injected(self, credential: Credential | None, key: str) -> dict[str, Any]:
        given: dict[str, Any] = {IDEMPOTENCY_KEY: key} if self.takes_key else {}
        if self.credential_parameter:
            given[self.credential_parameter] = credential
        return given

    def _inner_call(self, args: Mapping[str, Any], id_: str) -> dict[str, Any]:
        return {"type": "tool_call", "name": self.name, "args": own_args(args), "id": id_}

    def _run(self, *_: object, **__: object) -> NoReturn:
        self._refuse()

    async def _arun(self, *_: object, **__: object) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ScopeError(
            f"{self.name!r} runs only under a guard: give it to create_specialist(..., guard=...) "
            "or bind it with guard.bind([...])"
        )


@overload
def scoped_tool(**declared: Unpack[Declaration]) -> Callable[[Callable[..., Any]], ScopedTool]: ...


@overload
def scoped_tool(
    tool: Callable[..., Any] | BaseTool, /, **declared: Unpack[Declaration]
) -> ScopedTool: ...


def scoped_tool(
    tool: Callable[..., Any] | BaseTool | None = None, /, **declared: Unpack[Declaration]
) -> ScopedTool | Callable[[Callable[..., Any]], ScopedTool]:
    """Declare what a tool does to the world and which secret one call of it may lease.

    Used as a decorator on a sync or async function, or called with a function or with any existing
    tool. A function receives its secret in the parameter annotated `Credential`, and what tells
    its call from every other in the parameter `idempotency_key`; the model sees neither.

    A tool that changes something and raises leaves its call in doubt, unless it raises LangChain's
    `ToolException`: so its author says that nothing happened.

    Args:
        tool: The function or the tool.
        **declared: What it does, by these names.
            effect: `read`, `write` or `destructive`; there is no default.
            credential: The secret's path below its mount, such as `payments/refund`; or a `Scope`
                for anything else, such as a database's user.
            ttl: Seconds after which Vault ends the lease by itself; 60, or what a `Scope` says.
            mount: The mount of the KV version 2 secrets engine; `secret`, or what a `Scope` says.
            name: The tool's name; the function's or the tool's own where left out.
            describe: Renders a call's arguments for the person who approves it.
            idempotent: Whether a second run of the same call changes nothing more; then a write is
                tried again when it fails for a moment, as reads are.
            reconcile: A function that looks what came of a call in doubt and returns a `Finding`.
                It takes arguments of the tool, a `Credential` and `idempotency_key` as it needs.
            compensate: The scoped tool that undoes a call, and a function that builds its arguments
                from the call's arguments and its result.

    Raises:
        ScopeError: If the declaration and the function's parameters do not agree.
    """

    def declare(function: Callable[..., Any] | BaseTool) -> ScopedTool:
        tool_fields.check_words(declared, Declaration.__annotations__)
        tool_fields.check_effect(function, declared.get("effect"))
        return _declare(function, **declared)

    return declare if tool is None else declare(tool)


def _declare(  # noqa: PLR0913 - one declaration says everything about a tool
    function: Callable[..., Any] | BaseTool,
    *,
    effect: Effect,
    credential: str | Scope | None = None,
    ttl: int | None = None,
    mount: str | None = None,
    name: str | None = None,
    describe: Describe | None = None,
    idempotent: bool = False,
    reconcile: Reconcile | None = None,
    compensate: tuple[ScopedTool, Inverse] | None = None,
) -> ScopedTool:
    if isinstance(function, ScopedTool):
        raise ScopeError(f"{function.name!r} is a scoped tool already")
    scope = tool_fields.scope_of(credential, ttl, mount)
    if scope is not None:
        scope.check(effect)
    fields = tool_fields.fields_of(function, name, scope)
    tool_fields.check_idempotence(fields["name"], effect, claimed=idempotent)
    claims = [effect, repr(scope), *(["idempotent"] if idempotent else [])]
    tool = ScopedTool(
        **fields,
        effect=effect,
        scope=scope,
        describe=describe,
        function=function,
        idempotent=idempotent,
        version=tool_fields.version_of(fields, function, *claims),
    )
    return _with_afterwards(tool, reconcile, compensate)


def _with_afterwards(
    tool: ScopedTool, reconcile: Reconcile | None, compensate: tuple[ScopedTool, Inverse] | None
) -> ScopedTool:
    if tool.effect == "read" and (reconcile or compensate):
        raise ScopeError(f"{tool.name!r} only reads: leave reconcile and compensate out")
    if reconcile is not None:
        names = set(tool.args_check.json_schema.get("properties", {}))
        tool.reconciler = Reconciler.of(
            reconcile, tool.name, names, has_scope=tool.scope is not None
        )
    if compensate is not None:
        tool.compensation = Compensation.of(compensate, tool.name)
    return tool
