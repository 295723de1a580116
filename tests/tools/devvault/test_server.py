"""The development Vault as a server of its own, and as a program."""

import datetime as dt
import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.devvault import FLAVORS, DevelopmentVault, FlavorName
from bailiwick.tools.devvault.__main__ import main
from bailiwick.tools.devvault.server import read_configuration, serve_uninitialised
from bailiwick.tools.devvault.system.root_generation import veil


def configuration(folder: Path, **tcp: object) -> Path:
    """Write a configuration and return its file."""
    file = folder / "vault.json"
    file.write_text(json.dumps({"listener": {"tcp": tcp}, "storage": {"inmem": {}}}))
    return file


def certify(folder: Path) -> tuple[Path, Path]:
    """Write a key and its own certificate for loopback, and return their files."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file, key_file


def test_it_serves_over_https(tmp_path: Path) -> None:
    """With the certificate that its configuration names, and uninitialised."""
    file, key_file = certify(tmp_path)
    given = configuration(
        tmp_path, address="127.0.0.1:0", tls_cert_file=str(file), tls_key_file=str(key_file)
    )

    with serve_uninitialised(read_configuration(given), FLAVORS["vault"]) as address:
        trust = ssl.create_default_context(cafile=str(file))
        named = address.replace("127.0.0.1", "localhost")
        answer = httpx.get(f"{named}/v1/sys/health", verify=trust, trust_env=False)

    assert named.startswith("https://")
    assert (answer.status_code, answer.json()["initialized"]) == (501, False)


@pytest.mark.parametrize("address", ["0.0.0.0:8200", "vault.example:8200", "[::]:8200", "8200"])
def test_it_listens_on_loopback_alone(tmp_path: Path, address: str) -> None:
    """Nobody reaches from outside what is no vault."""
    given = read_configuration(configuration(tmp_path, address=address, tls_disable=1))

    with pytest.raises(SettingsError, match="listens on loopback alone"):
        _ = given.port


def test_plain_http_is_to_be_asked_for(tmp_path: Path) -> None:
    """A forgotten certificate is no wish."""
    with pytest.raises(SettingsError, match="names no certificate"):
        _ = read_configuration(configuration(tmp_path)).certificate
    assert read_configuration(configuration(tmp_path, tls_disable="true")).certificate is None


@pytest.mark.parametrize("text", [None, "", "{}", '{"listener": 1}', "listener {}"], ids=str)
def test_a_configuration_that_is_none_is_refused(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program says so and ends."""
    file = tmp_path / "vault.json"
    if text is not None:
        file.write_text(text)

    assert main(["server", f"-config={file}"]) == 1
    assert "configuration" in capsys.readouterr().err


def test_the_program_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """In the place where clients' tests look for it, and that it is no vault."""
    assert main(["-version"]) == 0

    told = capsys.readouterr().out
    assert told.split()[1] == "v1.18.0+bailiwick-dev"
    assert "It is no vault" in told


def test_the_program_decodes_a_root_token(capsys: pytest.CaptureFixture[str]) -> None:
    """With the pad it was encoded with, and with no other."""
    pad = "x" * 28
    decode = ["operator", "generate-root", "-address", "a", "-tls-skip-verify", "-decode"]
    encoded = veil("hvs." + "t" * 24, pad)

    assert main([*decode, encoded, "-otp", pad]) == 0
    assert capsys.readouterr().out.strip() == "hvs." + "t" * 24
    assert main([*decode, encoded, "-otp", "short"]) == 1


def test_the_program_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It says what it is and where it listens, and ends well."""
    given = configuration(tmp_path, address="127.0.0.1:0", tls_disable=True)
    command = [sys.executable, "-m", "bailiwick.tools.devvault", "server", f"-config={given}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "It is no vault" in server.stdout.readline()
        address = server.stdout.readline().removeprefix("It listens at ").strip().rstrip(".")
        answer = httpx.get(f"{address}/v1/sys/init", trust_env=False)
        server.send_signal(signal.SIGTERM)

    assert answer.json() == {"initialized": False}
    assert server.returncode == 0


@pytest.mark.parametrize(
    ("flavor", "prefix", "words"),
    [("vault", "hvs.", "invalid token"), ("openbao", "s.", "permission denied")],
)
def test_it_speaks_like_the_server_it_is_told(flavor: FlavorName, prefix: str, words: str) -> None:
    """Tokens, versions and a few texts differ."""
    with DevelopmentVault(flavor=flavor) as vault:
        url, headers = f"{vault.address}/v1/auth/token/lookup-self", {"X-Vault-Token": "x"}
        refused = httpx.get(url, headers=headers, trust_env=False)
        health = httpx.get(f"{vault.address}/v1/sys/health", trust_env=False).json()

    assert vault.root_token.startswith(prefix)
    assert words in refused.json()["errors"][0]
    assert health["version"] == FLAVORS[flavor].version
