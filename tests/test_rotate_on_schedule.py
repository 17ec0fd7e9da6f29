"""The schedule's event: the sweep, and what it says."""

from collections import Counter
from dataclasses import replace

import pytest

from keyturn.keys import DAY
from tests.support import Clock, Output
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT
from tests.support_rotation import BILLING, scheduled
from tests.support_world import World

LONG = replace(GRANT, ttl_days=90)


@pytest.fixture
def world(aws: Aws, clock: Clock) -> World:  # noqa: ARG001 - it is in there
    return World(clock)


def test_schedule_has_what_is_due_done_and_says_what(world: World, output: Output) -> None:
    world.issue(replace(LONG, rotate_every_days=7, keeps_rotation=False))
    world.issue(replace(GRANT, alias="ending", ttl_days=9))
    world.issue(replace(LONG, alias="later"))
    world.now += 7 * DAY

    world.send(scheduled(at=world.now))

    assert world.key.generation == 2
    (line,) = [line for line in output.records() if "done" in line]
    assert line["done"] == {"rotate": 1, "grace_ended": 0, "expiring": 1, "expired": 0}
    assert (line["failed"], line["finished"]) == ({}, True)


def test_schedule_stops_while_there_is_time_to_end_what_it_does(
    world: World, output: Output
) -> None:
    for number in range(5):
        grant = replace(LONG, alias=f"{number}", rotate_every_days=7, keeps_rotation=False)
        world.issue(grant)
    world.now += 7 * DAY

    world.send(scheduled(), 30_000, 26_000, 25_001, 25_000)
    world.send(scheduled())

    done = [
        (line["done"]["rotate"], line["finished"]) for line in output.records() if "done" in line
    ]
    assert done == [(3, False), (2, True)]


def test_schedule_counts_what_failed_by_key(world: World, table: Table, output: Output) -> None:
    world.issue()
    row = table.row()
    Table().put(row | {"due_at": {"N": "1"}, "metadata": {"S": "no JSON"}})

    world.send(scheduled())

    (line,) = [line for line in output.records() if "done" in line]
    assert line["failed"] == {BILLING: "unavailable"}
    counted = Counter(name for line in output.records() if "_aws" in line for name in line)
    assert counted["SweepFailed"] == counted["EventServed"] == 1


def test_schedule_of_another_account_does_nothing(world: World, aws: Aws) -> None:
    world.send(scheduled() | {"account": "1"})

    assert aws.calls == []
