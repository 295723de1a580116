"""Owns `python -m bailiwick.tools.devvault`: as much of Vault's program as clients' tests use."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.devvault.development import BANNER
from bailiwick.tools.devvault.flavors import FLAVORS, Flavor
from bailiwick.tools.devvault.server import read_configuration, serve_uninitialised
from bailiwick.tools.devvault.system.root_generation import unveil
from bailiwick.tools.loopback import stopped_by_signals


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status."""
    given = _parser().parse_args(arguments)
    flavor = FLAVORS[given.flavor]
    try:
        match given.command:
            case "server":
                _serve(given.config, flavor)
            case "operator":
                _say(unveil(given.decode, given.otp))
            case _:
                _say(f"Vault v{flavor.version} ({BANNER})")
    except (BailiwickError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vault", description=BANNER)
    parser.add_argument("-flavor", choices=sorted(FLAVORS), default="vault")
    parser.add_argument("-version", action="store_const", const="version", dest="command")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("version", help="tell the version")
    server = commands.add_parser("server", help="serve, uninitialised and sealed, on loopback")
    server.add_argument("-config", type=Path, required=True, help="a configuration file in JSON")
    operator = commands.add_parser("operator", help="decode a generated root token")
    operator.add_argument("task", choices=["generate-root"])
    operator.add_argument("-address", help="ignored: nothing is asked of a server")
    operator.add_argument("-tls-skip-verify", action="store_true", help="ignored likewise")
    operator.add_argument("-decode", required=True, help="the encoded token")
    operator.add_argument("-otp", required=True, help="the one-time pad it was encoded with")
    return parser


def _serve(config: Path, flavor: Flavor) -> None:
    with (
        stopped_by_signals() as stopped,
        serve_uninitialised(read_configuration(config), flavor) as address,
    ):
        _say(f"{BANNER}\nIt listens at {address}.")
        stopped.wait()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
