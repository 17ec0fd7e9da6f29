"""`Rotation Requested`, as EventBridge delivers it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.errors import Unavailable
from keyturn.keys import DAY, Outcome, Reason, moment
from tests.support import NOW, Clock, Output
from tests.support_aws import Aws, Table, first, lost_reply, lost_request, refused
from tests.support_desk import GRANT
from tests.support_rotation import BILLING, judge, requested
from tests.support_world import World, refusals

LONG = replace(GRANT, ttl_days=90)


@pytest.fixture
def world(aws: Aws, clock: Clock) -> World:  # noqa: ARG001 - it is in there
    return World(clock)


@pytest.mark.parametrize("named", [{"id": BILLING}, {"alias": "billing"}, {"alias": " billing\n"}])
def test_event_rotates_the_key_it_names_with_the_grace_it_says(
    world: World, named: dict[str, str], output: Output
) -> None:
    old = world.issue().text.reveal()

    world.send(requested(named | {"grace_seconds": 600}, id="e-1"))

    key = world.key
    assert (key.generation, key.previous_expires_at) == (2, NOW + 600)
    assert (key.updated_by, key.updated_request) == ("event:e-1", "lambda-request-id")
    assert key.rotation_ids == ("e-1",)
    assert judge(old, NOW) is Outcome.VALID
    line, metric = output.records()
    assert line == line | {"message": "event served", "id": BILLING, "event_id": "e-1"}
    assert metric["EventServed"] == [1.0]
    assert old not in output.text


def test_event_that_says_no_grace_leaves_the_deployments(world: World) -> None:
    world.issue()

    world.send(requested())

    assert world.key.previous_expires_at == NOW + 86_400


def test_grace_longer_than_the_old_strings_life_ends_with_it(world: World) -> None:
    world.issue()

    world.send(requested({"alias": "billing", "grace_seconds": 2_592_000}))

    assert world.key.previous_expires_at == NOW + 15 * DAY


@pytest.mark.row("F8")
def test_event_delivered_many_times_rotates_once(world: World, table: Table) -> None:
    world.issue()
    event = requested({"alias": "billing", "grace_seconds": 0})
    world.send(event)
    row = table.row()

    for wait in (0, 1, 3600, DAY):
        world.now += wait
        world.send(event)

    assert table.row() == row


def test_two_events_with_one_rotation_id_rotate_once(world: World) -> None:
    world.issue()
    for _ in range(2):
        world.send(requested({"alias": "billing", "grace_seconds": 0, "rotation_id": "r"}))

    assert world.key.generation == 2
    assert world.key.rotation_ids == ("r",)


@pytest.mark.row("F8")
@pytest.mark.parametrize("before", ["GetItem", "Encrypt", "UpdateItem"])
def test_event_delivered_twice_at_once_rotates_once(world: World, aws: Aws, before: str) -> None:
    world.issue()
    event = requested({"alias": "billing", "grace_seconds": 0})
    aws.plan(before, first(lambda: world.send(event)))

    world.send(event)

    assert world.key.generation == 2


@pytest.mark.row("F11")
def test_event_older_than_the_last_rotation_is_ignored(world: World) -> None:
    world.issue()
    world.now += 100
    string = world.rotate(0)

    world.send(requested({"alias": "billing", "grace_seconds": 0}, at=world.now - 1))
    assert world.key.generation == 2
    assert judge(string, world.now) is Outcome.VALID

    world.send(requested({"alias": "billing", "grace_seconds": 0}, at=world.now))
    assert world.key.generation == 3


def test_event_never_ends_a_string_that_is_in_its_grace(world: World, output: Output) -> None:
    old = world.issue().text.reveal()
    world.send(requested())
    world.now += 10

    world.send(requested({"alias": "billing", "grace_seconds": 0}, at=world.now))

    assert world.key.generation == 2
    assert judge(old, world.now) is Outcome.VALID
    assert [line["code"] for line in refusals(output)] == ["grace_running"]


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("late", [0, 60])
def test_event_brings_back_no_revoked_key(
    world: World, reason: Reason, late: int, table: Table, output: Output
) -> None:
    world.issue()
    world.revoke(BILLING, reason)
    row = table.row()
    world.now += 60

    world.send(requested(at=world.now - late))

    assert table.row() == row
    assert [line["code"] for line in refusals(output)] == ["key_inactive"]


@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "UpdateItem"])
def test_event_that_cannot_be_served_now_is_raised_and_comes_again(
    world: World, aws: Aws, operation: str
) -> None:
    world.issue()
    event = requested()
    aws.plan(operation, lost_request, lost_request)
    with pytest.raises(Unavailable, match="try again"):
        world.send(event)

    world.send(event)

    assert world.key.generation == 2


def test_event_whose_outcome_nobody_knew_rotates_no_second_time(world: World, aws: Aws) -> None:
    world.issue()
    event = requested({"alias": "billing", "grace_seconds": 0})
    aws.plan("UpdateItem", lost_reply, refused("InternalServerError", 500))
    with pytest.raises(Unavailable):
        world.send(event)

    world.send(event)

    assert (world.key.generation, world.key.version) == (2, 2)


@pytest.mark.prove
@pytest.mark.row("F11")
@settings(max_examples=15)
@given(data=st.data())
def test_late_events_in_any_order_and_number_rotate_once(world: World, data: st.DataObject) -> None:
    Table().clear()
    world.now = NOW
    world.issue(LONG)
    asked = {"alias": "billing", "grace_seconds": 0}
    events = [requested(asked, at=NOW + 10 * number) for number in range(4)]
    deliveries = data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=8))
    world.now = NOW + 100

    for event in deliveries:
        world.send(event)

        # Delivered late, all of them: the first to come has answered what was asked for before it.
        assert world.key.rotation_ids == (deliveries[0]["id"],)


def test_time_of_an_event_is_taken_with_its_zone(world: World) -> None:
    world.issue()
    world.now += 100
    world.rotate(0)

    # 08:01 UTC, before the rotation at 08:01:40, said in another zone.
    late = moment(NOW + 60 + 9 * 3600).replace("Z", "+09:00")
    world.send(requested({"alias": "billing", "grace_seconds": 0}, time=late))

    assert world.key.generation == 2
