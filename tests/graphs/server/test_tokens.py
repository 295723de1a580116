"""Whose tokens are taken, and who may issue one."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr
from tests.graphs.clients import SECRET

from bailiwick.graphs.server import tokens
from bailiwick.graphs.server.tokens import (
    DELIVERY,
    create_secret,
    issue_delivery_token,
    issue_token,
    read_delivery_token,
    read_token,
)
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.policies.principals import Principal

HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[3]


def _signed(secret: str = SECRET, algorithm: str = "HS256", **changed: object) -> str:
    claims: dict[str, object] = {
        "sub": "clerk",
        "roles": ["manager"],
        "iss": "bailiwick",
        "aud": "bailiwick",
        "exp": datetime.now(UTC) + HOUR,
    }
    kept = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(kept, secret, algorithm)


def test_without_a_secret_nobody_gets_in() -> None:
    """Not even with a token that is signed with nothing."""
    with pytest.raises(SettingsError, match="BAILIWICK_AUTH_SECRET"):
        read_token(Settings(), _signed())


def test_a_short_secret_is_refused() -> None:
    """A secret that can be guessed lets everybody in."""
    with pytest.raises(ValueError, match="needs 32 characters"):
        Settings(auth_secret=SecretStr("x" * 31))


def test_a_token_names_its_holder_and_the_roles(settings: Settings) -> None:
    """What was issued is what is read."""
    token = issue_token(settings, "manager-1", ["manager"], HOUR)
    expected = Principal(id="manager-1", roles=frozenset({"manager"}))
    assert read_token(settings, token) == expected


def test_a_token_without_roles_gives_none(settings: Settings) -> None:
    """Roles are stated or not had."""
    assert read_token(settings, _signed(roles=None)).roles == frozenset()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("not.a.token", id="not a token"),
        pytest.param(_signed(secret=SECRET[::-1]), id="another secret"),
        pytest.param(_signed(iss="elsewhere"), id="another issuer"),
        pytest.param(_signed(aud="elsewhere"), id="another audience"),
        pytest.param(_signed(secret=SECRET * 2, algorithm="HS384"), id="another algorithm"),
        pytest.param(_signed(secret="", algorithm="none"), id="no algorithm"),
        pytest.param(_signed(exp=None), id="good for ever"),
        pytest.param(_signed(sub=None), id="nobody's"),
        pytest.param(_signed(sub=""), id="an empty name's"),
        pytest.param(_signed(roles="manager"), id="roles that are no list"),
        pytest.param(_signed(roles=[1]), id="roles that are no text"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(settings: Settings, token: str) -> None:
    """Whatever is wrong with it, the answer is the same."""
    with pytest.raises(ValueError, match="not valid here"):
        read_token(settings, token)


def test_an_expired_token_says_so(settings: Settings) -> None:
    """Its holder can do something about it."""
    with pytest.raises(ValueError, match="expired"):
        read_token(settings, _signed(exp=datetime.now(UTC) - timedelta(seconds=1)))


def test_the_outbox_shows_who_asked_and_no_role(settings: Settings) -> None:
    """For a minute, in production too: it is the deployment's own."""
    production = settings.model_copy(update={"env": "production"})
    token = issue_delivery_token(production, "clerk")
    assert read_delivery_token(settings, token) == Principal(id="clerk")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["act"], claims["exp"] - claims["iat"]) == ({"sub": DELIVERY}, 60)
    assert "roles" not in claims


def test_neither_token_is_good_for_the_other(settings: Settings) -> None:
    """A person is never the outbox, and the outbox never a person."""
    with pytest.raises(ValueError, match="not valid here"):
        read_token(settings, issue_delivery_token(settings, "clerk"))
    with pytest.raises(ValueError, match="not valid here"):
        read_delivery_token(settings, issue_token(settings, "clerk", [DELIVERY], HOUR))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param({"exp": datetime(2026, 1, 1, tzinfo=UTC)}, "expired", id="expired"),
        pytest.param({"exp": None}, "not valid here", id="good for ever"),
        pytest.param({"aud": "bailiwick"}, "not valid here", id="people's audience"),
        pytest.param({"iss": "elsewhere"}, "not valid here", id="another issuer"),
        pytest.param({"sub": ""}, "not valid here", id="nobody's"),
        pytest.param({"act": None}, "not valid here", id="nobody acts"),
        pytest.param({"act": {"sub": "clerk"}}, "not valid here", id="somebody else acts"),
        pytest.param(
            {"act": {"sub": DELIVERY, "act": {"sub": "x"}}}, "not valid here", id="through another"
        ),
    ],
)
def test_the_outbox_s_token_must_hold_as_a_whole(
    settings: Settings, changed: dict[str, object], why: str
) -> None:
    """Also one that was signed with the right key."""
    key = tokens._delivery_key(settings)  # pyright: ignore[reportPrivateUsage]
    token = issue_delivery_token(settings, "clerk")
    claims = jwt.decode(token, options={"verify_signature": False}) | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    with pytest.raises(ValueError, match=why):
        read_delivery_token(settings, jwt.encode(kept, key, "HS256"))


def test_without_a_secret_there_is_no_outbox() -> None:
    """It could be anybody."""
    for attempt in (issue_delivery_token, read_delivery_token):
        with pytest.raises(SettingsError, match="BAILIWICK_AUTH_SECRET"):
            attempt(Settings(), "clerk")


def test_production_issues_no_tokens(settings: Settings) -> None:
    """The issuer does not ask who is asking."""
    production = settings.model_copy(update={"env": "production"})
    with pytest.raises(SettingsError, match="identity service"):
        issue_token(production, "clerk", [], HOUR)


@pytest.mark.parametrize(
    ("user", "ttl"),
    [
        pytest.param("", HOUR, id="nobody"),
        pytest.param(" ", HOUR, id="blank"),
        pytest.param("clerk", timedelta(), id="no time"),
        pytest.param("clerk", timedelta(days=31), id="too long"),
    ],
)
def test_a_useless_token_is_not_issued(settings: Settings, user: str, ttl: timedelta) -> None:
    """Nor one that is good for ages."""
    with pytest.raises(SettingsError):
        issue_token(settings, user, [], ttl)


def test_a_new_secret_joins_the_settings(tmp_path: Path) -> None:
    """Into a file that only its owner can read, beside what stands there."""
    path = tmp_path / ".env"
    path.write_text("BAILIWICK_AUTH_ISSUER=house", encoding="utf-8")
    create_secret(path)
    settings = Settings()
    assert settings.auth_issuer == "house"
    assert read_token(settings, issue_token(settings, "clerk", [], HOUR)).id == "clerk"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_is_not_replaced_unasked(tmp_path: Path) -> None:
    """Every token that was issued would stop working."""
    create_secret(tmp_path / ".env")
    with pytest.raises(SettingsError, match="already"):
        create_secret(tmp_path / ".env")


def test_the_example_names_every_setting() -> None:
    """Whoever reads it misses nothing, and nothing in it is idle."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE))
    known = {
        str(getattr(field.validation_alias, "choices", [field.validation_alias])[0])
        if field.validation_alias
        else f"BAILIWICK_{name.upper()}"
        for name, field in Settings.model_fields.items()
    }
    assert named == known
