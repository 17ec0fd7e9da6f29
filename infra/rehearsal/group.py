"""Processes that cannot outlive this one.

They share a process group with a guard that waits for the end of its standard input, a pipe whose
other end only we hold: however we end, the guard then ends all of them.
"""

import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_GUARD = "read -r _; kill -KILL 0"


class Group:
    """The group, as long as its guard is there."""

    def __init__(self, guard: int) -> None:
        """Take the guard's process id, which is the group's too."""
        self._id = guard
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start a process; all it says goes to `log`."""
        process = subprocess.Popen(  # noqa: S603 - our own words
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=self._id,
        )
        self._started.append(process)
        return process

    def reap(self) -> None:
        """Wait for all that were started."""
        for process in self._started:
            process.wait()


@contextmanager
def group() -> Iterator[Group]:
    """Run a group; all of it ends with the block."""
    command = ["/bin/sh", "-c", _GUARD]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - ours
    started = Group(guard.pid)
    try:
        yield started
    finally:
        guard.communicate()
        started.reap()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
