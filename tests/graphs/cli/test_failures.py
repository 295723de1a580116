"""The sentences for what ends a command, whoever raised it."""

import asyncio
import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphRecursionError
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bailiwick.graphs.cli.failures import explain
from bailiwick.policies.errors import VaultError
from bailiwick.tools.loopback import serve


async def refuse(request: Request) -> Response:
    """Answer with the status that the path names, and quote the key, as some services do."""
    status = int(request.path_params["status"])
    if status == 408:
        await asyncio.sleep(0.3)
    return JSONResponse({"error": {"message": request.headers["authorization"]}}, status)


ANSWERS = {
    "page": "<html>secret</html>",
    "nothing": "",
    "empty": "{}",
    "list": "[]",
    "null": '{"choices": null}',
    "none": '{"choices": []}',
    "number": '{"choices": 5}',
    "bare": '{"choices": [{}]}',
    "error": '{"error": {"message": "secret"}}',
    "call": '{"choices": [{"message": {"role": "assistant", "tool_calls": [{"id": "secret"}]}}]}',
}
"""What a service says that is no completion, though it calls it a success."""


def chat(request: Request) -> Response:
    """Answer with what the path names."""
    body = ANSWERS[request.path_params["answer"]]
    kind = "text/html" if body.startswith("<") else "application/json"
    return Response(body, media_type=kind)


APP = Starlette(
    routes=[
        Route("/refused/{status}/chat/completions", refuse, methods=["POST"]),
        Route("/answered/{answer}/chat/completions", chat, methods=["POST"]),
    ]
)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Give the address of a model's service that never completes anything."""
    with serve(APP) as address:
        yield address


def model_of(address: str, timeout: float = 30) -> BaseChatModel:
    """Give a model of a service, as we do."""
    # It takes a second, and each process that runs tests collects this module.
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model="small",
        base_url=address,
        api_key=SecretStr("secret"),
        max_retries=0,
        timeout=timeout,
    )


def ask(address: str, timeout: float = 30) -> Exception:
    """Ask a model's service, and return what is raised."""
    model = model_of(address, timeout)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any class: it is what is told of it
        model.invoke("hello")
    return caught.value


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key: set OPENAI_API_KEY"),
        (403, "does not let this key use the model"),
        (404, "does not know the model: check BAILIWICK_MODEL"),
        (429, "limits requests"),
        (400, "refused the request (BadRequestError)"),
        (500, "try again later"),
    ],
)
def test_what_a_models_service_refuses_is_told_with_its_remedy(
    service: str, status: int, said: str
) -> None:
    """And nothing of its answer, which may quote the key."""
    sentence = explain(ask(f"{service}/refused/{status}"))
    assert sentence.startswith("the model's service ")
    assert said in sentence
    assert "secret" not in sentence


def test_a_models_service_that_takes_too_long_is_told(service: str) -> None:
    """It is waited for only so long."""
    assert "took too long" in explain(ask(f"{service}/refused/408", timeout=0.2))


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_no_completion_is_told(service: str, answer: str) -> None:
    """Most often the address is another server's, or one of its other paths."""
    assert explain(ask(f"{service}/answered/{answer}")) == (
        "the model's service answered with no completion: check OPENAI_BASE_URL and BAILIWICK_MODEL"
    )


def test_a_question_that_cannot_be_sent_is_not_the_services_fault(service: str) -> None:
    """It was our mistake, and is told as one."""
    model = model_of(service)
    with pytest.raises(TypeError) as caught:
        model.invoke("hello", unknown=object())
    assert "report it" in explain(caught.value)


def test_a_models_service_that_is_not_there_is_told() -> None:
    """With the setting that names it."""
    assert "check the network and OPENAI_BASE_URL" in explain(ask("http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (VaultError("it is sealed: unseal it"), "it is sealed: unseal it"),
        (sqlite3.DatabaseError("secret"), "the checkpoints' database"),
        (psycopg.OperationalError("secret"), "cannot be reached: check that PostgreSQL runs"),
        (GraphRecursionError("secret"), "ask for one thing at a time"),
        (OSError(28, "No space left on device", "ledger.db"), "ledger.db: No space left"),
        (KeyError("secret"), "(KeyError): run it again with --debug"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_an_error_becomes_a_sentence_with_its_remedy(error: Exception, said: str) -> None:
    """And nothing of a foreign error's own text is in it."""
    sentence = explain(error)
    assert said in sentence
    assert "secret" not in sentence
    assert "\n" not in sentence
