"""Owns the fixture that runs notebooks: a kernel of this interpreter, cut off from everything."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

RunNotebook: TypeAlias = Callable[[NotebookNode], Awaitable[NotebookNode]]

TIMEOUT = 120
"""Seconds for which one cell may run."""

NO_NETWORK = '''
"""Keep this kernel to its own machine: connections and look-ups of names end on loopback."""

import sys

def refuse(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host not in {"127.0.0.1", "::1", "localhost", None}:
        raise ConnectionRefusedError(f"this kernel has no network: {host!r}")

sys.addaudithook(refuse)
'''


@pytest.fixture
def run_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunNotebook:
    """Give the function that executes a notebook top to bottom, in a fresh kernel and folder."""
    home, work = tmp_path / "home", tmp_path / "work"
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-no-network.py").write_text(NO_NETWORK)
    work.mkdir()
    folders = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(home / "ipython"),
    }
    for name, value in folders.items():
        monkeypatch.setenv(name, value)
    # Nothing is inherited: no key, no address, no setting of whoever runs the tests.
    environment = {**folders, "HOME": str(home), "PATH": "", "PYTHONWARNINGS": "default"}

    async def run(notebook: NotebookNode) -> NotebookNode:
        # A socket's path must be short, and pytest's folders are not.
        with TemporaryDirectory(prefix="bailiwick-") as sockets:
            monkeypatch.setenv("JUPYTER_RUNTIME_DIR", sockets)
            kernel = _kernel(Path(sockets))
            client = NotebookClient(notebook, km=kernel, timeout=TIMEOUT, coalesce_streams=True)
            try:
                return await client.async_execute(cwd=str(work), env=environment, cleanup_kc=True)
            finally:
                kernel.context.destroy(linger=0)

    return run


def _kernel(sockets: Path) -> AsyncKernelManager:
    # Without any folder of kernels the only one is ipykernel's own, of this very interpreter.
    specs = KernelSpecManager(kernel_dirs=[])
    assert specs.get_kernel_spec("python3").argv[0] == sys.executable
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs, transport="ipc")
    kernel.connection_file = str(sockets / "kernel.json")
    kernel.ip = str(sockets / "kernel")
    return kernel
