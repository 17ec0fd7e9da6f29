"""Init and invocation under Lambda's own runtime and its Runtime Interface Emulator.

What a process pays once (start, imports, the handler's module, the first decision) and then per
invocation, with the loop, JSON and log of `awslambdaric` in it. The emulator's own work is not in
the CPU figures, but is part of the wall-clock ones. It limits neither memory nor CPU.
"""

import json
import platform
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import DEVNULL
from typing import Any

from bench import places
from bench.contenders import lambda_event
from bench.pairs import spread
from bench.workers import MEASURED, Bench, started

_INVOCATIONS = 200
_HANDLERS = {"ours": "authorize.handler", "tutorial": "tutorial.handler"}
_PATIENCE = 20.0


def measure(bench: Bench, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure ours and the tutorial's in turns; or tell in `skipped` why that cannot be."""
    if platform.machine() != "x86_64":
        return {"skipped": f"the emulator used here is for x86_64, this is {platform.machine()}"}
    say(f"runtime: {rounds} rounds")
    event = json.dumps(lambda_event.event(bench.env["BENCH_KEY"])).encode()
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in _HANDLERS}
    for _ in range(rounds):
        for name, handler in _HANDLERS.items():
            seen[name].append(_life(bench, handler, event))
    result: dict[str, Any] = {
        name: {what: median(life[what] for life in lives) for what in lives[0]}
        for name, lives in seen.items()
    }
    result["tutorial_over_ours"] = {
        what: spread(
            [t[what] / o[what] for t, o in zip(seen["tutorial"], seen["ours"], strict=True)]
        )
        for what in seen["ours"][0]
    }
    return result


def _life(bench: Bench, handler: str, event: bytes) -> dict[str, float]:
    """Return a process's times: its first invocation, which includes its start, and later ones."""
    with _emulated(bench, handler) as (emulator, url):
        begun = time.perf_counter()
        answer = _invoke(url, event)
        first = time.perf_counter() - begun
        if b'"Allow"' not in answer:
            raise SystemExit(f"{handler} under the emulator answered {answer!r}")
        runtime = _child(emulator)
        init = _cpu(runtime)
        for _ in range(_INVOCATIONS // 4):
            _invoke(url, event)
        before, walls = _cpu(runtime), []
        for _ in range(_INVOCATIONS):
            begun = time.perf_counter()
            _invoke(url, event)
            walls.append(time.perf_counter() - begun)
        return {
            "first_ms": first * 1e3,
            "first_cpu_ms": init * 1e3,
            "next_ms": median(walls) * 1e3,
            "next_cpu_ms": (_cpu(runtime) - before) / _INVOCATIONS * 1e3,
        }


@contextmanager
def _emulated(bench: Bench, handler: str) -> Iterator[tuple[int, str]]:
    interpreter, env = bench.contender("ours")
    invoke, api = _free_port(), _free_port()
    command = [
        *(str(places.emulator()), "--log-level", "error"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{invoke}"),
        *("--runtime-api-address", f"127.0.0.1:{api}"),
        *(*interpreter, "-m", "awslambdaric", handler),
    ]
    env = {
        **env,
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "8",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    }
    with started(command, env, MEASURED, cwd=bench.bundle, stdout=DEVNULL) as process:
        _await(invoke)
        yield process.pid, f"http://127.0.0.1:{invoke}/2015-03-31/functions/function/invocations"


def _invoke(url: str, event: bytes) -> bytes:
    with urllib.request.urlopen(url, event, timeout=_PATIENCE) as answer:  # noqa: S310 - the emulator's
        return bytes(answer.read())


def _await(port: int) -> None:
    """Wait until the emulator listens."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise SystemExit("the emulator did not start") from None
            time.sleep(0.01)
        else:
            return


def _child(process: int) -> int:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return int("".join(task.read_text() for task in tasks).split()[0])


def _cpu(process: int) -> float:
    """Return the CPU seconds of a process's main thread, which is all that a handler runs in."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
