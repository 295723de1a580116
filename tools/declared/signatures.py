"""Owns what a signature says: which arguments the model gives, and where the secret goes."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import FunctionType, MethodType
from typing import Any, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, Tool
from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.unkept_types import unkept_types
from bailiwick.tools.secrets.credentials import Credential

_ODD = "a {} cannot be scoped: write a function around it, and scope that"
_NOT_INJECTED = (
    "{!r} wants {!r} injected, which a guard does not do: write a function that asks LangGraph in "
    "it (get_config, get_store, get_runtime) and takes as arguments what people should see"
)
_NOT_FILLED = (
    "{!r} has a parameter that no language model can fill: use types that JSON has, and pydantic's"
)
IDEMPOTENCY_KEY = "idempotency_key"
"""The parameter that takes what tells a call from every other, for systems that deduplicate."""

_STRICT = ConfigDict(extra="forbid")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def refuse_odd(declared: object) -> None:
    """Refuse what is no function or method.

    A `partial` lets the model override what it binds, and a generator runs when its lease is over.

    Raises:
        ScopeError: If it is something else, or a generator.
    """
    refuse_generator(declared)
    if not isinstance(declared, FunctionType | MethodType):
        raise ScopeError(_ODD.format(type(declared).__name__))


def refuse_generator(declared: object) -> None:
    """Refuse what does nothing until somebody reads what it returns.

    Raises:
        ScopeError: If it is a generator.
    """
    if inspect.isgeneratorfunction(declared) or inspect.isasyncgenfunction(declared):
        raise ScopeError(_ODD.format("generator"))


def type_hints(function: Callable[..., Any], name: str) -> Mapping[str, Any]:
    """Return a function's annotations, with what `Annotated` adds.

    Raises:
        ScopeError: If one names what cannot be found.
    """
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ScopeError(
            f"{name!r} is annotated with {error.name!r}, which cannot be found: define or import "
            "it at the top of its module"
        ) from None


def credential_parameter(hints: Mapping[str, Any], name: str) -> str | None:
    """Return the name of the parameter that is annotated `Credential`, if there is one.

    Raises:
        ScopeError: If there are several.
    """
    places = [parameter for parameter, hint in hints.items() if _is_credential(hint)]
    if len(places) > 1:
        raise ScopeError(f"{name!r} has {len(places)} credentials: one call leases one")
    return places[0] if places else None


def takes_idempotency_key(hints: Mapping[str, Any], name: str) -> bool:
    """Tell whether a function takes the key of its call.

    Raises:
        ScopeError: If the parameter of that name takes something else.
    """
    hint = hints.get(IDEMPOTENCY_KEY)
    if hint not in {None, str}:
        raise ScopeError(f"{name!r} takes {IDEMPOTENCY_KEY!r}, which is a text: annotate it `str`")
    return hint is str


def arguments(
    function: Callable[..., Any],
    hints: Mapping[str, Any],
    name: str,
    *,
    hidden: AbstractSet[str | None],
) -> type[BaseModel]:
    """Return the model of the arguments that a language model gives a function.

    Args:
        function: The function.
        hints: Its annotations.
        name: The tool's name.
        hidden: The parameters that a guard fills.

    Raises:
        ScopeError: If a parameter cannot be given by name, or its type has no JSON Schema.
    """
    parameters = [
        p for p in inspect.signature(function).parameters.values() if p.name not in hidden
    ]
    _refuse_unbound(parameters, name)
    unnamed = [p.name for p in parameters if p.kind not in _BY_NAME]
    if unnamed:
        raise ScopeError(f"{name!r} takes {unnamed[0]!r} without a name: name every parameter")
    injected = [p.name for p in parameters if _is_injected(hints.get(p.name))]
    if injected:
        raise ScopeError(_NOT_INJECTED.format(name, injected[0]))
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
        for p in parameters
    }
    try:
        model: type[BaseModel] = create_model(name, __config__=_STRICT, **fields)
        _refuse_unkept(model.model_json_schema(), name)
    except (PydanticUserError, NameError) as error:
        raise ScopeError(_NOT_FILLED.format(name)) from error
    _refuse_aliases(model, name)
    return model


def arguments_of_tool(tool: BaseTool) -> type[BaseModel] | dict[str, Any]:
    """Return the arguments that a language model gives a tool, as a model or as JSON Schema.

    Raises:
        ScopeError: If the tool takes what only LangGraph's own tool node would inject, or has no
            arguments that a model could give by name.
    """
    if isinstance(tool, Tool) and tool.args_schema is None:
        raise ScopeError(
            f"{tool.name!r} takes one input without a name: write a function around it, and scope "
            "that"
        )
    shown = tool.tool_call_schema
    if isinstance(shown, dict):
        return shown
    given = tool.get_input_schema()
    if not (issubclass(shown, BaseModel) and issubclass(given, BaseModel)):
        raise ScopeError(f"{tool.name!r} describes its arguments by pydantic 1: use pydantic 2")
    hidden = given.model_fields.keys() - shown.model_fields.keys()
    for name, field in given.model_fields.items():
        if _is_injected(field.annotation) or (name in hidden and not _is_call_id(field)):
            raise ScopeError(_NOT_INJECTED.format(tool.name, name))
    if hidden and _has_validators(given):
        raise ScopeError(
            f"{tool.name!r} has validators of its own beside {min(hidden)!r}, which the model does "
            "not give: nobody could see what they make of a call; write a function that does "
            "without"
        )
    _refuse_aliases(given, tool.name)
    try:
        _refuse_unkept(shown.model_json_schema(), tool.name)
    except PydanticUserError as error:
        raise ScopeError(_NOT_FILLED.format(tool.name)) from error
    # What is shown has lost the validators of the class.
    base = shown if hidden else given
    return type(shown.__name__, (base,), {"model_config": _STRICT, "__doc__": shown.__doc__})


def _refuse_unbound(parameters: Sequence[inspect.Parameter], name: str) -> None:
    """Refuse a method without its object, for which a model would have to make something up."""
    first = parameters[0] if parameters else None
    if first is not None and first.name in {"self", "cls"} and first.annotation is first.empty:
        raise ScopeError(
            f"{name!r} takes {first.name!r}, as a method does: scope the bound method, as in "
            f"scoped_tool(obj.{name}, effect=...)"
        )


def _refuse_aliases(model: type[BaseModel], name: str) -> None:
    """Refuse an argument with two names: people are shown one, and could not edit by the other."""
    for field, info in model.model_fields.items():
        if info.validation_alias not in {None, field}:
            raise ScopeError(
                f"{name!r} takes {field!r} by another name: call the parameter as the model is to "
                "call it"
            )


def _refuse_unkept(schema: Mapping[str, Any], name: str) -> None:
    for argument, why in unkept_types(schema):
        raise ScopeError(f"{name!r} takes {argument!r}, which {why}")


def _has_validators(model: type[BaseModel]) -> bool:
    found = model.__pydantic_decorators__
    return bool(
        found.validators
        or found.field_validators
        or found.root_validators
        or found.model_validators
    )


def _is_call_id(field: FieldInfo) -> bool:
    # A tool's own `invoke` fills it in, by the call it is given.
    return InjectedToolCallId in _kinds(field.metadata)


def _is_injected(hint: object) -> bool:
    if any(each is RunnableConfig or _is_runtime(each) for each in (hint, *get_args(hint))):
        return True
    marks = _kinds(getattr(hint, "__metadata__", ()))
    return any(issubclass(mark, InjectedToolArg) for mark in marks)


def _is_runtime(hint: object) -> bool:
    # By its name: it comes with LangGraph's graphs, which take long to import.
    return getattr(get_origin(hint) or hint, "__name__", "") == "ToolRuntime"


def _kinds(marks: Iterable[object]) -> list[type]:
    # An annotation may be marked with a class or with an object of it.
    return [mark if isinstance(mark, type) else type(mark) for mark in marks]


def _is_credential(hint: object) -> bool:
    return hint is Credential or getattr(hint, "__origin__", None) is Credential
