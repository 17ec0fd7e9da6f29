"""CPU per verification in a process that has verified before."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench import places
from bench.pairs import Measure, Sandwich
from bench.workers import MEASURED, Bench, line, started

# One block of calls takes about this much CPU: long against the clock, short against the drift.
_BLOCK = 0.05
_GENERATIONS = 3
_CONTENDERS = (
    *("ours", "issue_case", "tutorial_case", "flask_case", "drf_case", "keyshield_case"),
)


class Worker:
    """A contender's process."""

    def __init__(self, bench: Bench, module: str, stack: ExitStack) -> None:
        """Start it; `stack` ends it."""
        command, env = bench.contender(module)
        script = str(places.CONTENDERS / "warm_worker.py")
        self._process = stack.enter_context(started([*command, script, module], env, MEASURED))
        self.cases = line(self._process).split()
        self._times: dict[str, int] = {}

    def ask(self, question: str) -> list[float]:
        """Return what the process answers; see `contenders/warm_worker.py`."""
        if self._process.stdin is None:
            raise ValueError("no pipe")
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        return [float(word) for word in line(self._process).split()]

    def cpu(self, name: str, times: int) -> float:
        """Return the CPU seconds per call of `times` calls of a case."""
        return self.ask(f"run {name} {times}")[0] / times

    def warm_up(self, name: str) -> None:
        """Let a case run until it is as fast as it gets, and choose how many calls make a block."""
        self._times[name] = 1
        for _ in range(3):
            self._times[name] = max(1, int(_BLOCK / self.cpu(name, self._times[name])))

    def measure(self, name: str) -> Measure:
        """Return what measures one block of a case, per call."""
        times = self._times[name]
        return lambda: self.cpu(name, times)


def measure(
    bench: Bench, rounds: int, say: Callable[[str], None]
) -> tuple[Sandwich, dict[str, Any]]:
    """Measure every contender against the SDK's GetItem; also memory, and reads per call.

    New processes now and then: where a process's memory happens to lie makes it faster or slower by
    some per cent, for as long as it lives.
    """
    sandwich = Sandwich()
    facts: dict[str, Any] = {}
    for generation in range(_GENERATIONS):
        share = len(range(generation, rounds, _GENERATIONS))
        if not share:
            continue
        say(f"warm: {share} rounds in new processes")
        with ExitStack() as stack:
            base, control = (Worker(bench, "sdk", stack) for _ in range(2))
            others = {name: Worker(bench, name, stack) for name in _CONTENDERS}
            for worker in (base, control, *others.values()):
                for name in worker.cases:
                    worker.warm_up(name)
            cases = {"control": control.measure("sdk")}
            for worker in others.values():
                cases |= {name: worker.measure(name) for name in worker.cases}
            facts = {
                "memory_mb": {
                    "sdk": base.ask("rss")[0],
                    **{name: worker.ask("rss")[0] for name, worker in others.items()},
                },
                "reads": {
                    name: _reads(bench, others["ours"], name) for name in others["ours"].cases
                },
            }
            for turn in range(share):
                sandwich.round(base.measure("sdk"), cases, turn + generation)
    return sandwich, facts


def _reads(bench: Bench, worker: Worker, name: str) -> float:
    """Return how many requests to DynamoDB one call makes."""
    times = 100
    before = bench.reads()
    worker.cpu(name, times)
    return (bench.reads() - before) / times
