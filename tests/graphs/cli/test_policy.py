"""`bailiwick policy`: what an author of rules is told."""

import sys
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, done

import bailiwick.policies

SHIPPED = Path(bailiwick.policies.__file__).parent
REFUND = ("policy", "explain", "billing", "issue_refund")


@pytest.fixture
def rules(home: Path) -> Path:
    """Give a copy of the shipped rules to spoil."""
    folder = home / "rules"
    folder.mkdir()
    for name in ("refund_desk.cedar", "schema.cedarschema"):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())
    return folder


def test_the_shipped_rules_are_valid(bailiwick: Command) -> None:
    """Each is listed with its file and line."""
    outcome = bailiwick("policy", "check")
    assert outcome.status == 0
    assert "refund-needs-a-manager" in outcome.out
    assert "refund_desk.cedar:61" in outcome.out
    assert "valid: 10 rules, 5 tools" in outcome.out


def test_a_tool_that_nobody_may_call_is_named(bailiwick: Command, rules: Path) -> None:
    """Its author declared it and forgot the permit, or named another tool in it."""
    assert "no rule permits" not in bailiwick("policy", "check", "--path", str(rules)).out
    with (rules / "schema.cedarschema").open("a") as schema:
        schema.write("type exchange = {};")
    outcome = bailiwick("policy", "check", "--path", str(rules))
    assert outcome.status == 0
    assert "no rule permits a call of exchange\n" in outcome.out


def test_a_record_that_tools_share_is_no_tool(bailiwick: Command, rules: Path) -> None:
    """Nobody calls an address; what is named like a parameter can be called all the same."""
    with (rules / "schema.cedarschema").open("a") as schema:
        schema.write("type Address = { street: String, zip: Zip };\n")
        schema.write("type Zip = { code: String };\n")
        schema.write("type ship = { to: Address, by: Set<Zip>, track: String };\n")
        schema.write("type track = {};\n")
    outcome = bailiwick("policy", "check", "--path", str(rules))
    assert "no rule permits a call of ship, track\n" in outcome.out


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "AgentIdentity(name='clerk', tools=(ToolScope(tool='exchange', scope=SCOPE),))",
            "agent 'clerk', which the registry holds the policy knows no tool 'exchange', which",
        ),
        ("AgentIdentity(name='orders')", ""),
        ("1 / 0", "not compared with the registry: the registry 'desk:REGISTRY' cannot be"),
    ],
    ids=["unknown", "known", "broken"],
)
def test_what_the_registry_holds_and_the_policy_does_not_know_is_named(
    bailiwick: Command, home: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    """It would be denied at the first call; rules that are sound are valid all the same."""
    (home / "desk.py").write_text(
        "from bailiwick.policies.scopes import Scope\n"
        "from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope\n"
        "SCOPE = Scope(path='a')\n"
        f"REGISTRY = Registry(agents=({module},))\n"
    )
    monkeypatch.setenv("BAILIWICK_REGISTRY", "desk:REGISTRY")
    monkeypatch.delitem(sys.modules, "desk", raising=False)
    told = done(bailiwick("policy", "check"))
    assert said in told
    assert ("registry" in told) is bool(said)


def test_an_empty_folder_is_no_policy(bailiwick: Command, home: Path) -> None:
    """Nothing would be allowed, and whoever runs it hears of it first."""
    outcome = bailiwick("policy", "check", "--path", str(home))
    assert outcome.status == 1
    assert outcome.out == ""
    assert outcome.err.startswith("bailiwick: ")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("permit (", "permit (("),
        ("context.args.amount > 50000", "context.args.sum > 50000"),
        ('resource == Tool::"look_up_order"', 'resource == Tool::"look_up"'),
    ],
    ids=["syntax", "unknown-argument", "unknown-tool"],
)
def test_a_broken_rule_is_named_by_file_and_line(
    bailiwick: Command, rules: Path, old: str, new: str
) -> None:
    """One sentence and status 1."""
    file = rules / "refund_desk.cedar"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    outcome = bailiwick("policy", "check", "--path", str(rules))
    assert outcome.status == 1
    assert "refund_desk.cedar:" in outcome.err
    assert "Traceback" not in outcome.err


