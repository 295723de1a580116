"""Owns the settings: the only place that reads the environment."""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bailiwick.policies.errors import SettingsError

ENV_FILE = Path(".env")
PREFIX = "BAILIWICK_"

LONG = 32
"""Characters that a secret has at least which signs tokens."""


def _sendable(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("it holds a character that no key has: copy it anew")
    return key


def checked_address(text: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        ValueError: If it is none.
    """
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("write it as http://HOST:PORT or https://HOST")
    return text.rstrip("/")


def _names(given: object) -> object:
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("["):
        return [name for part in given.split(",") if (name := part.strip())]
    try:
        return json.loads(given)
    except ValueError:
        raise ValueError('write manager,finance or ["manager", "finance"]') from None


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read ({error.strerror})") from None


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < LONG:
        raise ValueError(
            f"it needs {LONG} characters or more: `bailiwick token --init` makes such a secret"
        )
    return secret


Address = Annotated[str, AfterValidator(checked_address)]
Names = Annotated[frozenset[str], BeforeValidator(_names)]
ReadablePath = Annotated[Path, AfterValidator(_readable)]


class Settings(BaseSettings):
    """Hold what the environment and `.env` say; `.env.example` lists every name.

    Attributes:
        env: `production` refuses everything that is only good for development.
        database_url: The ledger's database, with its approvals and calls.
        checkpoint_url: LangGraph's checkpoints; beside the ledger where left out.
        encrypt: `transit` seals checkpoints with keys from Vault and reads no others; `migrating`
            seals them and still reads those from before.
        encrypt_keys: Whether each thread has a key of its own, or all share one; a thread with its
            own can be forgotten.
        policy: The folder of Cedar rules; the refund desk's own where left out.
        vault_addr: A Vault or OpenBao server; a development Vault in this process where left out.
        vault_namespace: The namespace of that server that everything is done in; the root where
            left out.
        vault_token: An operator's token, for `bailiwick vault setup` and `bootstrap` alone: no
            agent ever has it.
        vault_cacert: The file of the authority that Vault's certificate is checked against; the
            system's where left out.
        vault_login: What agents log in with: their AppRoles, or the token of the platform.
        vault_mount: Where the platform's auth method is mounted; its own name where left out.
        vault_jwt: The file in which the platform keeps its token; `{agent}` in it stands for the
            name of who logs in, where each has a token of its own.
        vault_subject: Whose token that is, for `bailiwick vault setup`: the subject that it names.
        vault_audience: Whom that token is meant for.
        approles: The file with each agent's AppRole, as `bailiwick vault dev` writes it.
        registry: Whose agents and services they are, as `MODULE:NAME`; the refund desk's where
            left out.
        shop_url: The shop's address; a shop in this process where left out.
        model: The chat model's name; scripted where neither it nor a key is set.
        openai_api_key: The key of the OpenAI-compatible server.
        openai_base_url: Its address, if it is not OpenAI's.
        roles: What the person at this terminal may approve as: names with commas between them, or a
            JSON list; a manager in development and nothing in production where left out.
        auth_secret: Signs the tokens that LangGraph Server accepts (HS256), 32 characters or more;
            nobody gets in where left out.
        auth_issuer: The issuer that tokens must name.
        auth_audience: The audience that tokens must name.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        # `NAME=` in a copy of .env.example is a setting left out.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    env: Literal["development", "production"] = "development"
    # Such an address may hold a password.
    database_url: str = Field(default="sqlite:///bailiwick.db", repr=False)
    checkpoint_url: str | None = Field(default=None, repr=False)
    encrypt: Literal["off", "transit", "migrating"] = "off"
    encrypt_keys: Literal["thread", "shared"] = "thread"
    policy: Path | None = None
    vault_addr: str | None = Field(default=None, validation_alias="VAULT_ADDR")
    vault_namespace: str | None = Field(default=None, validation_alias="VAULT_NAMESPACE")
    vault_token: SecretStr | None = Field(default=None, validation_alias="VAULT_TOKEN")
    vault_cacert: ReadablePath | None = Field(default=None, validation_alias="VAULT_CACERT")
    vault_login: Literal["approle", "kubernetes", "jwt"] = "approle"
    vault_mount: str | None = Field(default=None, pattern=r"^[\w-]+(/[\w-]+)*$")
    vault_jwt: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    vault_subject: str | None = None
    vault_audience: str = ""
    approles: Path | None = None
    registry: str | None = None
    shop_url: Address | None = None
    model: str | None = None
    openai_api_key: Annotated[SecretStr, AfterValidator(_sendable)] | None = Field(
        default=None, validation_alias="OPENAI_API_KEY"
    )
    openai_base_url: Address | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "OPENAI_API_BASE")
    )
    roles: Annotated[Names | None, NoDecode] = None
    auth_secret: Annotated[SecretStr, AfterValidator(_long)] | None = None
    auth_issuer: str = "bailiwick"
    auth_audience: str = "bailiwick"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values without the whitespace around them, such as the newline that ends a file.

        Raises:
            SettingsError: If a name is misspelt.
        """
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                _refuse_misspelt(source.env_vars)
                given = {name: (text or "").strip() for name, text in source.env_vars.items()}
                source.env_vars = {name: text for name, text in given.items() if text}
        return init_settings, env_settings, dotenv_settings

    @property
    def vault_verify(self) -> bool | str:
        """What Vault's certificate is checked against."""
        return True if self.vault_cacert is None else str(self.vault_cacert)

    @property
    def approver_roles(self) -> frozenset[str]:
        """What the person at this terminal may approve as."""
        if self.roles is not None:
            return self.roles
        return frozenset({"manager"} if self.env == "development" else ())

    @property
    def checkpoints(self) -> str:
        """The database of LangGraph's checkpoints."""
        return self.checkpoints_beside if self.checkpoint_url is None else self.checkpoint_url

    @property
    def checkpoints_beside(self) -> str:
        """Where checkpoints are kept that no other place is named for: beside the ledger."""
        scheme, _, path = self.database_url.partition(":///")
        if scheme != "sqlite" or path in {"", ":memory:"}:
            return self.database_url
        beside = Path(path.partition("?")[0]).with_suffix(".checkpoints.db")
        return f"sqlite:///{beside}"


