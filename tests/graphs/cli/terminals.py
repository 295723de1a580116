"""A pseudo-terminal to run the command in, and the command run to its end in this process."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

COMMAND = Path(sys.executable).with_name("bailiwick")
PATIENCE = 60.0
"""Seconds to wait for something to appear; it takes two, but tests share the machine."""

# Ctrl-C reaches the command only if the terminal is the one that controls it.
TAKE_OVER = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Tell how a command ended: its status, and what it wrote."""

    status: int
    out: str
    err: str


@dataclass(slots=True)
class Terminal:
    """Run the command in a pseudo-terminal, read what it shows, and type.

    Attributes:
        args: The words after `bailiwick`.
        env: The whole environment.
        cwd: The folder to run in.
        columns: How wide the terminal is.
        shown: What it has shown so far, without escape sequences.
    """

    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    columns: int = 80
    shown: str = ""
    seen: int = 0
    _master: int = -1
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, self.columns))
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_OVER, str(COMMAND), *self.args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=self.cwd,
            env={"TERM": "xterm", **self.env},
            start_new_session=True,
        )
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        process = self.process
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(self._master)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running command."""
        assert self._process is not None
        return self._process

    def expect(self, text: str) -> str:
        """Wait until a text is shown, and return what came since the last one."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.shown.find(text, self.seen)) < 0:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.shown}"
            assert self._read(), f"it ended without {text!r}:\n{self.shown}"
        start, self.seen = self.seen, found + len(text)
        return self.shown[start : self.seen]

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, f"{line}\n".encode())

    def press(self, key: str) -> None:
        """Press Control and a key."""
        os.write(self._master, bytes([ord(key.upper()) - 64]))

    def end(self) -> int:
        """Wait for the end and return the status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        try:
            got = os.read(self._master, 65536) if ready else b""
        except OSError:
            # What Linux says where macOS says nothing: the other side is closed.
            got = b""
        self.shown = ESCAPE.sub("", self.shown + got.decode(errors="replace").replace("\r\n", "\n"))
        return bool(got)
