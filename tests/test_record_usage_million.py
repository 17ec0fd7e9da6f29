"""A million decisions, out of order and some of them twice: counted exactly, and by few writes."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import record_usage
from keyturn.keys import DAY, Outcome
from keyturn.usage import Usage
from tests.support import NOW, Context
from tests.support_aws import Aws
from tests.support_usage import Line, delivered, id_of, line, logs, table_on

DECISIONS = 1_000_000
LINES = 5_000  # in a batch
BATCHES = DECISIONS // LINES
HOT = id_of("hot")
OTHERS = [id_of(number) for number in range(400)]
IN_ONE_BATCH = 4
BLOCK, AGAIN = (
    10,
    2,
)  # batches of which the order is anyone's guess, and how many of them come twice
OUTCOMES = [*[Outcome.VALID] * 7, Outcome.EXPIRED, Outcome.REVOKED, Outcome.INSUFFICIENT_ROLE]
TODAY = NOW // DAY


class Batch(NamedTuple):
    event: dict[str, object]
    ids: set[str]


class Written:
    """Lines as the code writes them; each has a request of its own."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.seen: dict[str, int] = {}
        self._halves: dict[tuple[str, Outcome], tuple[str, str]] = {}
        self._number = 0

    def line(self, id: str, outcome: Outcome, at: int) -> Line:
        self.counts[id, outcome] += 1
        self.seen[id] = max(at, self.seen.get(id, 0))
        if (id, outcome) not in self._halves:
            first, _, rest = line(outcome, id)[1].partition('"request_id": "request"')
            self._halves[id, outcome] = (f'{first}"request_id": "', f'"{rest}')
        self._number += 1
        return at, f"{self._number:015}".join(self._halves[id, outcome])


def batch(number: int, written: Written, chance: random.Random) -> Batch:
    """Return the lines that one of 20 environments wrote in some seconds, most about one key."""
    others = [OTHERS[(IN_ONE_BATCH * number + n) % len(OTHERS)] for n in range(IN_ONE_BATCH)]
    ids = chance.choices([HOT, *others], [10, *[1] * IN_ONE_BATCH], k=LINES)
    begun = NOW - 3 * BATCHES + 3 * number
    lines = [
        written.line(id, chance.choice(OUTCOMES), begun + second // (LINES // 3))
        for second, id in enumerate(ids)
    ]
    stream = f"2027/01/15/[1]{number % 20:032x}"
    return Batch(delivered(logs(lines, stream, first=LINES * number)), set(ids))


def kept() -> tuple[Counter[tuple[str, Outcome]], dict[str, int]]:
    """Return what the table holds: how often which outcome was counted, and the last use, by id."""
    usage, ids = record_usage.usage, [HOT, *OTHERS]
    counts = Counter[tuple[str, Outcome]]()
    for id in ids:
        (today,) = usage.days(id, TODAY, TODAY)
        counts.update({(id, outcome): times for outcome, times in today.counts.items()})
    pages = (usage.last_of(ids[first : first + 100]) for first in range(0, len(ids), 100))
    return counts, {id: use.at or 0 for page in pages for id, use in page.items()}


@pytest.fixture
def sent(
    aws: Aws, dynamodb_local: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[dict[str, Any]]]:
    """Let the function write to DynamoDB Local; what it sends is noted, repeats by the SDK too."""
    assert aws.calls == []
    noted: list[dict[str, Any]] = []

    def note(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        noted.append(json.loads(request.body))

    with table_on(dynamodb_local) as (client, table):
        client.meta.events.register("before-send.dynamodb.UpdateItem", note)
        monkeypatch.setattr(record_usage, "usage", Usage(client, table))
        yield noted


@pytest.mark.prove
@pytest.mark.dynamodb_local
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("clock")
def test_a_million_decisions_are_counted_exactly_with_one_write_per_key_and_batch_to_each_row(
    sent: list[dict[str, Any]],
) -> None:
    chance, written = random.Random(5), Written()  # noqa: S311 - the same every time
    updates = 0
    for first in range(0, BATCHES, BLOCK):
        block = [batch(number, written, chance) for number in range(first, first + BLOCK)]
        arrivals = [*block, *block[:AGAIN]]
        chance.shuffle(arrivals)
        for arrival in arrivals:
            sent.clear()
            record_usage.handler(arrival.event, Context())
            keys = [update["Key"] for update in sent]
            counters = Counter((key["id"]["S"], "#" in key["item"]["S"]) for key in keys)
            assert counters == {(id, of_day): 1 for id in arrival.ids for of_day in (False, True)}
            updates += len(sent)

    assert written.counts.total() == DECISIONS
    assert updates < DECISIONS / 200
    counts, seen = kept()
    assert counts == written.counts
    assert seen == written.seen