def test_the_setting_names_the_rules(
    bailiwick: Command, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for a run."""
    (rules / "refund_desk.cedar").unlink()
    monkeypatch.setenv("BAILIWICK_POLICY", str(rules))
    assert bailiwick("policy", "check").status == 1


@pytest.mark.parametrize(
    ("args", "more", "said"),
    [
        ('{"order_id": "A-1", "amount": 40.00}', (), "review Needs the approval of manager"),
        ('{"order_id": "A-1", "amount": 40.00}', ("--approved", "manager"), "allow Permitted by"),
        ('{"order_id": "A-1", "amount": 640.00}', ("--approved", "manager"), "deny Forbidden"),
        ("{}", (), "deny The policy cannot read the argument"),
    ],
    ids=["review", "allow", "deny", "no-arguments"],
)
def test_a_call_is_explained(
    bailiwick: Command, args: str, more: tuple[str, ...], said: str
) -> None:
    """The verdict and why."""
    outcome = bailiwick(*REFUND, args, *more)
    assert outcome.status == 0
    assert outcome.out.startswith(said)


@pytest.mark.parametrize(
    ("condition", "options"),
    [
        ('resource.effect == "read"', ("--effect", "read")),
        ('context.requester == "nightly"', ("--requester", "nightly")),
        ('context.chain.containsAll(["a", "b"])', ("--through", "a", "--through", "b")),
    ],
    ids=["effect", "requester", "chain"],
)
def test_a_call_is_explained_for_what_rules_can_read(
    bailiwick: Command, rules: Path, condition: str, options: tuple[str, ...]
) -> None:
    """An author whose rules ask for it must not be told that they never apply."""
    permit = 'permit (principal, action == Action::"call", resource)'
    (rules / "refund_desk.cedar").write_text(f'@id("p") {permit} when {{ {condition} }};')
    explain = ("policy", "explain", "orders", "look_up_order", '{"order_id": "A-1"}')
    for more, said in ((), "deny No rule"), (options, "allow Permitted by p."):
        outcome = bailiwick(*explain, "--path", str(rules), *more)
        assert outcome.out.startswith(said)
        assert ("taken as destructive" in outcome.out) is ("--effect" not in more)


@pytest.mark.parametrize(("expires", "told"), [("50s", "50 s"), ("90s", "90 s"), ("1h", "60 min")])
def test_how_long_a_request_stays_open_is_told(
    bailiwick: Command, rules: Path, expires: str, told: str
) -> None:
    """In the unit that it comes out even in."""
    file = rules / "refund_desk.cedar"
    lifted = '@approval("manager") @reason("a refund'
    file.write_text(file.read_text().replace(lifted, f'@expires("{expires}") {lifted}'))
    outcome = bailiwick(
        *REFUND, '{"order_id": "A-1", "amount": 40.00}', "--path", str(rules), "--effect", "write"
    )
    assert f"needs 1 x manager, within {told} (rule" in outcome.out


def test_an_effect_that_there_is_not_is_no_effect(bailiwick: Command) -> None:
    """The remedy names those that there are."""
    outcome = bailiwick(*REFUND, "--effect", "delete")
    assert outcome.status == 1
    assert "'delete': write one of read, write, destructive" in outcome.err


@pytest.mark.parametrize("amount", ["40", '"40.00"'])
def test_money_without_cents_is_explained(bailiwick: Command, amount: str) -> None:
    """A whole number of what? The person is told how to write it."""
    outcome = bailiwick(*REFUND, f'{{"order_id": "A-1", "amount": {amount}}}')
    assert outcome.out.startswith("deny")
    assert "write 40.00" in outcome.out


@pytest.mark.parametrize("args", ["{", "[]", "40"])
def test_arguments_that_are_no_object_are_refused(bailiwick: Command, args: str) -> None:
    """With an example of what is meant."""
    outcome = bailiwick(*REFUND, args)
    assert outcome.status == 1
    assert '{"order_id": "A-1001"' in outcome.err


def test_an_unknown_tool_is_explained(bailiwick: Command) -> None:
    """It would be denied; nothing breaks."""
    outcome = bailiwick("policy", "explain", "billing", "drop_everything")
    assert outcome.status == 0
    assert "deny The policy knows no tool named 'drop_everything'." in outcome.out
