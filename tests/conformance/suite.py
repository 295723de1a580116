"""Owns hvac's published integration tests: fetched, unpacked, run unmodified in a place apart."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterable
from pathlib import Path

VERSION = "2.4.0"
_NEEDS = (
    f"hvac=={VERSION}",
    "packaging<24",
    "parameterized",
    "pyhcl",
    "pytest",
    "pytest-xdist",
    "requests",
    "setuptools",
)
_FOLDER = "tests/integration_tests"
MODULES = (
    "api/auth_methods/test_approle.py",
    "api/auth_methods/test_token.py",
    "api/secrets_engines/test_identity.py",
    "api/secrets_engines/test_kv_v1.py",
    "api/secrets_engines/test_kv_v2.py",
    "api/secrets_engines/test_transit.py",
    "api/system_backend/test_audit.py",
    "api/system_backend/test_auth.py",
    "api/system_backend/test_health.py",
    "api/system_backend/test_init.py",
    "api/system_backend/test_key.py",
    "api/system_backend/test_leader.py",
    "api/system_backend/test_lease.py",
    "api/system_backend/test_mount.py",
    "api/system_backend/test_namespace.py",
    "api/system_backend/test_policies.py",
    "api/system_backend/test_policy.py",
    "api/system_backend/test_quota.py",
    "api/system_backend/test_raft.py",
    "api/system_backend/test_seal.py",
    "api/system_backend/test_wrapping.py",
    "v1/test_approle.py",
    "v1/test_integration.py",
    "v1/test_system_backend.py",
)
"""The modules in scope; the others are about engines that the development Vault does not have."""


class Suite:
    """Prepare the tests in a folder, and run them there.

    Args:
        folder: Where everything is kept between runs; nothing is written anywhere else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = folder / "venv" / "bin" / "python"
        self._sources = folder / f"hvac-{VERSION}"
        self.results = folder / "results.xml"

    def prepare(self) -> None:
        """Fetch what is missing from the package index, and unpack the tests anew."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._prepare_python()
        archive = self._folder / f"hvac-{VERSION}.tar.gz"
        if not archive.exists():
            options = ("--quiet", "--no-binary", "hvac", "--no-deps", "--dest", self._folder)
            self._pip("download", *options, f"hvac=={VERSION}")
        # A run leaves files behind, and the tests shall be as they were published.
        shutil.rmtree(self._sources, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(self._folder, filter="data")
        # The published archive leaves out what is empty.
        (self._sources / "tests" / "config_files" / "generated").mkdir(exist_ok=True)
        # The client comes from the environment; beside it, only its tests are wanted.
        shutil.rmtree(self._sources / "hvac")

    def run(self, flavor: str, workers: int, select: Iterable[str] = ()) -> None:
        """Run the modules in scope and leave their results in `results`.

        Args:
            flavor: The server that the development Vault speaks like.
            workers: How many modules run at a time.
            select: Only these modules; all of them where there are none.
        """
        self.results.unlink(missing_ok=True)
        modules = [f"{_FOLDER}/{module}" for module in select or MODULES]
        options = ["-o", "addopts=", "-q", "--tb=line", "-W", "ignore", "-p", "no:cacheprovider"]
        options += ["-n", str(workers), "--dist", "loadscope", f"--junitxml={self.results}"]
        subprocess.run(
            [self._python, "-m", "pytest", *options, *modules],
            cwd=self._sources,
            env=self._environment(flavor),
            # Failures are judged by the results, not by the exit status.
            check=False,
        )

    def _prepare_python(self) -> None:
        stamp, wanted = self._folder / "installed", "\n".join(_NEEDS)
        if self._python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return
        venv.create(self._folder / "venv", clear=True, with_pip=True)
        self._pip("install", "--quiet", *_NEEDS)
        stamp.write_text(wanted)

    def _pip(self, *arguments: str | Path) -> None:
        command = [self._python, "-m", "pip", "--disable-pip-version-check", *arguments]
        subprocess.run(command, check=True)

    def _environment(self, flavor: str) -> dict[str, str]:
        programs = self._folder / "bin"
        programs.mkdir(exist_ok=True)
        shim = programs / "vault"
        command = f'exec "{sys.executable}" -m bailiwick.tools.devvault -flavor {flavor} "$@"'
        shim.write_text(f"#!/bin/sh\n{command}\n")
        shim.chmod(0o755)
        known = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")}
        return {**known, "PATH": f"{programs}{os.pathsep}{known.get('PATH', '')}"}
