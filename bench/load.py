"""The service under load, in Lambda's own runtime: every answer checked, and the table at the end.

Around the bundle in its processes (`infra.rehearsal.runtime`): the local stack's gateway and
stream, DynamoDB Local, moto's KMS, and locust. All of it shares the machine's cores, so the times
are those of a small machine that is full. Beside it the same clients ask the Flask service, for
what that has: one process, and a file in memory.

`python -m bench.load` prints a table and replaces `bench/load.json` and its part of `docs/load.md`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
import httpx

from bench import load_rows, memory, places
from bench.pages import fill, load
from bench.report import machine
from infra.local.stack import FIRST_ADMIN, local_stack
from infra.rehearsal.group import group
from infra.rehearsal.runtime import runtime
from tests.dynamodb_local import running

RESULTS = places.HERE / "load.json"
PAGE = places.ROOT / "docs" / "load.md"
CLIENTS = 8
_NO_SWEEP = 86_400.0
_NOBODY = "0" * 17
_TRIES = 10
_CLIENT = places.CONTENDERS / "load_client.py"

Results = dict[str, Any]


def ours(seconds: float, clients: int = CLIENTS, processes: int = 3) -> Results:
    """Put the service under load; return what was measured, and what was wrong.

    A function has at most so many processes: with two cores, more would only wait for those.

    Raises:
        NotMadeError: `make rehearsal` first.
        NotAvailableError: no DynamoDB Local.
    """
    with (
        tempfile.TemporaryFile() as log,
        running() as dynamodb,
        runtime(log, most=processes) as functions,
        local_stack(
            dynamodb=dynamodb, name="load", runtime=functions, sweep_seconds=_NO_SWEEP
        ) as stack,
        closing(boto3.client("dynamodb", endpoint_url=dynamodb, region_name=stack.region)) as table,
    ):
        admin = stack.admin_key
        _start(stack.url, admin, processes)
        with memory.watched(lambda: {f.name: f.runtimes() for f in functions.functions}) as seen:
            said = _locust(stack.url, admin, seconds, clients)
        keys = said.pop("keys")
        rows = load_rows.compare(table, stack.table, keys)
    return {**said, **rows, "keys": len(keys), "memory": memory.growth(seen)}


def flask(seconds: float, clients: int = CLIENTS) -> Results:
    """Put the Flask service under the same load, of the verbs it has."""
    with _flask() as (url, admin):
        said = _locust(url, admin, seconds, clients, "--tags", "both")
    return {**said, "keys": len(said["keys"])}


def _start(url: str, admin: str, processes: int) -> None:
    """Have every process started: what that costs is measured elsewhere.

    Raises:
        SystemExit: they do not start.
    """
    requests: tuple[tuple[str, str, object], ...] = (
        ("POST", "", FIRST_ADMIN),
        ("POST", "/verify", {"key": admin}),
        ("POST", f"/{_NOBODY}/rotate", {}),
        ("DELETE", f"/{_NOBODY}", None),
        ("GET", "", None),
    )
    with (
        ThreadPoolExecutor(processes) as threads,
        httpx.Client(headers={"X-API-Key": admin}, timeout=120) as client,
    ):
        for method, path, body in requests:
            send = partial(client.request, method, f"{url}/api/apikey{path}", json=body)
            for _ in range(_TRIES):
                asked = [threads.submit(send) for _ in range(processes)]
                statuses = [each.result().status_code for each in asked]
                if max(statuses) < HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
            else:
                raise SystemExit(f"{method} {path} does not start")


def _locust(url: str, admin: str, seconds: float, clients: int, *options: str) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = (
            *(str(places.python("load")), "-m", "locust", "--locustfile", str(_CLIENT)),
            *("--host", url),
            *("--headless", "--only-summary", "--users", str(clients), "--spawn-rate", "100"),
            # Whoever has asked by then gets to hear the answer: what comes of it is known.
            *("--run-time", f"{seconds:.0f}s", "--stop-timeout", "60", *options),
        )
        env = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LOAD_ADMIN_KEY": admin,
            "LOAD_REPORT": str(report),
            "NO_PROXY": "127.0.0.1",
        }
        done = subprocess.run(  # noqa: S603 - the bench's own words
            command,
            env=env,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + 180,
            check=False,
        )
        if not report.exists():
            raise SystemExit(
                f"locust ended with {done.returncode}:\n{done.stdout[-2000:].decode()}"
            )
        said: Results = json.loads(report.read_text(encoding="utf-8"))
        return said


@contextmanager
def _flask() -> Iterator[tuple[str, str]]:
    memory_folder = Path("/dev/shm")  # noqa: S108 - only the place; the name is made by tempfile
    place = memory_folder if memory_folder.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder, group() as processes:
        said = Path(folder, "said")
        with said.open("wb") as file:
            script = str(places.CONTENDERS / "flask_service.py")
            command = (places.python("flask"), script, f"sqlite:///{folder}/keys.db")
            env = {"PATH": os.environ["PATH"]}
            process = processes.start(command, env, Path(folder), file)
        deadline = time.monotonic() + 30
        while not said.read_text().endswith("\n"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the Flask service did not start: {said.read_text()[-500:]}")
            time.sleep(0.05)
        port, admin = said.read_text().split()
        yield f"http://127.0.0.1:{port}", admin


def failures(results: Results) -> list[str]:
    """Return what must not be: wrong answers, errors, rows that differ, memory that grows."""
    found = [f"wrong: {each}" for each in results["wrong"]]
    found += [
        f"{verb}: {said['failed']} of {said['requests']} failed"
        for verb, said in results["verbs"].items()
        if said["failed"]
    ]
    found += results.get("rows_that_differ", [])
    found += [
        f"{function} grew by {said['grown_mb']} MB in {said['seconds']} s"
        for function, said in results.get("memory", {}).items()
        if said["grown_mb"] > memory.MOST_MB
    ]
    return found


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    say: Callable[[str], None] = print
    say(f"Keyturn in Lambda's runtime: {options.seconds:.0f} s")
    measured = ours(options.seconds)
    say("the Flask service: a fifth of that")
    beside = flask(max(10, options.seconds / 5))
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "clients": CLIENTS,
        "seconds": options.seconds,
    }
    results = {**about, "keyturn": measured, "flask": beside}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, load(results), "load")
    say(load(results))
    for each in (wrong := failures(measured) + failures(beside)):
        say(each)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
