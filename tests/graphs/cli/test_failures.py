"""The sentences for what ends a command, whoever raised it."""

import asyncio
import sqlite3
from collections.abc import Iterator

import openai
import psycopg
import pytest
from langgraph.errors import GraphRecursionError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bailiwick.graphs.cli.failures import explain
from bailiwick.policies.errors import VaultError
from bailiwick.tools.loopback import serve


async def answer(request: Request) -> JSONResponse:
    """Answer with the status that the path names, and quote the key, as some services do."""
    status = int(request.path_params["status"])
    if status == 408:
        await asyncio.sleep(0.3)
    return JSONResponse({"error": {"message": request.headers["authorization"]}}, status)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Give the address of a model's service that always refuses."""
    with serve(Starlette(routes=[Route("/{status}/models", answer)])) as address:
        yield address


def ask(address: str) -> Exception:
    """Ask a model's service, and return what its client raises."""
    with (
        openai.OpenAI(base_url=address, api_key="sk-secret", max_retries=0, timeout=0.2) as client,
        pytest.raises(openai.OpenAIError) as caught,
    ):
        client.models.list()
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
        (408, "took too long"),
    ],
)
def test_what_a_models_service_refuses_is_told_with_its_remedy(
    service: str, status: int, said: str
) -> None:
    """And nothing of its answer, which may quote the key."""
    sentence = explain(ask(f"{service}/{status}"))
    assert sentence.startswith("the model's service ")
    assert said in sentence
    assert "secret" not in sentence


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
