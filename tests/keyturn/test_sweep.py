import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from keyturn import keytext
from keyturn.due import Task
from keyturn.errors import GraceRunning, Unavailable
from keyturn.keys import DAY, ApiKey, Outcome, Rotation
from keyturn.sweep import Swept, sweep
from tests.support import NOW, by
from tests.support_aws import Answer, Aws, Call, Table, first, lost_request, refused
from tests.support_desk import GRANT, STORE, Desk
from tests.support_rotation import BILLING, put

ROTATING = replace(GRANT, ttl_days=30, rotate_every_days=7, keeps_rotation=False)


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def run(desk: Desk) -> Swept:
    return sweep(desk.issuer, "sweep-1", lambda: True)


def done(desk: Desk) -> dict[str, int]:
    swept = run(desk)
    assert swept.finished
    assert not swept.failed
    return {task: times for task, times in swept.done.items() if times}


def key(id: str = BILLING) -> ApiKey:
    found = STORE.get(id)
    assert found is not None
    return found


def notice(row: dict[str, Any]) -> tuple[str, int, str, str]:
    names = ("notice", "noticed_by", "noticed_request")
    told, who, request = (row[name]["S"] for name in names)
    return told, int(row["noticed_at"]["N"]), who, request


def test_key_is_rotated_when_its_period_is_over_with_the_deployments_grace(desk: Desk) -> None:
    old = desk.issue(ROTATING).text
    desk.now = NOW + 7 * DAY - 1
    assert done(desk) == {}
    desk.now += 1

    assert done(desk) == {"rotate": 1}

    rotated = key()
    assert (rotated.generation, rotated.version) == (2, 2)
    assert (rotated.updated_by, rotated.updated_request) == ("schedule", "sweep-1")
    assert rotated.previous_expires_at == desk.now + DAY
    assert desk.judge(old.reveal()) is Outcome.VALID
    assert done(desk) == {}


def test_key_that_rotates_by_schedule_is_rotated_for_ever_and_each_grace_is_told(
    desk: Desk, table: Table
) -> None:
    desk.issue(ROTATING)
    for week in range(1, 5):
        desk.now = NOW + week * 7 * DAY
        assert done(desk) == {"rotate": 1}
        desk.now += DAY
        assert done(desk) == {"grace_ended": 1}
        assert notice(table.row()) == ("grace_ended", desk.now, "schedule", "sweep-1")

    assert (key().generation, key().version) == (5, 9)


@pytest.mark.parametrize(("ttl", "period"), [(15, 14), (2, 1), (30, 1), (4, 3)])
def test_rotation_that_is_due_at_the_moment_of_a_notice_is_done_once(
    desk: Desk, ttl: int, period: int
) -> None:
    # Its grace of a day ends, or its own end is near, at the very second.
    desk.issue(replace(ROTATING, ttl_days=ttl, rotate_every_days=period))
    told: Counter[str] = Counter()

    for times in range(1, 4):
        # A rotation of every day waits for the grace of a day, and a second more.
        desk.now = NOW + times * (period * DAY + 2)
        told.update(done(desk))

    assert told["rotate"] == 3
    assert told["grace_ended"] == 2
    assert told["expired"] == 0


def test_rotation_id_that_a_caller_made_up_does_not_keep_the_schedule_from_rotating(
    desk: Desk,
) -> None:
    desk.issue(ROTATING)
    for generation in range(1, 8):
        id = f"schedule-{generation + 1}"
        rotation = Rotation(id=id, grace_seconds=0)
        desk.issuer.rotate(BILLING, rotation, by("admin"))
    desk.now += 7 * DAY

    assert done(desk) == {"rotate": 1}
    assert key().generation == 9


def test_key_that_ends_before_its_rotation_could_be_done_is_not_rotated(desk: Desk) -> None:
    desk.issue(ROTATING)
    desk.now = NOW + 30 * DAY

    assert done(desk) == {"expired": 1}
    assert key().generation == 1
    desk.issue(ROTATING)
    assert done(desk) == {"rotate": 1}


def test_revoked_key_is_left_alone_until_it_is_renewed(desk: Desk, aws: Aws) -> None:
    desk.issue(ROTATING)
    desk.revoke(BILLING)
    desk.now = NOW + 8 * DAY
    aws.forget()

    assert done(desk) == {}

    assert aws.calls == ["Query"] * 8
    desk.issue(ROTATING)
    assert done(desk) == {"rotate": 1}


def test_period_set_on_an_old_key_rotates_it_now(desk: Desk) -> None:
    desk.issue(replace(GRANT, ttl_days=365))
    desk.now = NOW + 100 * DAY
    desk.issue(ROTATING)

    assert done(desk) == {"rotate": 1}


def test_rotation_waits_for_the_end_of_a_grace(desk: Desk) -> None:
    old = desk.issue(ROTATING).text
    desk.now = NOW + 6 * DAY
    # The period begins anew with it, and ends before its grace does.
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=20 * DAY), by("admin"))
    desk.now += 20 * DAY - 1
    assert "rotate" not in done(desk)
    assert desk.judge(old.reveal()) is Outcome.VALID

    desk.now += 2

    assert done(desk) == {"grace_ended": 1, "rotate": 1}


