"""What LangGraph Server seals with: the hook alone, and in the development server."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph_sdk import Encryption, EncryptionContext
from tests.graphs.clients import ask, said
from tests.graphs.served import environment, serve, was_hooked
from tests.sealed import House, open_house

from bailiwick.graphs.checkpoints.server_encryption import FIELDS, PREFIX, create_encryption
from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.devvault import DevelopmentVault

SENTENCE = "the lamp from grandmother arrived in pieces"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A Vault with the services of the house, and a ledger in memory."""
    with DevelopmentVault() as devvault, open_house(devvault, "sqlite://") as opened:
        yield opened


@pytest.fixture
def encryption(house: House) -> Encryption:
    """The hook, in a new process."""
    return create_encryption(house.keyring())


async def blob(encryption: Encryption, content: bytes, *, opening: bool = False) -> bytes:
    """Seal a blob or open one, as the server does."""
    hook: Any = encryption  # the server takes its handlers by these names
    handler = hook._blob_decryptor if opening else hook._blob_encryptor
    found = await handler(EncryptionContext(model="checkpoint"), content)
    assert isinstance(found, bytes)
    return found


async def record(
    encryption: Encryption, field: str, given: dict[str, object], *, opening: bool = False
) -> dict[str, object]:
    """Seal a JSON object or open one, as the server does."""
    hook: Any = encryption  # as above
    handler = hook._json_decryptor if opening else hook._json_encryptor
    found = await handler(EncryptionContext(model="thread", field=field), given)
    assert isinstance(found, dict)
    return cast("dict[str, object]", found)


async def test_a_blob_is_opened_by_another_process_of_the_server(
    house: House, encryption: Encryption
) -> None:
    """The empty one, too; changed it is refused."""
    for content in (b"", SENTENCE.encode()):
        sealed = await blob(encryption, content)
        assert SENTENCE.encode() not in sealed
        other = create_encryption(house.keyring())
        assert await blob(other, sealed, opening=True) == content
        with pytest.raises(CheckpointError, match="cannot be opened"):
            await blob(other, sealed[:-1], opening=True)
        with pytest.raises(CheckpointError, match="cannot be opened"):
            await blob(other, content, opening=True)


@pytest.mark.parametrize("field", sorted(FIELDS))
async def test_values_are_sealed_and_names_are_not(encryption: Encryption, field: str) -> None:
    """The server merges by names, and calls it an error if one is missing."""
    given: dict[str, object] = {"messages": [SENTENCE, 1, None], "nothing": None, "ä": {"a": 1.5}}
    sealed = await record(encryption, field, given)
    assert sealed.keys() == given.keys()
    assert SENTENCE not in json.dumps(sealed)
    assert await record(encryption, "another", sealed, opening=True) == given
    assert await record(encryption, field, {}, opening=True) == {}


async def test_what_the_server_searches_by_stays_readable(encryption: Encryption) -> None:
    """Who owns a thread, for one."""
    given: dict[str, object] = {"owner": "customer"}
    assert await record(encryption, "metadata", given) == given
    assert await record(encryption, "metadata", given, opening=True) == given


async def test_a_value_opens_under_its_own_name_alone(encryption: Encryption) -> None:
    """Nor changed, nor garbled."""
    sealed = await record(encryption, "values", {"a": 1})
    text = str(sealed["a"])
    raw = bytearray(base64.b64decode(text.removeprefix(PREFIX)))
    raw[-1] ^= 1
    flipped = PREFIX + base64.b64encode(raw).decode()
    for wrong in ({"b": text}, {"a": flipped}, {"a": f"{PREFIX}?"}, {"a": PREFIX}):
        with pytest.raises(CheckpointError, match="cannot be opened"):
            await record(encryption, "values", dict(wrong), opening=True)


def test_the_development_server_works_with_the_hook(tmp_path: Path) -> None:
    """Where its environment names it, as it takes none from `langgraph.json`.

    It asks the hook about metadata alone, which stays readable, and keeps all else past it: what a
    production server asks was tried above, handler by handler.
    """
    named = {"path": "bailiwick.graphs.checkpoints.encryption:encryption"}
    env = {"BAILIWICK_ENCRYPT": "transit", "LANGGRAPH_ENCRYPTION": json.dumps(named)}
    with (
        start_surroundings() as surroundings,
        serve(tmp_path, surroundings, env=env) as server,
        server.client("customer") as client,
    ):
        waiting = ask(client, "A-1001")
        assert [each["thread_id"] for each in client.threads.search()] == [waiting.thread]
        assert "A-1001" in said(client, waiting)
    assert was_hooked(tmp_path)


def test_a_hook_that_was_named_and_has_no_key_is_told(tmp_path: Path) -> None:
    """Rather than that everything is kept in the clear."""
    ended = subprocess.run(
        [sys.executable, "-c", "import bailiwick.graphs.checkpoints.encryption"],
        cwd=tmp_path,
        env=environment(tmp_path, {}),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "BAILIWICK_ENCRYPT is off: set it to transit" in ended.stderr
    assert "Traceback" not in ended.stderr
