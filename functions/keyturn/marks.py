"""By which writes an item was changed last: so a write that comes again is known without a read.

Each leaves a mark, and the last `LAST` of them stand in the attributes `<name>_0`, `<name>_1`, ...
They move up by one with every write, which DynamoDB reckons from the item as it was: so two at once
lose none, and an item does not grow.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

LAST = 16


def unknown(name: str) -> str:
    """Return the condition that `:<name>` is none of the last ones."""
    return f"NOT :{name} IN ({', '.join(_places(name))})"


def remember(name: str) -> list[str]:
    """Return what to set, so that `:<name>` is the last one."""
    places = _places(name)
    moves = [f"{to} = if_not_exists({of}, :{name})" for of, to in pairwise(places)]
    # From the last place down: each takes what the one below it still holds.
    return [*moves[::-1], f"{places[0]} = :{name}"]


def knows(item: Mapping[str, Any], name: str, mark: str) -> bool:
    """Tell whether a mark is one of an item's last."""
    return {"S": mark} in [item.get(place) for place in _places(name)]


def _places(name: str) -> list[str]:
    return [f"{name}_{place}" for place in range(LAST)]
