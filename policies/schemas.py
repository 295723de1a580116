"""Owns what a schema declares: the agents, and for each tool the record of its arguments."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cedarpy

from bailiwick.policies.sources import Source, line_of

ARGS = "Args"
"""The type that stands for the record of the tool being called."""

Scalar = Literal["String", "Long", "Bool", "Cents"]
"""What an argument without parts can be; `Cents` is a Long that money is projected into."""

_ANNOTATION = re.compile(r'^\s*@\w+(?:\("(?:\\.|[^"\\])*"\))?\s*', re.MULTILINE)
_TYPE = re.compile(r"^type (\w+) = (.*?);\n", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(r'"[^"]*"|\w+(?:::\w+)*|\S')
_PART = re.compile(r"[:<]\s*(\w+)\s*[,>}]")
_AGENTS = re.compile(r"^entity Agent enum (\[.*\]);$", re.MULTILINE)
_ENTITY = re.compile(
    r"^entity (Agent|Tool)((?: in \[.*?\])?)(?: = (\{\n.*?^\}))?((?: tags .*?)?);$",
    re.DOTALL | re.MULTILINE,
)
_CONTEXT = re.compile(
    r'^action "(call|delegate)" .*?^  context: (.*?)\n\};', re.DOTALL | re.MULTILINE
)
_FIELD = re.compile(r'^( +)("(?:\\.|[^"\\])*"|\w+)\??:', re.MULTILINE)
_FILLED = {
    "Agent": frozenset[str](),
    "Tool": frozenset({"effect"}),
    "call": frozenset({"args", "labels", "requester", "chain", "approvals"}),
    "delegate": frozenset({"labels", "requester", "chain", "approvals"}),
}
_SYNTAX = "error parsing schema"


@dataclass(frozen=True, slots=True)
class SetOf:
    """Declare a set of values of one type."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class RecordOf:
    """Declare a record by the types of its required and optional fields."""

    required: Mapping[str, "Type"]
    optional: Mapping[str, "Type"]


Type: TypeAlias = Scalar | SetOf | RecordOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """Hold what a schema file declares, taken apart.

    Attributes:
        frame: Everything but its types.
        types: The body of each declared type, by name.
        tools: The declared records of tools, by the name of their type.
        agents: The agents that the schema lists, or `None` where it has no list.
    """

    frame: str
    types: Mapping[str, str]
    tools: Mapping[str, RecordOf]
    agents: frozenset[str] | None

    @property
    def parts(self) -> frozenset[str]:
        """The types that others are made of: records that tools share, for the most part."""
        named = frozenset[str]().union(*(_PART.findall(body) for body in self.types.values()))
        return named & self.types.keys()

    def schema(self, tool: str | None) -> cedarpy.Schema:
        """Compile the schema with the arguments of one tool, by the name of its type, or of none.

        Only what that needs is compiled, so that the time to load grows linearly with the tools.
        """
        needed = _reachable(f"{tool} {self.frame}", self.types)
        types = {name: self.types[name] for name in needed if name != ARGS}
        types[ARGS] = tool or "{}"
        lines = (f"type {name} = {body};" for name, body in types.items())
        return cedarpy.Schema.from_str("\n".join([*lines, self.frame]))


def read_declarations(source: Source) -> Declarations:
    """Take a schema file apart.

    Raises:
        PolicyError: If Cedar cannot read it, or a type holds what no argument can be.
    """
    try:
        schema = str(cedarpy.Schema.from_str(f"{source.text}\ntype {ARGS} = {{}};"))
    except ValueError as error:
        remedy = (
            "add 'type Cents = Long;'"
            if str(error).endswith(" type: Cents")
            else f"correct the schema (do not declare {ARGS!r}: it stands for the arguments of the"
            " tool being called)"
        )
        raise source.error(_line(source, str(error)), f"{error}: {remedy}") from None
    schema = _ANNOTATION.sub("", schema)
    types = dict(_TYPE.findall(schema))
    frame = _TYPE.sub("", schema)
    return Declarations(
        frame=frame,
        types=types,
        tools=_tools(source, types),
        agents=_agents(frame),
    )


