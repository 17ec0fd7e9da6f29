"""What decisions add up to, as the log delivers them: when a key was used, and how often.

Only a decision with an `id` counts for a key: the secret presented was that key's. So nobody can
cause a write for a key they do not hold. Knows nothing of AWS but the form of what CloudWatch Logs
delivers; times are epoch seconds, days are counted from the epoch (UTC).
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keyturn import keytext
from keyturn.keys import DAY, Outcome, moment

COUNTED = frozenset({Outcome.VALID, Outcome.REVOKED, Outcome.EXPIRED, Outcome.INSUFFICIENT_ROLE})
"""What can be found of a presented secret once it is the key's."""

_HIGHEST_GENERATION = 2**31
_EARLY_SECONDS = 7200  # CloudWatch Logs takes nothing from further in the future


@dataclass(frozen=True, slots=True)
class LastUse:
    """When strings of a key were last presented, whatever was decided: generation to time.

    Of each key the last two generations that were seen are known.
    """

    seen: Mapping[int, int] = field(default_factory=dict)

    @property
    def at(self) -> int | None:
        """When any string was."""
        return max(self.seen.values(), default=None)

    @property
    def generation(self) -> int | None:
        """Which one that was; of two in the same second, the newer one."""
        return max(self.seen, key=lambda it: (self.seen[it], it), default=None)


NEVER = LastUse()


@dataclass(frozen=True, slots=True)
class Day:
    """How often each outcome was found on a day."""

    day: int
    counts: Counter[Outcome]

    @property
    def name(self) -> str:
        """The day as people are given it: `2027-01-15`."""
        return moment(self.day * DAY).partition("T")[0]


@dataclass(frozen=True, slots=True)
class Use:
    """What a batch says of one key: when each generation was last seen, how often on which day."""

    seen: dict[int, int] = field(default_factory=dict)
    days: defaultdict[int, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))


@dataclass(frozen=True, slots=True)
class Tally:
    """What a batch says: by key's id, and how many of its lines cannot be read.

    `batch` is the same for the same batch, however often it is delivered.
    """

    batch: str
    uses: dict[str, Use]
    unreadable: int


def of(logs: Mapping[str, Any], now: int) -> Tally:
    """Add up a batch of a log stream's lines; one that cannot be read stops none of the rest.

    `logs`: what CloudWatch Logs delivers, decoded: `logGroup`, `logStream`, and `logEvents`, each
    with `id`, `timestamp` (epoch milliseconds) and `message`.
    """
    uses: defaultdict[str, Use] = defaultdict(Use)
    unreadable = 0
    ids = []
    for event in logs["logEvents"]:
        try:
            ids.append(event["id"])
            _add(event, uses, now)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            unreadable += 1
    named = json.dumps([logs["logGroup"], logs["logStream"], ids])
    return Tally(hashlib.sha256(named.encode()).hexdigest()[:16], dict(uses), unreadable)


def _add(event: Mapping[str, Any], uses: defaultdict[str, Use], now: int) -> None:
    line = json.loads(event["message"])
    if line["message"] != "decision" or "id" not in line:
        return
    id, generation, at = line["id"], line["generation"], event["timestamp"] // 1000
    outcome = Outcome(line["reason"])
    if (
        not keytext.is_id(id)
        or outcome not in COUNTED
        or not 0 < generation < _HIGHEST_GENERATION
        or not 0 < at < now + _EARLY_SECONDS
        or type(generation) is not int
        or type(at) is not int
    ):
        raise ValueError
    use = uses[id]
    use.seen[generation] = max(at, use.seen.get(generation, 0))
    use.days[at // DAY][outcome] += 1
