"""A terminal with the command in it, and somebody who types."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.cli.conftest import COMMAND, Keyturn

_PATIENCE = 20

# In the background of a shell it is ignored, and would be by what is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Terminal:
    """What was shown so far, and a way to type."""

    def __init__(self, process: "subprocess.Popen[bytes]", file: int) -> None:
        self._process, self._file = process, file
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until this is shown."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        while self._read():
            pass
        return self._process.wait(_PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._file], [], [], _PATIENCE)
        assert ready, self.shown
        with suppress(OSError):  # how Linux says that nobody is at the other end
            more = os.read(self._file, 65536)
            self.shown += more.decode().replace("\r\n", "\n")
            return bool(more)
        return False


def typed(keyturn: Keyturn, text: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command in this process and a terminal, in which this is typed beforehand.

    Returns the exit code and what is shown. For what is not read from the controlling terminal.
    """
    ours, theirs = pty.openpty()
    try:
        os.write(ours, text.encode())
        environment = {"TERM": "xterm-256color", "COLUMNS": "80"} | environment
        with (
            open(theirs, encoding="utf-8", closefd=False) as reads,
            open(theirs, "w", encoding="utf-8") as writes,  # noqa: PTH123
        ):
            streams = {"stdin": reads, "stdout": writes, "stderr": writes}
            code = keyturn.run(arguments, environment, **streams)
        return code, _rest(ours)
    finally:
        os.close(ours)


def _rest(file: int) -> str:
    shown = b""
    with suppress(OSError):  # how Linux says that nobody is at the other end
        while more := os.read(file, 65536):
            shown += more
    return shown.decode().replace("\r\n", "\n")


@contextmanager
def terminal(keyturn: Keyturn, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run the installed command with a terminal as its standard input, output and errors."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=keyturn.environment | {"TERM": "xterm-256color"} | environment,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            os.close(ours)
