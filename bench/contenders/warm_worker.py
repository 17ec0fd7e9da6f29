"""Run a contender's cases on demand: `python warm_worker.py MODULE`.

First prints the cases. Then reads lines: `run CASE TIMES` answers CPU seconds (user and system, all
threads) and seconds passed, `count CASE TIMES` how many HTTP requests it sent, `rss` its memory in
MB. What a contender itself prints goes where its log goes, one write per line, as in Lambda.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def rss() -> float:
    """Return this process's resident memory in MB."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - pathlib is not every contender's
        return round(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def requests(case: Callable[[int], None], times: int) -> int:
    """Return how many requests a case sends. Ask it last: its hook stays, and costs time."""
    sent = []

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "http.client.send" and arguments[1][:5] == b"POST ":
            sent.append(name)

    sys.addaudithook(hook)
    case(times)
    return len(sent)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout.reconfigure(line_buffering=True)
    cases = importlib.import_module(sys.argv[1]).CASES
    print(*cases, file=answers)
    for line in sys.stdin:
        match line.split():
            case ["rss"]:
                print(rss(), file=answers)
            case ["count", name, times]:
                print(requests(cases[name], int(times)), file=answers)
            case ["run", name, times]:
                begun, cpu = time.perf_counter(), time.process_time()
                cases[name](int(times))
                print(time.process_time() - cpu, time.perf_counter() - begun, file=answers)
