"""Rows of usage: written by batches in any order, and any number of times."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn import aws as sdk
from keyturn.keys import DAY, Outcome
from keyturn.marks import LAST
from keyturn.tally import NEVER, Day
from keyturn.usage import SHARDS, Usage
from tests.support import NOW
from tests.support_aws import Aws, Table, lost_reply, lost_request, whole
from tests.support_usage import id_of, table_on

TODAY = NOW // DAY
USAGE = Usage(sdk.dynamodb(), "keyturn-Table")


class Where(NamedTuple):
    usage: Usage
    id: str


@pytest.fixture(scope="module")
def _local(_aws: Aws, dynamodb_local: str) -> Iterator[Usage]:
    with table_on(dynamodb_local) as (client, table):
        yield Usage(client, table)


LOCAL = pytest.param("_local", marks=pytest.mark.dynamodb_local)


@pytest.fixture(params=["moto", LOCAL])
def where(request: pytest.FixtureRequest, aws: Aws) -> Where:  # noqa: ARG001 - it is in there
    """Each emulator in turn, and an id that nobody had before."""
    usage = USAGE if request.param == "moto" else request.getfixturevalue(request.param)
    return Where(usage, id_of(uuid4()))


def batch(number: int, shard: int = 0) -> str:
    """Return a name of a batch that is counted in this shard."""
    return f"{number * SHARDS + shard:016x}"


def day(day: int = TODAY, **counts: int) -> Day:
    return Day(day, Counter({Outcome(name): times for name, times in counts.items()}))


def total(where: Where) -> dict[Outcome, int]:
    (found,) = where.usage.days(where.id, TODAY, TODAY)
    return {outcome: times for outcome, times in found.counts.items() if times}


def test_key_that_nobody_used_was_never_seen(where: Where) -> None:
    assert where.usage.last(where.id) == NEVER
    assert where.usage.last_of([where.id]) == {where.id: NEVER}
    assert where.usage.days(where.id, TODAY - 1, TODAY) == [day(TODAY - 1), day(TODAY)]


def test_times_never_go_back_in_whatever_order_batches_come(where: Where) -> None:
    batches = [{1: NOW}, {1: NOW + 9, 2: NOW + 3}, {2: NOW + 5}, {1: NOW + 7, 2: NOW + 6}]
    for number, order in enumerate(list(permutations(batches))[::5]):
        id = id_of(f"{where.id} {number}")
        before = dict[int, int]()
        for seen in order:
            where.usage.see(id, seen)
            after = where.usage.last(id).seen
            assert all(after[generation] >= at for generation, at in before.items())
            before = dict(after)
        assert before == {1: NOW + 9, 2: NOW + 6}


def test_the_last_two_generations_are_known_and_late_news_of_older_ones_changes_nothing(
    where: Where,
) -> None:
    for seen in ({1: NOW}, {2: NOW + 1}, {3: NOW + 2, 2: NOW + 3}, {1: NOW + 99}, {1: NOW}):
        where.usage.see(where.id, seen)

    assert where.usage.last(where.id).seen == {3: NOW + 2, 2: NOW + 3}


def test_of_many_generations_in_one_batch_the_newest_are_noted(where: Where) -> None:
    where.usage.see(where.id, {4: NOW + 4, 2: NOW + 2, 3: NOW + 3, 1: NOW + 1})
    assert where.usage.last(where.id).seen == {4: NOW + 4, 3: NOW + 3}

    where.usage.see(where.id, {8: NOW + 8, 6: NOW + 9})
    assert where.usage.last(where.id).seen == {8: NOW + 8, 3: NOW + 3}


def test_counts_of_all_shards_add_up(where: Where) -> None:
    for number in range(3 * SHARDS):
        shown = day(valid=2, expired=number)
        where.usage.count(where.id, shown, batch(0, number), keep=90)
    where.usage.count(where.id, day(revoked=1, insufficient_role=4), batch(100), keep=90)
    where.usage.count(where.id, day(TODAY - 1, valid=50), batch(0), keep=90)

    assert total(where) == {
        Outcome.VALID: 6 * SHARDS,
        Outcome.EXPIRED: sum(range(3 * SHARDS)),
        Outcome.REVOKED: 1,
        Outcome.INSUFFICIENT_ROLE: 4,
    }


def test_days_asked_for_are_answered_in_order_and_no_others(where: Where) -> None:
    for back in (0, 1, 29, 30):
        where.usage.count(where.id, day(TODAY - back, valid=1 + back), batch(back), keep=90)

    shown = where.usage.days(where.id, TODAY - 29, TODAY)

    assert [each.day for each in shown] == [*range(TODAY - 29, TODAY + 1)]
    used = {each.name: each.counts[Outcome.VALID] for each in shown if each.counts}
    assert used == {"2026-12-17": 30, "2027-01-14": 2, "2027-01-15": 1}


@pytest.mark.row("F8")
def test_batch_that_comes_again_is_not_counted_again(where: Where) -> None:
    for _ in range(3):
        where.usage.count(where.id, day(valid=7), batch(1), keep=90)

    assert total(where) == {Outcome.VALID: 7}


def test_the_last_batches_of_each_shard_are_remembered_and_no_more(where: Where) -> None:
    batches = [batch(number) for number in range(LAST)]
    for name in [*batches, batch(0, 1), batch(1, 1), *batches]:
        where.usage.count(where.id, day(valid=1), name, keep=90)
    assert total(where) == {Outcome.VALID: LAST + 2}

    where.usage.count(where.id, day(valid=1), batch(LAST), keep=90)
    where.usage.count(where.id, day(valid=1), batch(1), keep=90)
    assert total(where) == {Outcome.VALID: LAST + 3}
    where.usage.count(where.id, day(valid=1), batch(0), keep=90)  # one too many ago
    assert total(where) == {Outcome.VALID: LAST + 4}


# In moto two writes at once may both find their condition met.
@pytest.mark.parametrize("where", [LOCAL], indirect=True)
def test_batches_at_once_are_all_counted_and_each_once(where: Where) -> None:
    batches = [batch(number) for number in range(LAST // 2)]

    def deliver(name: str) -> None:
        where.usage.count(where.id, day(valid=1), name, keep=90)
        where.usage.see(where.id, {1: NOW + int(name, 16), 2: NOW - int(name, 16)})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(deliver, 2 * batches))

    assert total(where) == {Outcome.VALID: len(batches)}
    assert where.usage.last(where.id).seen == {1: NOW + int(batches[-1], 16), 2: NOW}


@pytest.mark.row("F8")
@settings(max_examples=15)
@given(
    order=st.lists(st.integers(0, 30), max_size=60),
)
def test_batch_is_counted_once_unless_more_others_came_between_than_are_remembered(
    order: list[int], where: Where
) -> None:
    id = id_of(uuid4())
    remembered: list[int] = []
    expected = 0
    for number in order:
        where.usage.count(id, day(valid=1), batch(number), keep=90)
        if number not in remembered:
            expected += 1
            remembered = [number, *remembered][:LAST]

    assert total(Where(where.usage, id)) == ({Outcome.VALID: expected} if expected else {})


def test_row_of_counters_does_not_grow_and_is_kept_for_its_days(table: Table) -> None:
    every = day(valid=10**9, revoked=10**9, expired=10**9, insufficient_role=10**9)
    for number in range(LAST + 2):
        USAGE.count(id_of(1), every, batch(number), keep=90)

    row = table.row()
    assert len(row) == 3 + len(every.counts) + LAST
    # Below a kilobyte every write is one unit.
    assert sum(len(name) + len(next(iter(value.values()))) for name, value in row.items()) < 700
    assert row["item"] == {"S": "usage#2027-01-15#0"}
    # To the end of its day and 90 more: a table's days are never fewer than it says.
    assert row["delete_at"] == {"N": str((TODAY + 91) * DAY)}
    assert not row.keys() & {"kind", "alias", "due_at", "due_shard"}


def test_row_of_last_use_is_kept_and_is_in_no_index(table: Table) -> None:
    USAGE.see(id_of(1), {1: NOW, 2: NOW})

    assert table.row().keys() == {
        *("id", "item", "even_generation", "even_seen_at", "odd_generation", "odd_seen_at"),
    }
    assert table.row()["item"] == {"S": "usage"}


@pytest.mark.parametrize("fault", [whole, lost_reply, lost_request])
def test_lost_reply_counts_once(fault: Any, aws: Aws) -> None:  # noqa: ANN401 - a fault
    where = Where(USAGE, id_of(1))
    for _ in range(2):
        aws.plan("UpdateItem", fault)
        where.usage.count(where.id, day(valid=1), batch(1), keep=90)
        aws.plan("UpdateItem", fault)
        where.usage.see(where.id, {1: NOW})

    assert total(where) == {Outcome.VALID: 1}
    assert where.usage.last(where.id).seen == {1: NOW}


def test_each_is_one_write_even_where_it_comes_late(aws: Aws) -> None:
    id = id_of(1)
    for at in (NOW, NOW + 1, NOW - 1, NOW):
        aws.forget()
        USAGE.see(id, {1: at})
        USAGE.count(id, day(valid=1), batch(1), keep=90)
        assert aws.calls == ["UpdateItem", "UpdateItem"]
    aws.forget()
    USAGE.see(id, {1: NOW + 2, 2: NOW + 2})
    assert aws.calls == ["UpdateItem"]
