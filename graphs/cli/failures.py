"""Owns the sentences for what ends a command, whoever raised it: what happened and the remedy."""

from traceback import walk_tb

from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.records import database_errors

_SERVICE = {
    "AuthenticationError": "refuses the key: set OPENAI_API_KEY to one that it takes",
    "PermissionDeniedError": "does not let this key use the model: set BAILIWICK_MODEL to another",
    "NotFoundError": "does not know the model: check BAILIWICK_MODEL and OPENAI_BASE_URL",
    "RateLimitError": "limits requests, or the quota is used up: wait, or look at its account",
    "APITimeoutError": "took too long: try again, or look at its load",
    "APIConnectionError": "cannot be reached: check the network and OPENAI_BASE_URL",
    "InternalServerError": "failed: try again later",
}
"""What the errors of the client of OpenAI-compatible services mean."""

_READERS = {
    ("openai._legacy_response", "_parse"),
    ("langchain_openai.chat_models.base", "_create_chat_result"),
}
"""What does nothing but read the answer of such a service."""

_CHOOSER = ("langchain_core.language_models.chat_models", "invoke")
"""What takes the first choice of an answer; it fails itself only where there is none."""


def report(error: Exception) -> None:
    """Print why a command ended, on stderr."""
    console = terminal(stderr=True)
    sentence = quoted(f"bailiwick: {explain(error)}", "red")
    # What reads a pipe wants one line, whoever reads a terminal wants no word cut in two.
    console.print(sentence, soft_wrap=not console.is_terminal)


def explain(error: Exception) -> str:
    """Return what happened and what to do about it.

    Nothing of a foreign error's own text is in it: that may hold addresses, values and keys.
    """
    if isinstance(error, BailiwickError):
        return str(error)
    if why := _service_failure(error):
        return f"the model's service {why}"
    name = type(error).__name__
    library = type(error).__module__.partition(".")[0]
    match library, error:
        case (("sqlite3" | "psycopg" | "psycopg_pool"), _):
            return f"the checkpoints' database {database_errors.sentence(error)}"
        case "langgraph", _ if name == "GraphRecursionError":
            return "the agents handed on without coming to an end: ask for one thing at a time"
        case _, OSError(strerror=str() as why):
            return f"the operating system refused {error.filename or 'it'}: {why}"
        case _:
            return (
                f"something went wrong that should not have ({name}): run it again with --debug "
                "to see where, and report it"
            )


def _service_failure(error: Exception) -> str | None:
    """Return what the model's service did, unless the error is none of its client's."""
    # LangChain raises its own classes of the client's errors.
    for kind in type(error).__mro__:
        if kind.__module__.partition(".")[0] == "openai":
            name = kind.__name__
            other = f"refused the request ({name}): check BAILIWICK_MODEL, or see its log"
            return _SERVICE.get(name, other)
    if _is_about_the_answer(error):
        return "answered with no completion: check OPENAI_BASE_URL and BAILIWICK_MODEL"
    return None


def _is_about_the_answer(error: Exception) -> bool:
    # LangChain raises ValueError, TypeError and more of Python's for an answer that it cannot read.
    places = [
        (frame.f_globals.get("__name__"), frame.f_code.co_name)
        for frame, _ in walk_tb(error.__traceback__)
    ]
    return not _READERS.isdisjoint(places) or places[-1:] == [_CHOOSER]
