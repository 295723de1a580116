"""Owns the settings: the only place that reads the environment."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bailiwick.policies.errors import SettingsError


class Settings(BaseSettings):
    """Hold what the environment and `.env` say; `.env.example` lists every name.

    Attributes:
        env: `production` refuses everything that is only good for development.
        database_url: The ledger's database, with its approvals and calls.
        checkpoint_url: LangGraph's checkpoints; beside the ledger where left out.
        policy: The folder of Cedar rules; the refund desk's own where left out.
        vault_addr: A Vault or OpenBao server; a development Vault in this process where left out.
        approles: The file with each agent's AppRole, as `bailiwick vault dev` writes it.
        shop_url: The shop's address; a shop in this process where left out.
        model: The chat model's name; scripted where neither it nor a key is set.
        openai_api_key: The key of the OpenAI-compatible server.
        openai_base_url: Its address, if it is not OpenAI's.
        roles: What the person at this terminal may approve as, as a JSON list; a manager in
            development and nothing in production where left out.
        auth_secret: Signs the tokens that LangGraph Server accepts (HS256), 32 characters or more;
            nobody gets in where left out.
        auth_issuer: The issuer that tokens must name.
        auth_audience: The audience that tokens must name.
    """

    model_config = SettingsConfigDict(
        env_prefix="BAILIWICK_", env_file=".env", extra="ignore", frozen=True
    )

    env: Literal["development", "production"] = "development"
    database_url: str = "sqlite:///bailiwick.db"
    checkpoint_url: str | None = None
    policy: Path | None = None
    vault_addr: str | None = Field(default=None, validation_alias="VAULT_ADDR")
    approles: Path | None = None
    shop_url: str | None = None
    model: str | None = None
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "OPENAI_API_BASE")
    )
    roles: frozenset[str] | None = None
    auth_secret: SecretStr | None = Field(default=None, min_length=32)
    auth_issuer: str = "bailiwick"
    auth_audience: str = "bailiwick"

    @property
    def approver_roles(self) -> frozenset[str]:
        """What the person at this terminal may approve as."""
        if self.roles is not None:
            return self.roles
        return frozenset({"manager"} if self.env == "development" else ())

    @property
    def checkpoints(self) -> str:
        """The database of LangGraph's checkpoints."""
        if self.checkpoint_url is not None:
            return self.checkpoint_url
        if self.database_url.startswith("sqlite:///"):
            ledger = Path(self.database_url.removeprefix("sqlite:///"))
            return f"sqlite:///{ledger.with_suffix('.checkpoints.db')}"
        return self.database_url


def read_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: If one has a value that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        raise SettingsError(
            f"the setting {name!r} cannot be used: {fault['msg']} (see .env.example)"
        ) from None
