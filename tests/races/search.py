"""Is there an order of the calls, one after the other, that explains what every caller was told?

The search of Wing and Gong (Testing and Verifying Concurrent Objects, 1993), with Lowe's memory of
what was tried. A call may be next if none of those left ended before it began. One whose outcome
nobody knows has no end: it may be next at any time, and need never be.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Call(Generic[S]):
    """A call; `began` and `ended` on one monotonic clock, `math.inf` where its outcome is unknown.

    told   what it was, and what was answered: for whoever reads that there is no order
    next   the state after it, by the state before; nothing where that does not fit the answer
    reads  whether it leaves every state as it was
    after  the place in the history of a call that this one is a part of, and comes after
    """

    told: str
    began: float
    ended: float
    next: Callable[[S], Sequence[S]]
    reads: bool
    after: int | None = None


class HistoryError(AssertionError):
    """No order of the calls explains their answers."""


def explain(calls: Sequence[Call[S]], first: S) -> None:
    """Find an order that begins in the state `first`.

    Raises:
        HistoryError: there is none; the text tells the calls that no order came further than.
    """
    tried: set[tuple[int, S]] = set()
    furthest = everything = (1 << len(calls)) - 1

    def found(left: int, state: S) -> bool:
        nonlocal furthest
        ready = _ready(calls, left)
        while (read := _read(calls, ready, state)) is not None:
            left &= ~(1 << read)
            ready = _ready(calls, left)
        if left.bit_count() < furthest.bit_count():
            furthest = left
        if all(calls[place].ended == math.inf for place in _places(left)):
            return True
        if (left, state) in tried:
            return False
        tried.add((left, state))
        return any(
            found(left & ~(1 << place), after)
            for place in ready
            for after in calls[place].next(state)
        )

    if not found(everything, first):
        left = {place: calls[place] for place in _places(furthest)}
        lines = [
            f"{'!' if place in left else ' '} {call.told} [{call.began:.6f}, {call.ended:.6f}]"
            for place, call in sorted(enumerate(calls), key=lambda each: each[1].began)
        ]
        raise HistoryError("\n".join(["no order, at best without those marked:", *lines]))


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


def _places(left: int) -> list[int]:
    return [place for place in range(left.bit_length()) if left >> place & 1]
