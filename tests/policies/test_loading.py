"""What is refused when a policy is loaded, with file, line and remedy."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bailiwick.policies import Policy, PolicyError

PERMIT = '@id("p")\npermit (principal, action == Action::"call", resource == Tool::"ping");\n'
FORBID = 'forbid (principal, action == Action::"call", resource == Tool::"pay")\n'
LIFTED = FORBID + 'unless { context.approvals.contains("manager") };'

Write = Callable[..., Path]
Load = Callable[[str], Policy]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A policy that was forgotten is found at the start, not at the first denial."""
    with pytest.raises(PolicyError, match=r"holds no \*\.cedar file: add one"):
        Policy.from_path(tmp_path)


@pytest.mark.parametrize("text", ["", "// nothing yet; permit (principal, action, resource);\n"])
def test_files_without_a_rule_are_refused(load: Load, text: str) -> None:
    """Comments decide nothing, whatever stands in them."""
    with pytest.raises(PolicyError, match=r"main\.cedar: no rule in it.*write a permit"):
        load(text)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The error says which folder and what belongs there."""
    with pytest.raises(PolicyError, match=r"nowhere: cannot be read as a policy folder"):
        Policy.from_path(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_refused(write: Write, schema: str) -> None:
    """A rule that cannot be read might have been a forbid."""
    folder = write(main=PERMIT, schema=schema)
    (folder / "broken.cedar").write_bytes(b"// fine\n// \xff\n")
    with pytest.raises(PolicyError, match=r"broken\.cedar:2: is not UTF-8"):
        Policy.from_path(folder)


@pytest.mark.parametrize("kind", ["link", "loop", "folder", "pipe"])
def test_what_is_named_like_a_rule_file_and_is_none_is_refused(
    write: Write, schema: str, kind: str
) -> None:
    """A link whose file is gone was a rule once, and may have been the only forbid."""
    folder = write(main=PERMIT, schema=schema)
    path = folder / "forbids.cedar"
    match kind:
        case "link":
            path.symlink_to(folder / "gone")
        case "loop":
            path.symlink_to(path)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with pytest.raises(PolicyError, match=r"forbids\.cedar:1: (cannot be read|is no file)"):
        Policy.from_path(folder)


def test_a_rule_file_is_read_however_its_ending_is_written(write: Write, schema: str) -> None:
    """A file system that knows no case must not decide whether a rule holds."""
    folder = write(main=PERMIT, schema=schema)
    (folder / "FORBIDS.CEDAR").write_text(f'@id("f")\n{FORBID};')
    assert [rule.id for rule in Policy.from_path(folder).rules] == ["f", "p"]


@pytest.mark.parametrize("accent", ["\u0301", r"\u{301}"], ids=["itself", "an escape"])
def test_a_rule_that_would_match_no_text_is_refused(write: Write, schema: str, accent: str) -> None:
    """Arguments are compared in one Unicode form, so a rule in another one never holds."""
    folder = write(main=PERMIT, schema=schema)
    forbid = f'{FORBID} when {{ context.requester == "rene{accent}" }};'
    (folder / "forbids.cedar").write_text(f'@id("f")\n{forbid}')
    with pytest.raises(PolicyError, match=r"forbids\.cedar:3: is not in Unicode's form NFC"):
        Policy.from_path(folder)


def test_a_folder_without_schema_is_refused(write: Write) -> None:
    """Without a schema a forbid over a missing attribute would be skipped."""
    with pytest.raises(PolicyError, match=r"exactly one \*\.cedarschema, found: none"):
        Policy.from_path(write(main=PERMIT))


def test_two_schemas_are_refused(write: Write, schema: str) -> None:
    """It must be plain which one holds."""
    folder = write(main=PERMIT, schema=schema)
    (folder / "other.cedarschema").write_text(schema)
    with pytest.raises(PolicyError, match=r"found: other\.cedarschema, schema\.cedarschema"):
        Policy.from_path(folder)


@pytest.mark.parametrize(
    ("rules", "line", "says"),
    [
        ('@id("a")\npermit (principal,\naction resource);', 3, "unexpected token `resource`"),
        (PERMIT.replace(";", ""), 1, "unexpected end of input.*end it with ';'"),
        (PERMIT.replace(";", "") + LIFTED, 1, "begins on line 1, or end it with ';'"),
        ('@id("a)\npermit (principal, action, resource);', 1, "correct the rule"),
        ("// the first rule\n\npermit (principal, action, resource);", 3, "without @id"),
        ('@id("")\npermit (principal, action, resource);', 1, r"@id\(''\) is not understood"),
        ('@id("a b")\npermit (principal, action, resource);', 1, "write letters, digits"),
        (PERMIT + PERMIT, 3, r"@id\('p'\) is taken by the rule at main\.cedar:1: give each"),
        ('@id("a") @aproval("manager")\n' + LIFTED, 1, "unknown annotation @aproval: use @id,"),
        ('@id("a") @approval("")\n' + LIFTED, 1, "write the role that may lift the rule"),
        ('@id("a") @approval("manager") @quorum("two")\n' + LIFTED, 1, "how many people"),
        ('@id("a") @approval("manager") @quorum("0")\n' + LIFTED, 1, "how many people"),
        ('@id("a") @approval("manager") @expires("15")\n' + LIFTED, 1, 'such as "90s", "15m"'),
        ('@id("a") @approval("manager") @expires("0m")\n' + LIFTED, 1, "duration"),
        ('@id("a") @approval("manager") @separate("no")\n' + LIFTED, 1, '"true" or "false"'),
        ('@id("a") @quorum("2")\n' + LIFTED, 1, "@quorum without @approval"),
        ('@id("a") @approval("clerk")\n' + LIFTED, 1, "that lifts nothing"),
        ('@approval("clerk") ' + PERMIT, 1, "only a forbid can be lifted"),
        ('@id("a") permit (principal == ?principal, action, resource);', 1, "not one plain rule"),
        (
            '@id("a")\n' + FORBID + "when {\n  context.args.amout > 50000 };",
            4,
            "rule 'a': attribute `args.amout` in context .* not found: correct the rule",
        ),
        ('@id("a")\n' + FORBID + "when { resource.efect == 1 };", 3, "attribute `efect`"),
        ('@id("a")\n' + FORBID + 'when { context.args.amount > "1" };', 1, "unexpected type"),
        (
            '@id("a")\nforbid (principal, action, resource == Tool::"paye");',
            2,
            r'arguments of `Tool::"paye"`: correct the name, or add .type paye = \{ \.\.\. \};',
        ),
        (
            '@id("a")\nforbid (principal, action, resource) when {\n  resource == Tool::"paye" };',
            3,
            r'arguments of `Tool::"paye"`: correct the name',
        ),
        ('@id("a") permit (principal, action == Action::"cal", resource);', 1, "decides nothing"),
        (
            '@id("a") permit (principal, action == Action::"delegate", resource == Tool::"pay");',
            1,
            "decides nothing",
        ),
        ('@id("a") permit (principal is Robot, action, resource is Tool);', 1, "`Robot`"),
    ],
    ids=lambda part: part if isinstance(part, str) and "\n" not in part else "",
)
def test_a_wrong_rule_is_refused_with_file_and_line(
    load: Load, rules: str, line: int, says: str
) -> None:
    """Whoever wrote it finds the place and the remedy in the error."""
    with pytest.raises(PolicyError, match=rf"rules/main\.cedar:{line}: .*{says}"):
        load(rules)


@pytest.mark.parametrize(
    "clauses",
    [
        "",
        'when { context.approvals.contains("manager") }',
        'unless { !context.approvals.contains("manager") }',
        'when { !(context.args.to == "x" || !context.approvals.contains("manager")) }',
        'unless { context.requester == "manager" }',
        'when { context.args.to == "manager" }',
        'unless { context.labels.contains("manager") }',
        'unless { context.approvals.contains("clerk") && "manager" == "manager" }',
        'unless { context.approvals.containsAny(["clerk"]) }',
        'unless { if true then !context.approvals.contains("manager") else false }',
    ],
)
def test_an_approval_that_can_lift_nothing_is_refused(load: Load, clauses: str) -> None:
    """A rule that forbids only what was approved lets the call run before anybody is asked."""
    with pytest.raises(PolicyError, match=r"'manager'\) that lifts nothing: end .* with unless"):
        load(f'@id("a") @approval("manager")\n{FORBID}{clauses};')


@pytest.mark.parametrize(
    "compared",
    [
        'resource.effect == "destuctive"',
        '"destuctive" == resource["effect"]',
        'resource.effect != "destuctive"',
        '["write", "destuctive"].contains(resource.effect)',
        'context.requester == "x" || (resource is Tool && resource.effect == "destuctive")',
        'if true then {a: resource.effect == "destuctive"}.a else false',
    ],
)
def test_an_effect_that_no_tool_has_is_refused(load: Load, compared: str) -> None:
    """A misspelled one would leave all that destroys to the other rules."""
    rule = f'@id("a") forbid (principal, action == Action::"call", resource) when {{ {compared} }};'
    with pytest.raises(PolicyError, match="never 'destuctive': write one of read, write, destruct"):
        load(rule)


@pytest.mark.parametrize(
    "clauses",
    [
        'unless { context["approvals"].contains("manager") } when { context.args.amount > 1 }',
        'unless { context.args.amount < 5 || context.approvals.contains("manager") }',
        'when { context.args.amount > 5 && !context.approvals.contains("manager") }',
        'unless { context.approvals.containsAll(["manager", "clerk"]) }',
        'unless { !!context.approvals.containsAny(["clerk", "manager"]) }',
        'unless { if context.args.to == "x" then true else context.approvals.contains("manager") }',
        'when { if context.approvals.contains("manager") then false else true }',
    ],
)
def test_an_approval_that_lifts_its_rule_may_be_asked_for_in_any_form(
    load: Load, clauses: str
) -> None:
    """What counts is that the rule can end with it."""
    policy = load(f'@id("a") @approval("manager")\n{FORBID}{clauses};')
    assert policy.rules[0].requirement is not None


def test_ids_are_unique_over_all_files(write: Write, schema: str) -> None:
    """Cedar takes two rules of one id; a decision that names it would be ambiguous."""
    with pytest.raises(PolicyError, match=r"b\.cedar:1: @id\('p'\) is taken by .* a\.cedar:1"):
        Policy.from_path(write(a=PERMIT, b=PERMIT, schema=schema))


def test_an_unscoped_rule_reads_only_what_every_tool_has(load: Load) -> None:
    """`ping` has no amount, so a rule for all tools must ask whether there is one."""
    rule = '@id("a") forbid (principal, action == Action::"call", resource) when '
    with pytest.raises(PolicyError, match=r"`args\.amount`.*\(in a call of 'ping'\): cor"):
        load(rule + "{ context.args.amount > 1 };")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("entity Agent;", "entity Agent", 1, "unexpected token `entity`"),
        ("type ping = {};", "// fine\ntype ping = [];", 26, r"unexpected token `\[`"),
        ("copies?: Long", "copies?: Number", 26, "failed to resolve type: Number"),
        ("copies?: Long", "copies?: decimal", 26, "type 'pay': .*'decimal': use String, Long"),
        ("copies?: Long", "payer?: Agent", 26, "type 'pay': .*'Agent'"),
        ("copies?: Long", "__entity?: Long", 26, "no argument can be named '__entity'"),
        ("type Cents = Long;", "type Cents = String;", 26, "'Cents' is not Long"),
        ("type Cents = Long;", "", 26, "resolve type: Cents: add 'type Cents = Long;'"),
        ("type ping = {};", "type ping = {}; type Args = {};", 25, "do not declare 'Args'"),
        ("effect: String", "colour: String", 1, "requests that are decided"),
        ("requester: String,", "", 1, "requests that are decided"),
        ("labels: Set<String>", "labels: Set<Long>, more: Bool", 1, "requests that are decided"),
        ("action delegate", "action hand_over", 1, "requests that are decided"),
        (
            "entity Agent;",
            "entity Team; entity Agent in [Team];",
            1,
            "fills 'in .Team.' of 'Agent'",
        ),
        ("entity Agent;", "entity Agent { x: { y: Bool } };", 1, "fills 'x' of 'Agent'"),
        (
            "entity Tool {",
            "entity Group; entity Tool in Group {",
            2,
            "fills 'in .Group.' of 'Tool'",
        ),
        ("String };", "String, 'pii'?: Bool };".replace("'", '"'), 2, "fills 'pii' of 'Tool'"),
        ("String };", "String } tags String;", 2, "fills 'tags .*String' of 'Tool'"),
        ("approvals:", "region?: String, approvals:", 4, "fills 'region' of 'call'"),
    ],
)
def test_a_wrong_schema_is_refused_with_file_and_line(  # noqa: PLR0913, PLR0917 - a row of the table
    write: Write, schema: str, old: str, new: str, line: int, says: str
) -> None:
    """A schema that does not fit would deny everything later, without saying why."""
    folder = write(main=PERMIT, schema=schema.replace(old, new))
    with pytest.raises(PolicyError, match=rf"schema\.cedarschema:{line}: .*{says}"):
        Policy.from_path(folder)


def test_the_schemas_list_of_agents_finds_a_misspelled_one(write: Write, schema: str) -> None:
    """A forbid for an agent that does not exist would protect nothing."""
    listed = schema.replace("entity Agent;", 'entity Agent enum ["billing@desk"];')
    rule = '@id("a")\nforbid (\n  principal == Agent::"biling",\n  action, resource is Tool);'
    with pytest.raises(PolicyError, match=r'main\.cedar:3: rule .a.: entity `Agent::"biling"`'):
        Policy.from_path(write(main=rule, schema=listed))


def test_the_shipped_policy_is_valid() -> None:
    """What comes with the package can be used as it is."""
    policy = Policy.shipped()
    assert policy.tools == {
        "look_up_order",
        "check_return_window",
        "register_return",
        "cancel_return",
        "issue_refund",
    }
    assert policy.agents == frozenset({"supervisor", "orders", "returns", "billing"})


def test_rules_keep_their_place_and_text(load: Load) -> None:
    """A rule can be shown as it was written, without the comments above it."""
    text = '@id("a") @approval("manager") @reason("says; why // really")\n' + LIFTED
    policy = load(f"{PERMIT}\n// why\n\n{text}\n")
    rule = policy.rules[1]
    assert (rule.id, rule.place, rule.effect) == ("a", "main.cedar:6", "forbid")
    assert rule.tools == {"pay"}
    assert rule.reason == "says; why // really"
    assert rule.text == text
