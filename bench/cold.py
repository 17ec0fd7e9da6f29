"""CPU from a process's start through its first decision with its one read."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench import places
from bench.pairs import Measure, Sandwich
from bench.workers import MEASURED, Bench, line, started

# `python` starts and imports nothing: what no contender can save.
_CASES = {"control": "sdk", "ours": "ours", "tutorial": "tutorial_case", "python": ""}


def measure(
    bench: Bench, rounds: int, say: Callable[[str], None]
) -> tuple[Sandwich, dict[str, Any]]:
    """Measure fresh processes against the SDK's client with its first GetItem."""
    say(f"cold: {rounds} rounds")
    modules = {name: _start(bench, module)[1] for name, module in {"sdk": "sdk", **_CASES}.items()}
    return _compare(bench, _CASES, rounds), {"modules": modules}


def without_bytecode(bench: Bench, rounds: int, say: Callable[[str], None]) -> Sandwich:
    """Measure the same where nothing deployed is compiled, as `sam build` alone leaves it."""
    say(f"cold, without bytecode: {rounds} rounds")
    bare = bench.folder / "bundle"
    shutil.copytree(bench.bundle, bare, ignore=shutil.ignore_patterns("__pycache__"))
    env = {**bench.env, "PYTHONDONTWRITEBYTECODE": "1"}
    cases = {"ours": "ours", "tutorial": "tutorial_case"}
    return _compare(replace(bench, bundle=bare, env=env), cases, rounds)


def _compare(bench: Bench, cases: dict[str, str], rounds: int) -> Sandwich:
    def measured(module: str) -> Measure:
        return lambda: _start(bench, module)[0]

    sandwich = Sandwich()
    for turn in range(rounds):
        sandwich.round(
            measured("sdk"), {name: measured(module) for name, module in cases.items()}, turn
        )
    return sandwich


def _start(bench: Bench, module: str) -> tuple[float, int]:
    """Return CPU seconds and imported modules."""
    command, env = bench.contender(module or "sdk")
    script = str(places.CONTENDERS / "cold_worker.py")
    arguments = [module] if module else []
    with started([*command, script, *arguments], env, MEASURED) as process:
        seconds, modules = line(process).split()
        process.wait()
    return float(seconds), int(modules)
