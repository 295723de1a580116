"""Owns the sentences for what ends a command, whoever raised it: what happened and the remedy."""

from bailiwick.graphs.cli.terminal import quoted, terminal
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
    name = type(error).__name__
    library = type(error).__module__.partition(".")[0]
    match library, error:
        case "openai", _:
            other = f"refused the request ({name}): check BAILIWICK_MODEL, or see its log"
            return f"the model's service {_SERVICE.get(name, other)}"
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
