"""Processes that the bench starts, each ended by whoever started it.

Core 0 belongs to what is measured, core 1 to everything around it.
"""

import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import places

MEASURED, AROUND = 0, 1


@contextmanager
def started(  # noqa: PLR0913 - what Popen wants to know
    command: list[str],
    env: dict[str, str] | None = None,
    core: int = AROUND,
    *,
    cwd: Path | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start a process on `core`, with a pipe for its input, and end it afterwards."""
    # A child begins where its parent is, so that its very start is counted on the right core.
    os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(  # noqa: S603 - the bench's own words
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, {AROUND})
    with process:
        try:
            yield process
        finally:
            process.terminate()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line a process prints.

    Raises:
        SystemExit: it ended instead; its own message stands above.
    """
    if process.stdout is None or not (said := process.stdout.readline()):
        raise SystemExit(f"{process.args!r} ended with {process.wait()}")
    return said.strip()


@dataclass(frozen=True)
class Bench:
    """The fake DynamoDB, running, and what every contender finds in its environment."""

    port: int
    bundle: Path
    folder: Path
    env: dict[str, str]

    def reads(self) -> int:
        """Return how many requests the fake DynamoDB has served."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/count") as answer:
            return int(answer.read())

    def contender(self, module: str) -> tuple[list[str], dict[str, str]]:
        """Return the interpreter that runs a contender, and the environment it runs in."""
        home = {"flask_case": "flask", "drf_case": "drf", "keyshield_case": "keyshield"}
        paths = [places.CONTENDERS] if module in home else [self.bundle, places.CONTENDERS]
        return (
            [str(places.python(home.get(module, "runtime"))), "-P"],
            {**self.env, "PYTHONPATH": ":".join(map(str, paths))},
        )


@contextmanager
def bench() -> Iterator[Bench]:
    """Mint a key, start the fake DynamoDB that knows it, and describe Lambda's environment."""
    bundle = places.bundle()
    interpreter = str(places.python("runtime"))
    (key,) = minted(bundle, 1)
    # In memory where that is to be had: no contender's database should wait for a noisy disk.
    memory = Path("/dev/shm")  # noqa: S108 - only the place; the name is made by tempfile
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else places.WORK) as folder:
        answers = Path(folder, "answers.json")
        answers.write_text(json.dumps(key["answers"]))
        command = [interpreter, str(places.HERE / "endpoint.py"), str(answers)]
        with started(command) as endpoint:
            port = int(line(endpoint))
            yield Bench(port, bundle, Path(folder), _environment(key, port, folder))


def minted(bundle: Path, many: int) -> list[dict[str, Any]]:
    """Return new keys and their rows; see `contenders/mint.py`."""
    printed = subprocess.run(  # noqa: S603 - the bench's own words
        [str(places.python("runtime")), str(places.CONTENDERS / "mint.py"), str(many)],
        env={"PYTHONPATH": str(bundle)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    keys: list[dict[str, Any]] = json.loads(printed)
    return keys


def _environment(key: dict[str, Any], port: int, folder: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "BENCH_FOLDER": folder,
        "BENCH_KEY": key["key"],
        "BENCH_ID": key["id"],
        "BENCH_ALIAS": key["alias"],
        "BENCH_MISSPELT": key["misspelt"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2Vj" * 48,  # as long as a real one
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}",
        "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{port}",
        # Whoever runs this may have a configuration of their own.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "TUTORIAL_TABLE": "tutorial",
        "TABLE_NAME": "keys",
        "KMS_KEY_ID": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "KEY_PREFIX": "kt",
        "ID_SALT": "",
        "ALLOWED_ROLES": "admin,creator,user",
        "DEFAULT_TTL_DAYS": "15",
        "MAX_TTL_DAYS": "365",
        "DEFAULT_GRACE_SECONDS": "86400",
        "IMPORTED_KEYS": "false",
        "REQUIRED_ROLES": "admin",
        "POWERTOOLS_SERVICE_NAME": "keyturn",
        "POWERTOOLS_METRICS_NAMESPACE": "Keyturn",
    }
