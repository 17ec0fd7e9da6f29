"""Creates and renewals per second over HTTP: the local stack beside the Flask service.

Both on core 0 in turns, asked from core 1 over connections that stay open. Unequal work, and not in
our favour: the local stack emulates API Gateway, DynamoDB and KMS in Python, runs the
authorizer before every request and seals every key; the Flask service writes one SQLite row, in
a file that never waits for a disk where the machine has a file system in memory.
"""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from subprocess import DEVNULL
from typing import Any
from urllib.parse import urlsplit

from bench import places
from bench.pairs import Sandwich
from bench.workers import MEASURED, Bench, line, started

_CONNECTIONS = 4
# In a block: each takes some tenths of a second.
_FLASK, _OURS = 200, 20


class Load:
    """Asks one service to create and to renew keys."""

    def __init__(self, url: str, key: str, requests: int) -> None:
        """Open the connections."""
        host = urlsplit(url).netloc
        self._requests = requests
        self._path = f"{urlsplit(url).path.rstrip('/')}/api/apikey"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connections = [http.client.HTTPConnection(host) for _ in range(_CONNECTIONS)]
        self._pool = ThreadPoolExecutor(_CONNECTIONS)
        self._next = count()
        self._made: list[str] = []

    def create(self) -> float:
        """Create keys; return seconds per request."""
        self._made = [f"bench-{next(self._next)}" for _ in range(self._requests)]
        return self._block(201)

    def renew(self) -> float:
        """Renew the keys made last; return seconds per request."""
        return self._block(200)

    def _block(self, expected: int) -> float:
        shares = [self._made[first::_CONNECTIONS] for first in range(_CONNECTIONS)]
        begun = time.perf_counter()
        statuses = [*self._pool.map(self._share, self._connections, shares)]
        seconds = time.perf_counter() - begun
        if {status for share in statuses for status in share} != {expected}:
            raise SystemExit(f"expected {expected} from {self._path}, got {statuses}")
        return seconds / len(self._made)

    def _share(self, connection: http.client.HTTPConnection, aliases: list[str]) -> list[int]:
        statuses = []
        for alias in aliases:
            body = json.dumps({"alias": alias, "name": "Bench", "roles": ["user"], "ttl_days": 15})
            connection.request("POST", self._path, body, self._headers)
            with connection.getresponse() as response:
                response.read()
                statuses.append(response.status)
        return statuses


def measure(bench: Bench, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure both verbs; the Flask service is the base, and a second one of it the control."""
    say(f"create and renew over HTTP: {rounds} rounds")
    with ExitStack() as stack:
        base, control = (_flask(bench, stack, name) for name in ("base", "control"))
        ours = _stack(stack)
        result: dict[str, Any] = {}
        for verb in ("create", "renew"):
            sandwich = Sandwich()
            loads = {"base": base, "control": control, "ours": ours}
            asks = {name: getattr(load, verb) for name, load in loads.items()}
            for ask in asks.values():
                ask()
            asked = asks.pop("base")
            for turn in range(rounds):
                sandwich.round(asked, asks, turn)
            result[verb] = {
                "control": sandwich.ratio("control"),
                "ours_over_flask_seconds": sandwich.ratio("ours"),
                "flask_per_second": round(1 / sandwich.per_call("base"), 1),
                "ours_per_second": round(1 / sandwich.per_call("ours"), 1),
            }
    return result


def _flask(bench: Bench, stack: ExitStack, name: str) -> Load:
    interpreter, env = bench.contender("flask_case")
    script = str(places.CONTENDERS / "flask_service.py")
    database = f"sqlite:///{bench.folder}/{name}.db"
    process = stack.enter_context(started([*interpreter, script, database], env, MEASURED))
    port, key = line(process).split()
    return Load(f"http://127.0.0.1:{port}", key, _FLASK)


def _stack(stack: ExitStack) -> Load:
    command = [sys.executable, "-m", "infra.local", "--port", "0", "--log", os.devnull]
    env = {"PATH": os.environ.get("PATH", "")}
    process = stack.enter_context(started(command, env, MEASURED, cwd=places.ROOT, stderr=DEVNULL))
    while not (said := line(process)).startswith("ready "):
        continue
    ready = json.loads(said.removeprefix("ready "))
    return Load(ready["url"], ready["admin_key"], _OURS)
