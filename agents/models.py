"""Owns the choice of the chat model: a language model where one is configured, else a script."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import refund_desk_script
from bailiwick.policies.errors import SettingsError

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

SCRIPTED = "scripted"
"""The model name that asks for the script even where a language model could be had."""

DEFAULT_MODEL = "gpt-5-mini"
"""The language model where there is a key and no model is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """State which model is configured.

    Attributes:
        model: The model's name; `scripted` for the script.
        api_key: The key of the OpenAI-compatible service.
        base_url: Where that service is; OpenAI itself if left out.
        timeout: Seconds until a request is given up.
    """

    model: str | None = None
    api_key: SecretStr | None = None
    base_url: str | None = None
    timeout: float = 60.0

    @property
    def is_scripted(self) -> bool:
        """Whether the script answers: it was asked for, or nothing else is configured."""
        return self.model == SCRIPTED or not (self.model or self.api_key)


def create_model(role: str, settings: ModelSettings) -> BaseChatModel:
    """Create the chat model of a role.

    Args:
        role: `supervisor`, `orders`, `returns` or `billing`; a language model takes any role.
        settings: Which model is configured.

    Raises:
        SettingsError: If a language model is named without a key or a server to find it at, or
            if there is no script for the role.
    """
    if settings.is_scripted:
        return ScriptedModel(script=refund_desk_script(role))
    return _create_language_model(settings)


def explain_choice(settings: ModelSettings) -> str:
    """Tell in one line which model answers and why."""
    if settings.model == SCRIPTED:
        return "The scripted model answers: BAILIWICK_MODEL asks for it."
    if settings.is_scripted:
        return "The scripted model answers: neither OPENAI_API_KEY nor BAILIWICK_MODEL is set."
    name = settings.model or DEFAULT_MODEL
    where = f"at {settings.base_url}" if settings.base_url else "at OpenAI"
    why = "BAILIWICK_MODEL names it" if settings.model else "OPENAI_API_KEY is set"
    return f"The language model {name!r} {where} answers: {why}."


def _create_language_model(settings: ModelSettings) -> "ChatOpenAI":
    if settings.api_key is None and settings.base_url is None:
        raise SettingsError(
            f"the model {settings.model!r} has no key: set OPENAI_API_KEY, or OPENAI_BASE_URL "
            "for a server that needs none"
        )
    # Importing openai takes a third of the program's start, and most runs are scripted.
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - see above

    return ChatOpenAI(
        model=settings.model or DEFAULT_MODEL,
        # A local server needs no key, but the client insists on one.
        api_key=settings.api_key or SecretStr("none"),
        base_url=settings.base_url,
        timeout=settings.timeout,
        # Every OpenAI-compatible server speaks chat completions, few speak the responses API.
        use_responses_api=False,
    )
