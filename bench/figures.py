"""The figures that verification is held to, and the table of them.

What is below one is a share of the bare SDK's read; what is above one is a multiple of ours.
"""

from dataclasses import dataclass
from typing import Any

from bench.pairs import Ratio, Sandwich


@dataclass(frozen=True)
class Figure:
    """A ratio, the bar it must pass and the goal it should."""

    what: str
    ratio: Ratio
    bar: float
    goal: float

    def passes(self, limit: float) -> bool:
        """Tell whether the measured median is on the right side of `limit`."""
        measured = self.ratio["median"]
        return measured >= limit if self.more_is_better else measured <= limit

    @property
    def more_is_better(self) -> bool:
        """A goal lies on the better side of its bar."""
        return self.goal > self.bar

    def as_result(self) -> dict[str, Any]:
        """Return the figure for `results.json`."""
        return {
            "what": self.what,
            "measured": self.ratio["median"],
            "middle_half": [self.ratio["low"], self.ratio["high"]],
            "rounds": self.ratio["rounds"],
            "better": "more" if self.more_is_better else "less",
            "bar": self.bar,
            "bar_met": self.passes(self.bar),
            "goal": self.goal,
            "goal_met": self.passes(self.goal),
        }


def of(warmed: Sandwich, started: Sandwich) -> list[Figure]:
    """Return the figures of verification, from its warm and its cold measurements."""
    return [
        Figure("authorizer warm / get_item", warmed.ratio("ours"), 0.55, 0.29),
        Figure("authorizer cold / client and get_item", started.ratio("ours"), 0.55, 0.35),
        Figure("tutorial / ours, warm", warmed.ratio("tutorial", "ours"), 2.5, 4),
        Figure("tutorial / ours, cold", started.ratio("tutorial", "ours"), 4, 6),
        Figure("own logic without the read / get_item", warmed.ratio("own_logic"), 0.05, 0.02),
        Figure("refused, wrong check / get_item", warmed.ratio("refused_check"), 0.05, 0.02),
        Figure("refused, no key / get_item", warmed.ratio("refused_form"), 0.05, 0.02),
        Figure("Flask, test client / ours", warmed.ratio("flask", "ours"), 1.2, 2.2),
        Figure("Flask, bare WSGI call / ours", warmed.ratio("flask_wsgi", "ours"), 1.2, 2.2),
        Figure("djangorestframework-api-key / ours", warmed.ratio("drf", "ours"), 0.5, 1.05),
    ]


def table(figures: list[dict[str, Any]]) -> str:
    """Return the figures as aligned text."""
    head = ("figure", "measured", "middle half", "bar", "met", "goal", "met")
    rows = [head]
    for figure in figures:
        sign = ">=" if figure["better"] == "more" else "<="
        low, high = figure["middle_half"]
        rows.append(
            (
                figure["what"],
                f"{figure['measured']:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{sign} {figure['bar']:g}",
                "yes" if figure["bar_met"] else "NO",
                f"{figure['goal']:g}",
                "yes" if figure["goal_met"] else "no",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
