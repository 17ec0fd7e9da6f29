"""Rows a second of `keyturn import`: `python -m bench.moving [ROWS]`.

The installed command, Lambda's Invoke over HTTP, the real function in this process, and AWS's own
DynamoDB Local. KMS is `endpoint.py`, which seals nothing: the emulator's cryptography would be most
of what is measured. One process runs all invocations; on AWS each has one of its own.
"""

import csv
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from infra.local.functions import load
from infra.local.invoking import answering
from infra.local.resources import REGION
from infra.local.stack import local_stack
from tests.dynamodb_local import running

ROWS = 5000
_NAME = "moving"
_TICKS = os.sysconf("SC_CLK_TCK")
_ENDPOINT = Path(__file__).with_name("endpoint.py")
_SEALED = {"CiphertextBlob": "AQIDBAUG" * 30, "KeyId": "arn:aws:kms:us-east-1:123456789012:key/1"}


@dataclass(frozen=True)
class Figure:
    """What a run took: CPU in all, of the function's process and of the command, in ms a row."""

    rows_a_second: float
    all_ms: float
    function_ms: float
    command_ms: float

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.rows_a_second:.0f} rows a second. CPU a row: {self.all_ms:.2f} ms, of which "
            f"{self.function_ms:.2f} in the function and {self.command_ms:.2f} in the command: "
            f"two cores of one's own do {2000 / self.all_ms:.0f} rows a second at most"
        )


def measure(rows: int, at_once: int = 4) -> dict[str, Figure]:
    """Import so many hashes, then strings, then the same strings again.

    Raises:
        NotAvailableError: DynamoDB Local cannot be had here.
        CalledProcessError: the command failed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "functions.log").open("w") as log,
        running() as dynamodb,
        _kms(Path(folder)) as kms,
        redirect_stdout(log),
        local_stack(dynamodb=dynamodb, name=_NAME, parameters={"ImportedKeys": "true"}) as stack,
    ):
        function = stack.functions["ImportKeysFunction"]
        own = {**function.environment, "AWS_ENDPOINT_URL_KMS": kms}
        function = replace(function, environment=own)
        load([function])
        with answering(replace(stack, functions={function.name: function})) as url:
            few = min(rows, 500)
            hashes, strings = Path(folder) / "hashes.csv", Path(folder) / "strings.csv"
            _write(hashes, "sha256", rows)
            _write(strings, "key", rows)
            warm = Path(folder) / "warm.csv"
            _write(warm, "key", few)
            _run(warm, url, at_once, few)
            return {
                "hashes": _run(hashes, url, at_once, rows),
                "strings": _run(strings, url, at_once, rows),
                "strings that are there": _run(strings, url, at_once, rows),
            }


def _write(path: Path, field: str, rows: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field, "alias", "name", "roles", "is_active", "expire"])
        for number in range(rows):
            about = (f"{path.stem}-{number}", "A customer", '["user"]', 1, "2099-01-01T00:00:00Z")
            writer.writerow([secrets.token_hex(32), *about])


def _run(path: Path, url: str, at_once: int, rows: int) -> Figure:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    command = [str(Path(sys.executable).with_name("keyturn")), "import", str(path), "--yes"]
    options = ["--stack-name", _NAME, "--at-once", str(at_once)]
    begun, cpu, children, others = time.perf_counter(), time.process_time(), _children(), _others()
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, *options], env=environment, capture_output=True, text=True, check=True
    )
    took = time.perf_counter() - begun
    if not done.stdout.startswith(f"{rows} rows: "):
        raise SystemExit(done.stdout)
    seconds = (time.process_time() - cpu, _children() - children, _others() - others)
    function_ms, command_ms, others_ms = (1000 * each / rows for each in seconds)
    return Figure(rows / took, function_ms + command_ms + others_ms, function_ms, command_ms)


def _children() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _others() -> float:
    """Return the CPU seconds of what we started and still runs: the emulators."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            id, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            parents[id], seconds[id] = int(rest[1]), (int(rest[11]) + int(rest[12])) / _TICKS
    ours = {os.getpid()}
    while more := {id for id, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(seconds[id] for id in ours - {os.getpid()} if id in seconds)


@contextmanager
def _kms(folder: Path) -> Iterator[str]:
    answers = folder / "answers.json"
    answers.write_text(json.dumps({"Encrypt": _SEALED}))
    with subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, _ENDPOINT, answers], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    for what, figure in measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS).items():
        print(f"{what}: {figure}")
