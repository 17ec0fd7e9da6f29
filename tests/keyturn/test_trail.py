import json

import pytest

from keyturn import aws as sdk
from keyturn.changes import Change, Happening
from keyturn.errors import Unavailable
from keyturn.keys import DAY
from keyturn.trail import Trail
from tests.support import NOW, api_key, by
from tests.support_aws import Aws, Table, lost_reply, lost_request
from tests.support_desk import STORE, Desk

TRAIL = Trail(sdk.dynamodb(), "keyturn-Table")
pytestmark = pytest.mark.usefixtures("aws")


def change(version: int = 1, at: int = NOW) -> Change:
    return Change(Happening.RENEWED, at, by("admin"), api_key(version=version))


def test_what_happened_is_kept_beside_the_key_for_some_days(table: Table) -> None:
    TRAIL.keep(change(7), 400)

    assert table.row() == {
        "id": {"S": change().key.id},
        "item": {"S": "event#2027-01-15T08:00:00Z#0000000007"},
        "type": {"S": "Key Renewed"},
        "detail": {"S": json.dumps(change(7).detail())},
        "delete_at": {"N": str(NOW + 400 * DAY)},
    }


def test_what_is_kept_has_only_attributes_that_the_publisher_may_write(table: Table) -> None:
    # The template's condition on its role: a row with any other attribute is none it may put.
    TRAIL.keep(change(), 1)

    assert table.row().keys() == {"id", "item", "type", "detail", "delete_at"}


def test_repeat_changes_nothing(table: Table) -> None:
    TRAIL.keep(change(), 1)
    row = table.row()

    TRAIL.keep(change(), 30)

    assert table.row() == row


def test_lost_reply_is_no_failure(aws: Aws, table: Table) -> None:
    aws.plan("PutItem", lost_reply)

    TRAIL.keep(change(), 1)

    assert table.row()["type"] == {"S": "Key Renewed"}
    assert aws.calls == ["PutItem", "PutItem"]


def test_database_that_does_not_answer_is_said(aws: Aws) -> None:
    aws.plan("PutItem", lost_request, lost_request)
    with pytest.raises(Unavailable):
        TRAIL.keep(change(), 1)

    aws.plan("Query", lost_request, lost_request)
    with pytest.raises(Unavailable):
        TRAIL.page(change().key.id, 1, None)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_hold_what_happened_once_the_newest_first(limit: int) -> None:
    # Eleven in a second, and the tenth before the ninth if versions were compared as text.
    for version in range(1, 12):
        TRAIL.keep(change(version), 1)
    TRAIL.keep(change(12, NOW + 1), 1)
    id, after, seen = change().key.id, None, []
    while True:
        events, after = TRAIL.page(id, limit, after)
        assert len(events) <= limit
        seen += [event["version"] for event in events]
        if after is None:
            break

    assert seen == list(range(12, 0, -1))


def test_key_itself_is_no_part_of_what_happened() -> None:
    key = Desk().issue().key
    TRAIL.keep(change(), 1)

    events, last = TRAIL.page(key.id, 10, None)

    assert [event["type"] for event in events] == ["Key Renewed"]
    assert last is None
    assert STORE.get(key.id) == key
