from dataclasses import replace
from typing import Any

import pytest

from keyturn.keys import DAY, ApiKey, Rotation
from keyturn.sweep import Swept, sweep
from tests.support import NOW, by
from tests.support_aws import Aws, Table, first, lost_reply
from tests.support_desk import AGAIN, GRANT, STORE, Desk
from tests.support_rotation import BILLING

HOUR = 3600


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


def test_end_of_a_key_is_told_three_days_and_a_day_before_and_when_it_came(
    desk: Desk, table: Table
) -> None:
    desk.issue()
    end = NOW + 15 * DAY
    told = []
    for hours in range(0, 17 * 24, 12):
        desk.now = NOW + hours * HOUR
        for task, times in done(desk).items():
            assert times == 1
            told.append((task, notice(table.row())[1] - end))

    assert told == [("expiring", -3 * DAY), ("expiring", -DAY), ("expired", 0)]
    assert key().due_at is None
    assert key().version == 4


def test_of_notices_that_were_missed_the_last_one_is_told(desk: Desk, table: Table) -> None:
    desk.issue()
    desk.now = NOW + 100 * DAY

    assert done(desk) == {"expired": 1}

    assert notice(table.row())[:2] == ("expired", NOW + 15 * DAY)


def test_end_of_a_grace_is_told_though_the_end_of_the_key_overtook_it(desk: Desk) -> None:
    desk.issue()
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=DAY), by("admin"))
    desk.now = NOW + 100 * DAY

    assert done(desk) == {"grace_ended": 1, "expired": 1}


def test_end_of_a_grace_is_told_though_a_renewal_overtook_the_sweep(
    desk: Desk, table: Table
) -> None:
    desk.issue()
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=60), by("admin"))
    desk.now = NOW + 90
    desk.issue(AGAIN)

    assert done(desk) == {"grace_ended": 1}

    assert notice(table.row())[:2] == ("grace_ended", NOW + 60)
    assert key().due_at == desk.now + 27 * DAY
    assert done(desk) == {}


@pytest.mark.parametrize("overtaken", [False, True])
def test_end_of_a_grace_that_somebody_ended_is_told_by_that_alone(
    desk: Desk, table: Table, *, overtaken: bool
) -> None:
    desk.issue()
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=30 * DAY), by("admin"))
    desk.now = NOW + 12 * DAY + 10  # a notice waits for the sweep
    STORE.end_grace(BILLING, 2, desk.now, desk.now, by("event:e"))
    desk.now += 10
    if overtaken:
        desk.issue()

    assert done(desk) == ({} if overtaken else {"expiring": 1})

    assert table.row().get("notice") == (None if overtaken else {"S": "expiring"})
    desk.issuer.rotate(BILLING, Rotation(id="b", grace_seconds=60), by("admin"))
    desk.now += 60
    assert done(desk) == {"grace_ended": 1}


def test_key_that_was_expiring_and_renewed_is_told_again_when_it_is(desk: Desk) -> None:
    desk.issue()
    desk.now = NOW + 12 * DAY
    assert done(desk) == {"expiring": 1}
    desk.issue()
    assert done(desk) == {}

    desk.now += 12 * DAY

    assert done(desk) == {"expiring": 1}


def test_notice_whose_reply_was_lost_is_given_once(desk: Desk, aws: Aws) -> None:
    desk.issue()
    desk.now = NOW + 12 * DAY
    aws.plan("UpdateItem", lost_reply)

    assert done(desk) == {"expiring": 1}

    assert key().version == 2


def test_notice_that_a_renewal_overtook_is_not_given(desk: Desk, aws: Aws, table: Table) -> None:
    desk.issue()
    desk.now = NOW + 12 * DAY
    aws.plan("UpdateItem", first(lambda: Desk(desk.now).issue()))

    run(desk)

    assert "notice" not in table.row()
    assert key().due_at == desk.now + 12 * DAY


def test_key_that_changed_meanwhile_is_not_moved_on_though_it_is_due_as_before(
    desk: Desk, table: Table
) -> None:
    desk.issue(replace(GRANT, ttl_days=30, rotate_every_days=7, keeps_rotation=False))
    read = key()
    desk.issue(AGAIN)
    after = table.row()
    assert key().due_at == read.due_at

    STORE.move_due(read, NOW + 8 * DAY)

    assert table.row() == after
