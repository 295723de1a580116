"""Owns what a person may answer to an approval request, and the check of an answer's form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator
from pydantic_core import CoreSchema, core_schema, from_json

from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.resumes import as_answer
from bailiwick.policies.unread_keys import unread_keys

if TYPE_CHECKING:
    from bailiwick.policies.approval_requests import ApprovalRequest


LONGEST = 64 * 1024
"""Characters of an answer as JSON: people write it, and every list of answers is read whole."""

_NO_ANSWER = (
    'that is no answer: send {"type": "approve", "action_digest": ...}, with the action_digest of '
    "the interrupt; the other types are edit, reject and respond"
)


class _Untrusted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        # Python holds more than JSON: once kept, nobody could read it, or only as something else.
        try:
            kept = self.model_dump_json()
            is_same = from_json(kept) == self.model_dump()
        except ValueError:
            kept, is_same = "", False
        if not is_same:
            raise ValueError(
                "it cannot be kept as JSON (NaN, a number or a nesting without end, half a "
                "character): write it otherwise"
            )
        if len(kept) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST // 1024} KiB: say it in fewer words")
        return self


class EditedAction(_Untrusted):
    """Name the tool, which must be the same, and its new arguments."""

    name: str
    args: dict[str, JsonValue]


class Approve(_Untrusted):
    """Let the call run as it is."""

    type: Literal["approve"] = "approve"
    action_digest: str


class Edit(_Untrusted):
    """Let the call run with other arguments: another call, to be decided anew."""

    type: Literal["edit"] = "edit"
    action_digest: str
    edited_action: EditedAction


class Reject(_Untrusted):
    """Forbid the call, and perhaps tell the model why."""

    type: Literal["reject"] = "reject"
    action_digest: str
    message: str = ""


class Respond(_Untrusted):
    """Answer the model in the tool's place; the tool does not run."""

    type: Literal["respond"] = "respond"
    action_digest: str
    message: str


Answer: TypeAlias = Approve | Edit | Reject | Respond
"""One answer to one request: LangChain's decisions of an approval per call, bound by the digest."""

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="type")])
"""Reads an answer out of untrusted values."""


def read_answer(value: object) -> Answer:
    """Read an answer out of an untrusted value, in our own form or another; see `resumes`.

    Raises:
        ValueError: If it is none, or does not say which call it answers; a pydantic error is one.
    """
    given = as_answer(value)
    if not isinstance(given, Mapping | BaseModel):
        raise ValueError(_NO_ANSWER)  # noqa: TRY004 - pydantic reports only this one
    return ANSWERS.validate_python(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgsSchema:
    """State which arguments a tool takes. Made once for each tool: making it is slow.

    Attributes:
        json_schema: The arguments as JSON Schema, an object with `properties`.
        validate: Returns what is read from arguments, as a model or by their names. Raises
            `ValueError` where they do not fit; a pydantic error is one.
    """

    json_schema: Mapping[str, Any]
    validate: Callable[[Mapping[str, Any]], object] | None = None

    @classmethod
    def of(cls, schema: type[BaseModel] | Mapping[str, Any]) -> "ArgsSchema":
        """Take a tool's schema as LangChain's tools hold it.

        Of a JSON Schema that comes alone only the names of the arguments are checked.
        """
        if isinstance(schema, Mapping):
            return cls(json_schema=_without_references(schema))
        return cls(
            json_schema=_without_references(schema.model_json_schema()),
            validate=schema.model_validate,
        )

    def check(self, args: Mapping[str, Any]) -> None:
        """Refuse arguments that do not fit.

        Unknown ones are refused too, at any depth: the tool would drop what the reviewer believed
        to set.

        Raises:
            ValueError: If an argument is unknown, missing or wrong.
        """
        known = self.json_schema.get("properties", {})
        unknown = sorted(set(args) - set(known))
        if unknown and not self.json_schema.get("additionalProperties"):
            raise ValueError(f"the tool has no argument {unknown[0]!r}: leave it out")
        missing = sorted(set(self.json_schema.get("required", ())) - set(args))
        if missing:
            raise ValueError(f"the argument {missing[0]!r} is missing: state all that are required")
        if self.validate is not None:
            unread = next(unread_keys(args, self.validate(args)), None)
            if unread is not None:
                raise ValueError(f"the tool reads nothing from {unread!r}: leave it out")


class _BoundAnswer:
    """Validate and describe the answer to one request; a subclass is made for each."""

    _take: ClassVar[Callable[[object], Answer | None]]
    _shape: ClassVar[dict[str, Any]]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._take)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        return cls._shape


