"""Processes of a rehearsal end with whoever started them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.rehearsal.group import free_port, group

STARTS = """
import os, sys, time
from pathlib import Path
from infra.rehearsal.group import group
with group() as processes:
    started = processes.start(["sleep", "600"], {}, Path("/"), sys.stderr.buffer)
    print(started.pid, flush=True)
    time.sleep(600)
"""
ROOT = Path(__file__).parents[2]


def ended(pid: int) -> bool:
    """Tell whether a process ends within two seconds."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_they_end_with_the_block(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, group() as processes:
        started = processes.start(["sleep", "600"], dict(os.environ), tmp_path, log)
        assert started.poll() is None
    assert started.returncode == -signal.SIGKILL


def test_they_end_where_their_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert ended(pid)


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert 0 < port < 65_536
    assert port != free_port()
