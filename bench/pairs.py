"""Ratios of neighbouring measurements, and how far to trust them.

The speed of a shared machine drifts by more than what is measured here. So a case is never compared
with a number from another minute, only with the base before it and the base after it.
"""

from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import TypedDict

QUIET = (0.95, 1.05)

Measure = Callable[[], float]
"""Measures once and returns seconds per call."""


class Ratio(TypedDict):
    """The middle of all rounds, and the middle half of them."""

    median: float
    low: float
    high: float
    rounds: int


class Sandwich:
    """Measures base, case, base, case, ..., base; each case is paired with both its neighbours."""

    def __init__(self) -> None:
        """Start without a round."""
        self.ratios: dict[str, list[float]] = {}
        self.seconds: dict[str, list[float]] = {}

    def round(self, base: Measure, cases: Mapping[str, Measure], turn: int) -> None:
        """Measure every case once; `turn` rotates their order: none has a fixed neighbour."""
        names = [*cases]
        turn %= len(names)
        before = base()
        for name in names[turn:] + names[:turn]:
            case = cases[name]()
            after = base()
            self.ratios.setdefault(name, []).append(case / ((before + after) / 2))
            self.seconds.setdefault(name, []).append(case)
            self.seconds.setdefault("base", []).append(after)
            before = after

    def ratio(self, name: str, over: str = "") -> Ratio:
        """Return `name` over the base; or over another case, round by round."""
        ratios = self.ratios[name]
        if over:
            ratios = [a / b for a, b in zip(ratios, self.ratios[over], strict=True)]
        return spread(ratios)

    def per_call(self, name: str) -> float:
        """Return the middle of a case's (or `base`'s) seconds per call: for scale only."""
        return median(self.seconds[name])


def spread(ratios: list[float]) -> Ratio:
    """Return the median and the quartiles."""
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {
        "median": round(median(ratios), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "rounds": len(ratios),
    }


def quiet(control: Ratio) -> bool:
    """Tell whether a case against itself came out as itself."""
    return QUIET[0] <= control["median"] <= QUIET[1]
