"""Owns the development Vault as a server of its own, configured the way Vault's is.

It begins uninitialised and sealed, as `vault server` does, and listens on loopback alone.
"""

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.devvault.app import App
from bailiwick.tools.devvault.core import Core
from bailiwick.tools.devvault.faults import Faults
from bailiwick.tools.devvault.flavors import Flavor
from bailiwick.tools.devvault.verbs import protocol
from bailiwick.tools.loopback import HOST, Certificate, serve


class _Tcp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str = f"{HOST}:8200"
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_disable: bool | str = False


class _Listener(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    tcp: _Tcp


class Configuration(BaseModel):
    """Hold what is used of a configuration file in JSON; the rest of Vault's settings is ignored.

    Attributes:
        listener: Where to listen and with which certificate.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    listener: _Listener

    @property
    def port(self) -> int:
        """The TCP port.

        Raises:
            SettingsError: If the address is not on loopback.
        """
        host, _, port = self.listener.tcp.address.rpartition(":")
        if host not in (HOST, "localhost") or not port.isdecimal():
            raise SettingsError(
                f"the development Vault listens on loopback alone, not on "
                f"{self.listener.tcp.address!r}: use {HOST} and a port"
            )
        return int(port)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate, or None where it speaks plain HTTP."""
        tcp = self.listener.tcp
        if str(tcp.tls_disable).lower() in ("1", "true"):
            return None
        if tcp.tls_cert_file is None or tcp.tls_key_file is None:
            raise SettingsError("the listener names no certificate: set tls_disable, or name one")
        return Certificate(file=tcp.tls_cert_file, key_file=tcp.tls_key_file)


def read_configuration(file: Path) -> Configuration:
    """Return what a configuration file says.

    Raises:
        SettingsError: If it cannot be read or is no such file.
    """
    try:
        given: Mapping[str, object] = json.loads(file.read_text(encoding="utf-8"))
        return Configuration.model_validate(given)
    except OSError:
        raise SettingsError(f"the configuration {str(file)!r} cannot be read") from None
    except (ValidationError, ValueError):
        raise SettingsError(
            f"the configuration {str(file)!r} is none: write JSON with listener.tcp.address"
        ) from None


@contextmanager
def serve_uninitialised(configuration: Configuration, flavor: Flavor) -> Generator[str]:
    """Serve an uninitialised development Vault while the context lasts.

    Yields:
        Its address.

    Raises:
        SettingsError: If the address cannot be used.
    """
    app = App(Core(time.time, flavor, is_ready=False), Faults())
    with serve(
        app,
        port=configuration.port,
        protocol=protocol(),
        certificate=configuration.certificate,
    ) as address:
        yield address