def refuse_unfilled(source: Source, declarations: Declarations) -> None:
    """Refuse what no request ever holds: a rule that forbids by it would forbid nothing.

    Raises:
        PolicyError: If agents or tools are declared to have groups, tags or other attributes, or
            the context more than it is given.
    """
    entities = _ENTITY.findall(declarations.frame)
    contexts = _CONTEXT.findall(declarations.frame)
    declared = [(name, body) for name, _, body, _ in entities]
    declared += [(action, declarations.types.get(body, body)) for action, body in contexts]
    unfilled = [(name, part) for name, body in declared for part in _fields(body) - _FILLED[name]]
    for name, groups, _, tags in entities:
        unfilled += [(name, said.strip()) for said in (groups, tags) if said]
    for name, part in sorted(unfilled):
        raise source.error(
            _declared(source, name, "entity|action") or 1,
            f"nothing ever fills {part!r} of {name!r}, so a rule that asks for it would not apply:"
            " leave it out, and name agents and tools in the rules",
        )


def type_name(tool: str) -> str:
    """Return the name of the type that declares a tool: its own, as a Cedar identifier."""
    return re.sub(r"\W|^(?=\d)", "_", tool)


def _fields(body: str) -> set[str]:
    """Return the names of a record's own fields, without those of records in it."""
    found = [(len(indent), name.strip('"')) for indent, name in _FIELD.findall(body)]
    outermost = min((indent for indent, _ in found), default=0)
    return {name for indent, name in found if indent == outermost}


def _agents(frame: str) -> frozenset[str] | None:
    listed = _AGENTS.search(frame)
    return frozenset(re.findall(r'"([^"]*)"', listed.group(1))) if listed else None


def _tools(source: Source, types: Mapping[str, str]) -> dict[str, RecordOf]:
    tools: dict[str, RecordOf] = {}
    for name, body in types.items():
        # A type that holds `Args` describes the context, not a tool.
        if ARGS in _reachable(name, types):
            continue
        try:
            kind = _type(deque(_TOKEN.findall(body)), types)
        except ValueError as error:
            line = _declared(source, name) or 1
            raise source.error(line, f"type {name!r}: {error}") from None
        if isinstance(kind, RecordOf):
            tools[name] = kind
    return tools


def _reachable(text: str, types: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    waiting = deque([text])
    while waiting:
        names = types.keys() & set(re.findall(r"\w+", waiting.popleft())) - found
        waiting.extend(types[name] for name in names)
        found |= names
    return found


def _type(tokens: deque[str], types: Mapping[str, str]) -> Type:
    token = tokens.popleft()
    match token.removeprefix("__cedar::"):
        case "{":
            return _record(tokens, types)
        case "Set":
            tokens.popleft()
            element = _type(tokens, types)
            tokens.popleft()
            return SetOf(element)
        case "Cents" if types.get("Cents") in {"Long", "__cedar::Long"}:
            return "Cents"
        case "Cents" if "Cents" in types:
            raise ValueError("'Cents' is not Long: declare 'type Cents = Long;' or rename it")
        case "String" | "Long" | "Bool" as scalar:
            return scalar
        case name if name in types:
            return _type(deque(_TOKEN.findall(types[name])), types)
        case name:
            raise ValueError(
                f"no argument can be projected into {name!r}:"
                " use String, Long, Cents, Bool, Set or a record of these"
            )


def _record(tokens: deque[str], types: Mapping[str, str]) -> RecordOf:
    required: dict[str, Type] = {}
    optional: dict[str, Type] = {}
    while (name := tokens.popleft().strip('"')) != "}":
        if "\\" in name or name.startswith("__"):
            raise ValueError(f"no argument can be named {name!r}: use the parameter's name")
        fields = optional if tokens[0] == "?" else required
        while tokens.popleft() != ":":
            pass
        fields[name] = _type(tokens, types)
        if tokens[0] == ",":
            tokens.popleft()
    return RecordOf(required, optional)


def _line(source: Source, message: str) -> int:
    if message.startswith(_SYNTAX):
        for start, text in source.statements():
            if inside := _syntax_error(text):
                return source.line(start) + (line_of(inside, text) or 0)
    if twice := re.search(r"`(\w+)` is declared twice", message):
        return _declared(source, twice.group(1)) or 1
    named = message.rpartition(" ")[2]
    return 1 + (line_of(f"{message} `{named}`", source.text) or 0)


def _declared(source: Source, name: str, kind: str = "type") -> int | None:
    declared = re.search(rf"\b(?:{kind})\s+\"?{name}\b", source.text)
    return source.line(declared.start()) if declared else None


def _syntax_error(statement: str) -> str | None:
    try:
        cedarpy.Schema.from_str(statement)
    except ValueError as error:
        return str(error) if str(error).startswith(_SYNTAX) else None
    return None