def test_key_that_fails_stays_due_and_stops_no_other(desk: Desk, aws: Aws, table: Table) -> None:
    aliases = [f"alias-{number}" for number in range(12)]
    for alias in aliases:
        desk.issue(replace(ROTATING, alias=alias))
    poisoned = [keytext.id_of("", alias) for alias in aliases[:2]]
    for row in table.rows():
        if row["id"]["S"] in poisoned:
            put(row | {"roles": {"S": "not a list"}})
    desk.now += 7 * DAY

    swept = run(desk)

    assert swept.failed == dict.fromkeys(poisoned, "unavailable")
    assert swept.done[Task.ROTATE] == 10
    assert swept.finished
    aws.forget()
    again = run(desk)
    assert again.failed == swept.failed
    assert Counter(aws.calls) == {"Query": 8, "GetItem": 2}


def test_exception_that_nobody_thought_of_stops_no_other_key(
    desk: Desk, aws: Aws, table: Table
) -> None:
    desk.issue(ROTATING)
    other = desk.issue(replace(ROTATING, alias="other")).key.id
    (row,) = [row for row in table.rows() if row["id"]["S"] == BILLING]
    # Over what a row may hold: DynamoDB refuses the write, as it would a wrong request.
    aws.plan("UpdateItem", refused("ValidationException"))
    desk.now += 7 * DAY

    swept = run(desk)

    assert list(swept.failed.values()) == ["ClientError"]
    assert swept.done[Task.ROTATE] == 1
    assert {key().generation, key(other).generation} == {1, 2}
    assert row["generation"] == {"N": "1"}
    assert done(desk) == {"rotate": 1}


@pytest.mark.row("F9")
def test_sweep_whose_time_is_over_goes_on_from_there_the_next_time(desk: Desk) -> None:
    for number in range(10):
        desk.issue(replace(ROTATING, alias=f"{number}"))
    desk.now += 7 * DAY
    left = iter([True] * 4 + [False])

    swept = sweep(desk.issuer, "sweep-1", lambda: next(left))

    assert not swept.finished
    assert swept.done[Task.ROTATE] == 4
    assert done(desk) == {"rotate": 6}


def one_a_page(call: Call) -> Answer:
    """DynamoDB's page ends after the first item, as it does after a megabyte."""
    answer = call()
    page = json.loads(answer.body)
    if len(page["Items"]) > 1:
        page |= {"Items": page["Items"][:1], "LastEvaluatedKey": page["Items"][0]}
    headers = [header for header in answer.headers if header[0].lower() != "x-amz-crc32"]
    return Answer(answer.status, headers, json.dumps(page).encode())


def test_what_is_due_is_read_page_by_page(desk: Desk, aws: Aws) -> None:
    for number in range(12):
        desk.issue(replace(ROTATING, alias=f"{number}"))
    desk.now += 7 * DAY
    aws.always("Query", one_a_page)

    assert done(desk) == {"rotate": 12}

    assert aws.calls.count("Query") > 8


def test_index_that_does_not_answer_is_said(desk: Desk, aws: Aws) -> None:
    aws.plan("Query", lost_request, lost_request)

    with pytest.raises(Unavailable):
        run(desk)


@pytest.mark.parametrize("before", ["GetItem", "Encrypt", "UpdateItem"])
@pytest.mark.parametrize("grace", [0, DAY])
def test_key_that_somebody_rotates_at_the_same_moment_is_rotated_once(
    desk: Desk, aws: Aws, before: str, grace: int
) -> None:
    desk.issue(ROTATING)
    desk.now += 7 * DAY
    other = Desk(desk.now)
    rotation = Rotation(id="a", grace_seconds=grace)
    aws.plan(before, first(lambda: other.issuer.rotate(BILLING, rotation, by("admin"))))

    swept = run(desk)

    assert not swept.failed
    assert key().generation == 2
    assert key().updated_by == "admin"


@pytest.mark.parametrize("before", ["GetItem", "Encrypt", "UpdateItem"])
def test_two_sweeps_at_once_do_nothing_twice(desk: Desk, aws: Aws, before: str) -> None:
    desk.issue(ROTATING)
    desk.issue(replace(GRANT, alias="ending", ttl_days=10))
    desk.now += 7 * DAY
    other = Desk(desk.now)
    aws.plan(before, first(lambda: run(other)))

    assert not run(desk).failed

    assert key().generation == 2
    assert key(keytext.id_of("", "ending")).version == 2


def test_row_that_is_only_moved_on_counts_no_change(desk: Desk, table: Table) -> None:
    desk.issue()
    row = table.row()
    put(row | {"due_at": {"N": f"{NOW + 5}"}})
    desk.now = NOW + 10

    assert done(desk) == {}

    assert table.row() == row | {
        name: value for name, value in table.row().items() if name.startswith("mark_")
    }


def test_rotation_refused_by_a_grace_that_nobody_told_the_index_of_is_reported(
    desk: Desk, table: Table
) -> None:
    desk.issue(ROTATING)
    desk.now += 7 * DAY
    row = table.row()
    # A hand that set a grace and nothing else: the index says now, the row says later.
    later = {"previous_hash": row["secret_hash"], "previous_expires_at": {"N": f"{desk.now + 9}"}}
    put(row | later)

    assert done(desk) == {}

    assert key().due_at == desk.now + 9
    with pytest.raises(GraceRunning):
        desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=0), by("admin"))
