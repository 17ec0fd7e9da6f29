"""Memory of the runtimes over time: what each holds in RAM, once a second, and whether it grows."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

MOST_MB = 2.0
"""What a process may grow by while it is watched, which is what the allocator does by itself."""
_WARM_UP = 1 / 3  # of the time: modules are imported, buffers find their size
_FEW = 5  # looks: a process that has only just begun
_PAGE = 4096

Seen = dict[int, tuple[str, list[tuple[float, float]]]]
"""By process: the function's name, and (seconds since the start, MB)."""


@contextmanager
def watched(
    runtimes: Callable[[], Mapping[str, Sequence[int]]], every: float = 1
) -> Iterator[Seen]:
    """Look at the processes for the length of the block; what was seen is complete afterwards."""
    seen: Seen = {}
    ending = threading.Event()

    def look() -> None:
        moment = 0.0
        while not ending.wait(every):
            moment += every
            for name, pids in runtimes().items():
                for pid in pids:
                    if (held := _resident(pid)) is not None:
                        seen.setdefault(pid, (name, []))[1].append((moment, held))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ending.set()
        thread.join()


def growth(seen: Seen) -> dict[str, Any]:
    """Return, by function, what a process holds at the end, and grew by after the warm-up.

    The latter is the slope of a line through all looks, over their time: the median process's.
    """
    slopes: dict[str, list[float]] = {}
    held: dict[str, list[float]] = {}
    over: dict[str, float] = {}
    for name, looks in seen.values():
        late = looks[int(len(looks) * _WARM_UP) :]
        if len(late) < _FEW:
            continue
        moments, sizes = zip(*late, strict=True)
        slopes.setdefault(name, []).append(linear_regression(moments, sizes).slope)
        held.setdefault(name, []).append(sizes[-1])
        over[name] = max(over.get(name, 0), moments[-1] - moments[0])
    return {
        name.rpartition("-")[2]: {
            "processes": len(held[name]),
            "mb": round(median(held[name]), 1),
            "seconds": round(over[name]),
            "grown_mb": round(median(slopes[name]) * over[name], 2),
        }
        for name in sorted(held)
    }


def _resident(pid: int) -> float | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    except (OSError, IndexError, ValueError):  # it has ended
        return None
