"""The model that is configured answers, and one line says which it is."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bailiwick.agents.models import ModelSettings, create_model, explain_choice
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.loopback import serve

KEY = SecretStr("sk-made-up")


@tool
def look_up_order(order_id: str) -> str:
    """Look up an order."""
    return order_id


class Server:
    """Answer every chat completion with a tool call, and keep what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def complete(self, request: Request) -> JSONResponse:
        """Answer `POST /v1/chat/completions`."""
        self.asked.append(await request.json())
        self.keys.append(request.headers["Authorization"])
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look_up_order", "arguments": '{"order_id": "A-1001"}'},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return JSONResponse(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "local",
                "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )

    @contextmanager
    def served(self) -> Generator[str]:
        """Serve on loopback and yield the base URL."""
        app = Starlette(routes=[Route("/v1/chat/completions", self.complete, methods=["POST"])])
        with serve(app) as address:
            yield f"{address}/v1"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_with_nothing_configured_the_script_answers() -> None:
    """It says so, and what is missing."""
    settings = ModelSettings()
    assert isinstance(create_model("orders", settings), ScriptedModel)
    assert explain_choice(settings) == (
        "The scripted model answers: neither OPENAI_API_KEY nor BAILIWICK_MODEL is set."
    )


def test_a_server_alone_is_no_model() -> None:
    """A base URL that is set for something else does not send the desk's orders there."""
    assert ModelSettings(base_url="http://127.0.0.1:1/v1").is_scripted


def test_the_script_can_be_asked_for_beside_a_key() -> None:
    """A demonstration stays offline on a machine with a key."""
    settings = ModelSettings(model="scripted", api_key=KEY)
    assert isinstance(create_model("supervisor", settings), ScriptedModel)
    assert "BAILIWICK_MODEL asks for it" in explain_choice(settings)


def test_the_script_of_an_unknown_role_is_an_error() -> None:
    """The refund desk has four roles."""
    with pytest.raises(SettingsError, match="'cook'"):
        create_model("cook", ModelSettings())


def test_a_model_without_key_and_server_is_an_error() -> None:
    """The message names both remedies."""
    with pytest.raises(SettingsError, match=r"'gpt-x'.*OPENAI_API_KEY.*OPENAI_BASE_URL"):
        create_model("orders", ModelSettings(model="gpt-x"))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            ModelSettings(api_key=KEY),
            "The language model 'gpt-5-mini' at OpenAI answers: OPENAI_API_KEY is set.",
        ),
        (
            ModelSettings(model="local", base_url="http://[::1]/v1"),
            "The language model 'local' at http://[::1]/v1 answers: BAILIWICK_MODEL names it.",
        ),
    ],
    ids=["key", "server"],
)
def test_a_language_model_is_explained_in_one_line(settings: ModelSettings, line: str) -> None:
    """Which, where and why, and never the key."""
    assert explain_choice(settings) == line


@pytest.mark.parametrize("key", [KEY, None], ids=["key", "no-key"])
async def test_a_language_model_asks_its_server_and_calls_tools(key: SecretStr | None) -> None:
    """Sync and async, with the tools, the model's name and the key where there is one."""
    server = Server()
    with server.served() as base_url:
        settings = ModelSettings(model="local", api_key=key, base_url=base_url)
        model = create_model("orders", settings)
        bound = model.bind_tools([look_up_order])
        answers = [
            bound.invoke([HumanMessage("How is A-1001?")]),
            await bound.ainvoke([HumanMessage("How is A-1001?")]),
        ]
        await _close(model)
    for answer in answers:
        (call,) = answer.tool_calls
        assert (call["name"], call["args"]) == ("look_up_order", {"order_id": "A-1001"})
    assert [asked["model"] for asked in server.asked] == ["local", "local"]
    assert server.asked[0]["tools"][0]["function"]["name"] == "look_up_order"
    assert set(server.keys) == {f"Bearer {key.get_secret_value() if key else 'none'}"}


async def _close(model: BaseChatModel) -> None:
    from langchain_openai import ChatOpenAI

    assert isinstance(model, ChatOpenAI)
    model.root_client.close()
    await model.root_async_client.close()


def test_openai_is_not_imported_before_it_is_needed() -> None:
    """A scripted run does not pay for it."""
    program = (
        "import sys\n"
        "from bailiwick.agents.models import ModelSettings, create_model\n"
        "create_model('orders', ModelSettings())\n"
        "sys.exit('openai' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
