import json
from base64 import b64encode
from typing import Any

import pytest

from keyturn import changes, row
from keyturn.changes import Happening
from keyturn.due import Notice, Task
from keyturn.errors import Unavailable
from keyturn.keys import DAY, Rotation, moment
from tests.support import NOW, REQUEST, by
from tests.support_aws import Aws, Table
from tests.support_desk import STORE, Desk
from tests.support_life import Life
from tests.support_rotation import BILLING, Stream, put


@pytest.fixture
def life(aws: Aws) -> Life:  # noqa: ARG001 - it is in there
    return Life()


def told(record: dict[str, Any]) -> changes.Change | None:
    images = record["dynamodb"]
    return changes.of(images.get("OldImage"), images.get("NewImage"))


def test_every_change_is_told_as_exactly_the_one_event_it_was(life: Life) -> None:
    stream = Stream()
    expected = []
    for version, (happening, step) in enumerate(life.steps(), 1):
        step()
        expected.append((happening, f"{BILLING}-{version}", version))

    happened = [told(record) for record in stream.records()]

    events = [change for change in happened if change is not None]
    assert [(one.happening, one.event_id, one.key.version) for one in events] == expected
    assert {one.happening for one in events} == set(Happening)


def test_event_tells_who_what_and_when_and_nothing_secret(life: Life, table: Table) -> None:
    stream = Stream()
    for _, step in life.steps():
        step()
    change = [told(record) for record in stream.records()]
    details = [one.detail() for one in change if one is not None]

    assert details[2] == {
        "event_id": f"{BILLING}-3",
        "id": BILLING,
        "alias": "billing",
        "roles": [],
        "generation": 2,
        "version": 3,
        "actor": "admin",
        "request_id": REQUEST,
        "at": moment(NOW),
        "expire": moment(NOW + 30 * DAY),
        "previous_expires_at": moment(NOW + 10 * DAY),
        "reason": None,
    }
    assert [detail["reason"] for detail in details[7:12]] == [
        *("cessation", "compromised", None, "superseded", None)
    ]
    kept = table.row()
    hidden = [text.reveal() for text in life.texts] + [text.digest for text in life.texts]
    hidden += [kept["ciphertext"]["B"], kept["mark_0"]["S"], "r-"]
    for secret in hidden:
        forms = [secret] if isinstance(secret, str) else [secret.hex(), b64encode(secret).decode()]
        assert not any(form in json.dumps(details) for form in forms)


def test_notice_is_told_by_the_sweep_at_the_moment_it_was_due(life: Life) -> None:
    life.grant()
    stream = Stream()
    life.later(13 * DAY)

    (change,) = map(told, stream.records())

    assert change is not None
    assert change.happening is Happening.EXPIRING
    detail = change.detail()
    assert (detail["actor"], detail["request_id"]) == ("schedule", "sweep-1")
    assert detail["at"] == moment(NOW + 12 * DAY)


def test_row_that_only_moves_on_in_the_index_tells_nothing(life: Life) -> None:
    life.grant()
    read = STORE.get(BILLING)
    assert read is not None
    stream = Stream()
    STORE.move_due(read, NOW + 13 * DAY)

    (record,) = stream.records()

    assert told(record) is None


def test_row_that_is_removed_by_hand_tells_nothing(life: Life, table: Table) -> None:
    life.grant()
    stream = Stream()
    table.clear()

    (record,) = stream.records()

    assert record["eventName"] == "REMOVE"
    assert told(record) is None


def test_same_notice_of_another_moment_is_told_again(life: Life) -> None:
    life.grant()
    stream = Stream()
    for _ in range(2):
        life.later(12 * DAY)
        life.grant()

    happened = [change.happening for change in map(told, stream.records()) if change]

    assert happened == [Happening.EXPIRING, Happening.RENEWED] * 2


def test_renewal_that_falls_on_a_told_notice_is_a_renewal(life: Life) -> None:
    life.grant()
    life.later(12 * DAY)
    stream = Stream()
    life.grant()
    life.rotate(0)

    happened = [change.happening for change in map(told, stream.records()) if change]

    assert happened == [Happening.RENEWED, Happening.ROTATED]


def test_rotation_of_a_compromised_key_is_a_rotation(life: Life) -> None:
    life.grant()
    STORE.condemn(BILLING, NOW, by("x"))
    stream = Stream()
    life.rotate(DAY)

    (change,) = map(told, stream.records())

    assert change is not None
    assert change.happening is Happening.ROTATED


def test_grace_that_ends_while_the_key_is_revoked_is_no_second_revocation(life: Life) -> None:
    life.grant()
    life.rotate(DAY)
    Desk().revoke(BILLING)
    stream = Stream()
    STORE.end_grace(BILLING, 2, NOW, NOW, by("event:e"))

    (change,) = map(told, stream.records())

    assert change is not None
    assert change.happening is Happening.GRACE_ENDED
    assert change.detail()["reason"] == "unspecified"


@pytest.mark.parametrize("image", ["OldImage", "NewImage"])
@pytest.mark.parametrize(
    "part",
    [
        {"schema": {"N": "2"}},
        {"version": {"S": "x"}},
        {"secret_hash": {"B": "AAAA"}},
        {"metadata": {"S": "["}},
        {"alias": {"N": "1"}},
        {"revoke_reason": {"S": "bored"}},
    ],
)
def test_image_that_is_no_row_of_ours_is_said_and_not_quoted(
    life: Life, image: str, part: dict[str, Any]
) -> None:
    life.grant()
    stream = Stream()
    life.rotate(DAY)
    (record,) = stream.records()
    record["dynamodb"][image] |= part

    with pytest.raises(Unavailable) as refused:
        told(record)
    assert refused.value.detail == "malformed row"
    assert refused.value.__cause__ is None


def test_notice_that_nobody_knows_is_said(life: Life, table: Table) -> None:
    life.grant()
    life.later(12 * DAY)
    stream = Stream()
    row_ = table.row()
    put(row_ | {"notice": {"S": "bored"}, "version": {"N": "9"}})
    (record,) = stream.records()

    with pytest.raises(Unavailable):
        told(record)


def test_what_a_notice_writes_is_what_is_read_of_it() -> None:
    notice = Notice(Task.GRACE_ENDED, NOW, by("schedule"))

    assert row.to_notice(row.of_notice(notice)) == notice


def test_row_of_before_requests_were_kept_can_still_be_told(life: Life, table: Table) -> None:
    life.grant()
    old = table.row()
    del old["updated_request"]
    put(old)
    stream = Stream()
    life.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=0), by("admin"))

    (change,) = map(told, stream.records())

    assert change is not None
    assert change.happening is Happening.ROTATED