def answer_type(
    request: "ApprovalRequest",
    *,
    check: Callable[[Answer], object],
    refused: Callable[[object, Exception], object] = lambda _sent, _why: None,
    args_schema: ArgsSchema | None = None,
    is_past: Callable[[str], bool] = lambda _digest: False,
) -> type[Answer | None]:
    """Return a type for `interrupt(..., response_schema=...)`: it takes answers to `request` alone.

    LangGraph validates a resume value with it before it saves anything: an answer that is
    malformed, stale or not this person's to give is refused, and the request stays open. What
    `interrupt` returns is an `Answer`.

    Args:
        request: What is asked.
        check: Raises `ApprovalError` or `ValueError` where the person who answers may not.
        refused: Is told what was sent and why it is not taken; it must quote nothing of it.
        args_schema: Which arguments the tool takes; without it an edit may hold any.
        is_past: Tells whether a digest is that of a question about the same call that was answered
            before. Such an answer is passed over: `interrupt` returns `None`.
    """

    def take(value: object) -> Answer | None:
        try:
            answer = read_answer(value)
            if answer.action_digest != request.digest and is_past(answer.action_digest):
                return None
            _check_action(request, answer, args_schema)
            check(answer)
        except (ApprovalError, ValueError) as error:
            refused(value, error)
            if isinstance(error, ValueError):
                raise
            raise ValueError(str(error)) from None
        return answer

    # Not `create_model`, which takes milliseconds, for every interrupt.
    bound = type(
        "Answer",
        (_BoundAnswer,),
        {"_take": staticmethod(take), "_shape": _shape(request, args_schema)},
    )
    # What `interrupt` returns follows from this type by its signature.
    return cast("type[Answer | None]", bound)


def _check_action(
    request: "ApprovalRequest", answer: Answer, args_schema: ArgsSchema | None
) -> None:
    if answer.action_digest != request.digest:
        raise ApprovalError(
            f"the answer is to another call: give the action_digest of request {request.id!r}"
        )
    if not isinstance(answer, Edit):
        return
    if answer.edited_action.name != request.tool.name:
        raise ApprovalError(f"an edit must keep the tool {request.tool.name!r}")
    if args_schema is not None:
        args_schema.check(answer.edited_action.args)


def _shape(request: "ApprovalRequest", args_schema: ArgsSchema | None) -> dict[str, Any]:
    text = {"type": "string"}
    action = _object(
        {
            "name": {"const": request.tool.name},
            "args": {"type": "object"} if args_schema is None else args_schema.json_schema,
        }
    )
    return {
        "discriminator": {"propertyName": "type"},
        "oneOf": [
            _branch(request, "approve"),
            _branch(request, "edit", edited_action=action),
            _branch(request, "reject", optional="message", message=text),
            _branch(request, "respond", message=text),
        ],
    }


def _branch(
    request: "ApprovalRequest", kind: str, *, optional: str = "", **fields: Mapping[str, Any]
) -> dict[str, Any]:
    properties = {"type": {"const": kind}, "action_digest": {"const": request.digest}, **fields}
    return {"title": kind.capitalize(), **_object(properties, optional)}


def _object(properties: Mapping[str, Any], optional: str = "") -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != optional],
        "additionalProperties": False,
    }


def _without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Put definitions where they are referred to: references only work from a schema's root.

    A definition that contains itself becomes "anything" there; validation knows better.
    """
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}

    def resolve(node: Any, within: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, list):
            return [resolve(item, within) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: resolve(value, within) for key, value in node.items()}
        name = str(node["$ref"]).rpartition("/")[2]
        if name in within or name not in definitions:
            return {}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return resolve({**definitions[name], **beside}, (*within, name))

    root = {key: value for key, value in schema.items() if key not in {"$defs", "definitions"}}
    return cast("dict[str, Any]", resolve(root, ()))
