"""`Key Compromised`, as EventBridge delivers it: whatever string leaked works no more."""

from dataclasses import replace

import pytest

import rotate_key
from keyturn.keys import DAY, Outcome, Reason
from tests.support import NOW, Clock, Output
from tests.support_aws import Aws, Table, first
from tests.support_desk import GRANT
from tests.support_rotation import BILLING, compromised, judge
from tests.support_world import World

LONG = replace(GRANT, ttl_days=90)


@pytest.fixture
def world(aws: Aws, clock: Clock) -> World:  # noqa: ARG001 - it is in there
    return World(clock)


@pytest.fixture
def rotates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of a leak rotates: the stack's parameter."""
    monkeypatch.setattr(rotate_key, "on_compromised", "rotate")


both_actions = pytest.mark.parametrize("action", ["revoke", "rotate"])


def test_report_of_a_leak_revokes_the_key_as_compromised(world: World, output: Output) -> None:
    leaked = world.issue().text.reveal()

    world.send(compromised(id="leak-1"))

    key = world.key
    assert (key.is_active, key.revoke_reason) == (False, Reason.COMPROMISED)
    assert key.updated_by == "event:leak-1"
    assert judge(leaked, NOW) is Outcome.REVOKED
    assert [line["message"] for line in output.records() if "message" in line] == ["event served"]


@pytest.mark.usefixtures("rotates")
def test_report_of_a_leak_rotates_without_grace_where_the_stack_says_so(world: World) -> None:
    leaked = world.issue().text.reveal()

    world.send(compromised())

    assert world.key.is_active
    assert world.key.generation == 2
    assert judge(leaked, NOW) is Outcome.EXPIRED
    assert judge(world.issue().text.reveal(), NOW) is Outcome.VALID


@both_actions
def test_leak_reported_after_a_rotation_ends_both_strings_of_that_time(
    world: World, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_key, "on_compromised", action)
    strings = [world.issue().text.reveal(), world.rotate()]
    world.now += 10

    world.send(compromised(at=world.now))

    assert Outcome.VALID not in {judge(string, world.now) for string in strings}


@both_actions
def test_leak_of_before_a_rotation_ends_the_grace_and_leaves_the_new_string(
    world: World, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_key, "on_compromised", action)
    leaked = world.issue(LONG).text.reveal()
    world.now += 100
    string = world.rotate(30 * DAY)
    world.now += 100

    world.send(compromised(at=NOW + 50))

    assert judge(leaked, world.now) is Outcome.EXPIRED
    assert judge(string, world.now) is Outcome.VALID
    assert (world.key.generation, world.key.version) == (2, 3)
    world.send(compromised(at=NOW + 60))
    assert world.key.version == 3


@pytest.mark.parametrize(
    ("action", "before"),
    [
        ("revoke", "GetItem"),
        ("revoke", "UpdateItem"),
        ("rotate", "GetItem"),
        ("rotate", "Encrypt"),
        ("rotate", "UpdateItem"),
    ],
)
def test_leaked_string_does_not_live_on_in_the_grace_of_a_rotation_of_that_moment(
    world: World, aws: Aws, action: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_key, "on_compromised", action)
    leaked = world.issue(LONG).text.reveal()
    other = World(Clock())
    other.now = world.now = NOW + 1
    aws.plan(before, first(lambda: other.rotate(30 * DAY)))

    world.send(compromised(at=NOW))

    assert world.key.generation == 2
    assert judge(leaked, NOW + 1) is not Outcome.VALID


def test_leak_of_a_string_in_its_grace_is_contained_while_the_key_is_revoked(world: World) -> None:
    leaked = world.issue(LONG).text.reveal()
    world.now += 100
    world.rotate(30 * DAY)
    world.revoke(BILLING)

    world.send(compromised(at=NOW + 50))
    world.issue(LONG)

    assert judge(leaked, world.now) is Outcome.EXPIRED


@pytest.mark.usefixtures("rotates")
@pytest.mark.parametrize("reason", [None, Reason.CESSATION, Reason.COMPROMISED])
def test_key_that_does_not_work_is_condemned_and_not_brought_back(
    world: World, reason: Reason | None
) -> None:
    world.issue()
    if reason is None:
        world.now += 15 * DAY
    else:
        world.revoke(BILLING, reason)

    world.send(compromised(at=world.now))

    assert world.key.is_compromised
    assert world.key.generation == 1


@pytest.mark.row("F8")
@both_actions
def test_report_delivered_many_times_counts_once(
    world: World, action: str, monkeypatch: pytest.MonkeyPatch, table: Table
) -> None:
    monkeypatch.setattr(rotate_key, "on_compromised", action)
    world.issue()
    event = compromised()
    world.send(event)
    row = table.row()

    for wait in (0, 1, 3600):
        world.now += wait
        world.send(event)

    assert table.row() == row


@pytest.mark.row("F11")
@pytest.mark.usefixtures("rotates")
def test_second_delivery_of_a_report_ends_no_string_that_came_after_the_leak(world: World) -> None:
    world.issue(LONG)
    event = compromised()
    world.send(event)
    world.now += 100
    good = world.issue(LONG).text.reveal()
    world.rotate(10 * DAY)

    world.send(event)

    assert judge(good, world.now) is Outcome.VALID
