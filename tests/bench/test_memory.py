"""Whether memory grows: the slope after the warm-up, and not the warm-up itself."""

import subprocess
import sys

import pytest

from bench import load, memory

GROWS = """
import sys, time
held = []
print(flush=True)
for _ in range(100):
    held.append(bytearray(1_000_000))
    time.sleep(0.02)
"""


def seen(*sizes: float) -> memory.Seen:
    return {1: ("stack-Function", [(float(n), size) for n, size in enumerate(sizes)])}


def test_what_grows_after_the_warm_up_is_found() -> None:
    grown = memory.growth(seen(*range(60)))["Function"]
    assert (grown["grown_mb"], grown["mb"]) == (39, 59)
    results = {"wrong": [], "verbs": {}, "memory": {"Function": grown}}
    assert load.failures(results) == ["Function grew by 39.0 MB in 39 s"]


def test_what_only_warms_up_does_not_grow() -> None:
    grown = memory.growth(seen(*range(20), *[20.0] * 40))["Function"]
    assert grown["grown_mb"] == 0
    assert load.failures({"wrong": [], "verbs": {}, "memory": {"Function": grown}}) == []


def test_a_process_that_has_only_begun_is_not_judged() -> None:
    assert memory.growth(seen(1, 2, 3)) == {}


@pytest.mark.prove
def test_a_real_process_that_grows_is_seen_to() -> None:
    with subprocess.Popen([sys.executable, "-c", GROWS], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with memory.watched(lambda: {"stack-Function": [process.pid]}, every=0.05) as looks:
            process.wait()
    assert memory.growth(looks)["Function"]["grown_mb"] > memory.MOST_MB
