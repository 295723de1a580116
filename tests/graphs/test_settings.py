"""The settings: what the environment and `.env` say, and what they may not say."""

import os
from pathlib import Path

import pytest

from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import SettingsError

GIVEN = {
    "BAILIWICK_ENV": ("env", "production", "production"),
    "BAILIWICK_DATABASE_URL": ("database_url", "sqlite:///my.db", "sqlite:///my.db"),
    "BAILIWICK_CHECKPOINT_URL": ("checkpoint_url", "sqlite:///c.db", "sqlite:///c.db"),
    "BAILIWICK_ENCRYPT": ("encrypt", "transit", "transit"),
    "BAILIWICK_ENCRYPT_KEYS": ("encrypt_keys", "shared", "shared"),
    "BAILIWICK_POLICY": ("policy", "rules", Path("rules")),
    "VAULT_ADDR": ("vault_addr", "https://vault.example", "https://vault.example"),
    "VAULT_NAMESPACE": ("vault_namespace", "team/desk", "team/desk"),
    "VAULT_CACERT": ("vault_cacert", "ca.pem", Path("ca.pem")),
    "BAILIWICK_VAULT_LOGIN": ("vault_login", "kubernetes", "kubernetes"),
    "BAILIWICK_VAULT_MOUNT": ("vault_mount", "clusters/west", "clusters/west"),
    "BAILIWICK_VAULT_JWT": ("vault_jwt", "token", Path("token")),
    "BAILIWICK_VAULT_SUBJECT": ("vault_subject", "spiffe://shop/desk", "spiffe://shop/desk"),
    "BAILIWICK_VAULT_AUDIENCE": ("vault_audience", "vault", "vault"),
    "BAILIWICK_APPROLES": ("approles", "approles.json", Path("approles.json")),
    "BAILIWICK_REGISTRY": ("registry", "desk.agents:REGISTRY", "desk.agents:REGISTRY"),
    "BAILIWICK_SHOP_URL": ("shop_url", "https://shop.example/", "https://shop.example"),
    "BAILIWICK_MODEL": ("model", "gpt-5", "gpt-5"),
    "OPENAI_BASE_URL": ("openai_base_url", "http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    "OPENAI_API_BASE": ("openai_base_url", "http://localhost", "http://localhost"),
    "BAILIWICK_ROLES": ("roles", "manager, clerk", {"manager", "clerk"}),
    "BAILIWICK_AUTH_ISSUER": ("auth_issuer", "house", "house"),
    "BAILIWICK_AUTH_AUDIENCE": ("auth_audience", "desk", "desk"),
}
SECRETS = {
    "OPENAI_API_KEY": ("openai_api_key", "sk-" + "s3cret" * 8),
    "VAULT_TOKEN": ("vault_token", "hvs.s3cret"),
    "BAILIWICK_AUTH_SECRET": ("auth_secret", "s3cret" * 8),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder, and an environment that sets nothing."""
    for name in [*os.environ]:
        if name.upper().startswith(("BAILIWICK_", "OPENAI_", "VAULT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_set_is_development_on_sqlite_alone() -> None:
    """A first run needs no setting."""
    settings = read_settings()
    assert settings.env == "development"
    assert settings.database_url == "sqlite:///bailiwick.db"
    assert settings.checkpoints == "sqlite:///bailiwick.checkpoints.db"
    assert settings.approver_roles == {"manager"}
    left_out = ("policy", "vault_addr", "approles", "shop_url", "model", "openai_api_key")
    assert {getattr(settings, name) for name in left_out} == {None}


@pytest.mark.parametrize("source", ["environment", "file"])
@pytest.mark.parametrize("name", GIVEN)
def test_every_setting_comes_from_the_environment_or_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str
) -> None:
    """Under the same name."""
    field, text, expected = GIVEN[name]
    (home / "ca.pem").touch()
    if source == "environment":
        monkeypatch.setenv(name, text)
    else:
        (home / ".env").write_text(f'# a comment\n{name}="{text}"\nELSE=1\n', encoding="utf-8")
    assert getattr(read_settings(), field) == expected


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_read_and_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Neither they nor the passwords of databases are in what is logged of settings."""
    field, value = SECRETS[name]
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("BAILIWICK_DATABASE_URL", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("BAILIWICK_CHECKPOINT_URL", "postgresql://u:s3cret@h/d")
    settings = read_settings()
    assert getattr(settings, field).get_secret_value() == value
    assert "s3cret" not in f"{settings!r} {settings}"


def test_every_setting_is_tried_here() -> None:
    """A new one is to be added above."""
    tried = {field for field, *_ in GIVEN.values()} | {field for field, _ in SECRETS.values()}
    assert tried == set(Settings.model_fields)


def test_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator sets for one run counts."""
    (home / ".env").write_text("BAILIWICK_MODEL=of-the-file\nBAILIWICK_ROLES=clerk\n")
    monkeypatch.setenv("BAILIWICK_MODEL", "of-the-environment")
    settings = read_settings()
    assert settings.model == "of-the-environment"
    assert settings.approver_roles == {"clerk"}


def test_an_empty_value_is_a_setting_left_out(home: Path) -> None:
    """As it stands in a copy of the example."""
    names = [*GIVEN, *SECRETS]
    (home / ".env").write_text("".join(f"{name}=\n" for name in names))
    assert read_settings() == Settings()
    assert read_settings().vault_addr is None


@pytest.mark.parametrize("name", [*GIVEN, *SECRETS])
def test_whitespace_around_a_value_is_no_part_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What was read from a file ends with a newline: it would name another database or key."""
    (home / "ca.pem").touch()
    text = GIVEN[name][1] if name in GIVEN else SECRETS[name][1]
    monkeypatch.setenv(name, text)
    plain = read_settings()
    monkeypatch.setenv(name, f" {text}\r\n")
    assert read_settings() == plain


def test_a_blank_value_is_a_setting_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `.env` says counts then, as where it is empty."""
    (home / ".env").write_text("BAILIWICK_ENV=production\n")
    monkeypatch.setenv("BAILIWICK_ENV", " \n")
    monkeypatch.setenv("BAILIWICK_AUTH_SECRET", " " * 40)
    settings = read_settings()
    assert settings.env == "production"
    assert settings.auth_secret is None


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("manager", {"manager"}),
        (" manager ,, night watch,", {"manager", "night watch"}),
        ('["manager", "a, b"]', {"manager", "a, b"}),
        ("[]", set[str]()),
        (",", set[str]()),
    ],
)
def test_roles_are_a_list_with_commas_or_json(
    monkeypatch: pytest.MonkeyPatch, text: str, roles: set[str]
) -> None:
    """Whichever is at hand; an empty list is no role at all."""
    monkeypatch.setenv("BAILIWICK_ROLES", text)
    assert read_settings().approver_roles == roles


def test_nobody_is_a_manager_in_production_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authority has to be given."""
    monkeypatch.setenv("BAILIWICK_ENV", "production")
    assert read_settings().approver_roles == frozenset()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("BAILIWICK_ENV", "prod", "BAILIWICK_ENV cannot be used: .*'production'"),
        ("BAILIWICK_ROLES", '["manager"', "BAILIWICK_ROLES cannot be used: write manager,finance"),
        ("BAILIWICK_ROLES", "[1]", "BAILIWICK_ROLES cannot be used"),
        ("BAILIWICK_SHOP_URL", "shop.example", "BAILIWICK_SHOP_URL .* write it as http://"),
        ("BAILIWICK_SHOP_URL", "http://h:port", "BAILIWICK_SHOP_URL .* write it as http://"),
        ("BAILIWICK_SHOP_URL", "ftp://h", "BAILIWICK_SHOP_URL .* write it as http://"),
        ("OPENAI_BASE_URL", "localhost:8080", "OPENAI_BASE_URL .* write it as http://"),
        ("VAULT_CACERT", "no.pem", "VAULT_CACERT cannot be used: 'no.pem' cannot be read"),
        ("VAULT_CACERT", ".", "VAULT_CACERT cannot be used: '.' cannot be read"),
        ("VAULT_CACERT", "a" * 300, "VAULT_CACERT cannot be used: 'a+' cannot be read"),
        (
            "BAILIWICK_AUTH_SECRET",
            "s3cret",
            "BAILIWICK_AUTH_SECRET cannot be used: it needs 32 characters",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    """As it is spelled in the environment, and without the value."""
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_settings()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("source", ["environment", "file"])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BAILIWICK_ENVIRONMENT", "BAILIWICK_ENV"),
        ("BAILIWICK_DATABSE_URL", "BAILIWICK_DATABASE_URL"),
        ("BAILIWICK_DB_URL", "BAILIWICK_DATABASE_URL"),
        ("BAILIWICK_POLICIES", "BAILIWICK_POLICY"),
        ("bailiwick_role", "BAILIWICK_ROLES"),
        ("BAILIWICK_VAULT_ADDR", "VAULT_ADDR"),
        ("BAILIWICK_VAULT_NAMESPACE", "VAULT_NAMESPACE"),
        ("BAILIWICK_OPENAI_API_KEY", "OPENAI_API_KEY"),
    ],
)
def test_a_misspelt_setting_is_not_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str, source: str
) -> None:
    """Whoever set production so would be in development without knowing."""
    if source == "environment":
        monkeypatch.setenv(name, "production")
    else:
        (home / ".env").write_text(f"{name}=production\n")
    with pytest.raises(SettingsError, match=f"did you mean {meant}\\?"):
        read_settings()


@pytest.mark.parametrize(
    "name",
    ["BAILIWICK_PORT", "BAILIWICK_PORT_80_TCP_ADDR", "BAILIWICK_SERVICE_HOST", "OPENAI_ORG_ID"],
)
def test_what_resembles_no_setting_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Kubernetes and other programs set such names."""
    monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    assert read_settings() == Settings()


def test_a_file_that_is_no_text_is_told(home: Path) -> None:
    """Instead of a decoder's traceback."""
    (home / ".env").write_bytes(b"BAILIWICK_MODEL=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        read_settings()


@pytest.mark.parametrize(
    ("ledger", "checkpoints"),
    [
        ("sqlite:///ledger.db", "sqlite:///ledger.checkpoints.db"),
        ("sqlite:////var/lib/ledger", "sqlite:////var/lib/ledger.checkpoints.db"),
        ("sqlite:///ledger.db?timeout=0.5", "sqlite:///ledger.checkpoints.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///", "sqlite:///"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
    ],
)
def test_checkpoints_lie_beside_the_ledger(ledger: str, checkpoints: str) -> None:
    """In a file of their own with SQLite, which has one writer; in the same PostgreSQL."""
    assert Settings(database_url=ledger).checkpoints == checkpoints
    assert Settings(database_url=ledger, checkpoint_url="sqlite://").checkpoints == "sqlite://"