def read_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: If one has a value that cannot be used, its name is misspelt, or its line in
            the file cannot be read.
    """
    try:
        _refuse_broken(ENV_FILE)
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = _spelled(str(fault["loc"][0])) if fault["loc"] else "a setting"
        why = fault["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name} cannot be used: {why} (see .env.example)") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            "the file .env cannot be read: make it a readable text file in UTF-8, or remove it"
        ) from None


def _refuse_broken(file: Path) -> None:
    """Refuse a line that was to set one of these and sets nothing; others are only warned of."""
    if not file.is_file():
        return
    known = {_spelled(name) for name in Settings.model_fields}
    with file.open(encoding="utf-8") as lines:
        for binding in parse_stream(lines):
            meant = known & {*re.findall(r"\w+", binding.original.string)}
            if binding.error and meant:
                raise SettingsError(
                    f"{file}, line {binding.original.line}: nothing can be read of it: write "
                    f"{min(meant)}=VALUE"
                )


def _refuse_misspelt(given: Iterable[str]) -> None:
    """Refuse a name that is nearly a setting's: who meant to set it would believe that it is set.

    What resembles none is left alone: Kubernetes puts the address of a service named `bailiwick`
    into BAILIWICK_PORT, for one.
    """
    known = {_spelled(name) for name in Settings.model_fields}
    known.add("OPENAI_API_BASE")
    for name in sorted({name.upper() for name in given} - known):
        if name.startswith(PREFIX) and (meant := _meant(name.removeprefix(PREFIX), known)):
            raise SettingsError(f"{name} is no setting: did you mean {meant}?")


def _meant(name: str, known: Iterable[str]) -> str | None:
    short = {each.removeprefix(PREFIX): each for each in sorted(known)}
    close = get_close_matches(name, short, n=1, cutoff=0.66)
    longer = [each for each in short if name.startswith(each)]
    return short[[*close, *longer][0]] if close or longer else None


def _spelled(name: str) -> str:
    """Return how a field, or what pydantic says of its place, is spelled in the environment."""
    if name not in Settings.model_fields:
        return name
    match Settings.model_fields[name].validation_alias:
        case AliasChoices(choices=[str() as alias, *_]):
            return alias
        case str() as alias:
            return alias
        case _:
            return f"{PREFIX}{name.upper()}"
