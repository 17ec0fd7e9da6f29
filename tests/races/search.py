"""Is there an order of the calls, one after the other, that explains what every caller was told?

The search of Wing and Gong (Testing and Verifying Concurrent Objects, 1993), with Lowe's memory of
what was tried. A call may be next if none of those left ended before it began. One whose outcome
nobody knows has no end: it may be next at any time, and need never be.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Call(Generic[S]):
    """A call; `began` and `ended` on one monotonic clock, `math.inf` where its outcome is unknown.

    told   what it was, and what was answered: for whoever reads that there is no order
    next   the state after it, by the state before; nothing where that does not fit the answer
    reads  whether it leaves every state as it was
    kind   the same for those that do the same and were answered the same: of two that may be next,
           the one that ended first may as well be
    after  the place in the history of a call that this one is a part of, and comes after
    """

    told: str
    began: float
    ended: float
    next: Callable[[S], Sequence[S]]
    reads: bool = False
    kind: Hashable = None
    after: int | None = None


class HistoryError(AssertionError):
    """No order of the calls explains their answers."""


def explain(calls: Sequence[Call[S]], first: S) -> None:
    """Find an order that begins in the state `first`.

    Raises:
        HistoryError: there is none; the text tells the calls that no order came further than.
    """
    furthest = everything = (1 << len(calls)) - 1
    unknown = sum(1 << place for place, call in enumerate(calls) if call.ended == math.inf)
    tried: dict[tuple[int, S], list[int]] = {}
    # First what takes the fewest of the unknown ones for done, and of that what has come furthest.
    number = count()
    to_try = [(0, 0, next(number), everything, first)]
    while to_try:
        *_, left, state = heappop(to_try)
        ready = _ready(calls, left)
        while (read := _read(calls, ready, state)) is not None:
            left &= ~(1 << read)
            ready = _ready(calls, left)
        if not left & ~unknown:
            return
        furthest = min(furthest, left, key=int.bit_count)
        # What was tried with more of the unknown ones at hand need not be tried with fewer.
        before = tried.setdefault((left & ~unknown, state), [])
        if any(left & unknown & ~more == 0 for more in before):
            continue
        before.append(left & unknown)
        for place in _unlike(calls, ready):
            rest = left & ~(1 << place)
            done = (unknown & ~rest).bit_count()
            for after in calls[place].next(state):
                heappush(to_try, (done, rest.bit_count(), next(number), rest, after))
    raise HistoryError(
        "\n".join(["no order, at best without those marked:", *_lines(calls, furthest)])
    )


def _lines(calls: Sequence[Call[S]], left: int) -> list[str]:
    return [
        f"{'!' if left >> place & 1 else ' '} {call.told} [{call.began:.6f}, {call.ended:.6f}]"
        for place, call in sorted(enumerate(calls), key=lambda each: each[1].began)
    ]


def _ready(calls: Sequence[Call[S]], left: int) -> list[int]:
    """Return the places of those that may be next, those that ended first before the others."""
    places = _places(left)
    end = min((calls[place].ended for place in places), default=math.inf)
    ready = [
        place
        for place in places
        if calls[place].began <= end
        and not ((after := calls[place].after) is not None and left >> after & 1)
    ]
    return sorted(ready, key=lambda place: calls[place].ended)


def _read(calls: Sequence[Call[S]], ready: list[int], state: S) -> int | None:
    """Return one that reads, and fits: if there is an order, there is one in which it is next."""
    for place in ready:
        if calls[place].reads and calls[place].next(state):
            return place
    return None


def _unlike(calls: Sequence[Call[S]], ready: list[int]) -> list[int]:
    """Return the first of each kind."""
    first: dict[Hashable, int] = {}
    for place in ready:
        kind = calls[place].kind
        first.setdefault(place if kind is None else kind, place)
    return [*first.values()]


def _places(left: int) -> list[int]:
    return [place for place in range(left.bit_length()) if left >> place & 1]
