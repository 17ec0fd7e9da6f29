"""`python -m bench` measures everything but growth; `python -m bench growth` measures that.

Either prints a table, replaces its own part of `bench/results.json` and draws the charts in
`docs/charts/`. Exits with 1 where a case against itself did not come out as itself: too noisy.
"""

import argparse
import sys
import time

from bench import report
from bench.workers import bench

_BENCH, _GROWTH = "bench", "growth"


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=(_BENCH, _GROWTH, "charts"), default=_BENCH)
    parser.add_argument("--rounds", type=int, default=0, help="fewer than 15 are for a try only")
    options = parser.parse_args()
    if sys.platform != "linux":
        print("The bench pins processes to cores and asks epoll and /proc: it needs Linux.")
        return 2
    results = report.kept()
    if options.part != "charts":
        begun = time.monotonic()
        with bench() as running:
            measure = report.growth if options.part == _GROWTH else report.everything
            results[options.part] = measure(running, options.rounds, _say)
        results[options.part]["took_seconds"] = round(time.monotonic() - begun)
    report.write(results)
    print(f"\n{report.table(results)}")
    noisy = results.get(options.part, {}).get("too_noisy", [])
    for control in noisy:
        print(f"too noisy: {control} against itself is outside 0.95 to 1.05; run it again, alone")
    return 1 if noisy else 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
