"""Rows that are there for too long, and rows that are gone.

DynamoDB removes what is past its time to live within days, and until then shows it to everybody. A
key's row has none: it goes only where somebody deletes it by hand.
"""

import json
from collections import Counter
from typing import Any

import pytest

import authorize
import create_key
import read_keys
import revoke_key
import rotate_key
import verify_key
from keyturn import aws as sdk
from keyturn.keys import DAY, Outcome, moment
from keyturn.tally import Day
from keyturn.usage import Usage
from tests.support import NOW, Answer, Clock, Context, Output, answer, delete, post, request
from tests.support_authorizer import rest
from tests.support_aws import Aws, Table, first, onlooker
from tests.support_life import Life, publish
from tests.support_rotation import (
    BILLING,
    KEY_ITEM,
    Lasting,
    Stream,
    events,
    get,
    requested,
    rotate,
)
from tests.support_world import refusals

BODY = {"alias": "billing", "name": "Billing", "roles": ["admin"]}
FIVE_YEARS = 5 * 366 * DAY  # beyond it DynamoDB never removes what is past its time


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that is set by hand."""


def create() -> Answer:
    return answer(create_key.handler, post(BODY))


def is_let_in(key: str) -> bool:
    try:
        authorize.handler(rest({"X-API-Key": [key]}), Context())
    except authorize.Unauthorized:
        return False
    return True


def verdict(key: str) -> str:
    asked = request(
        "POST",
        "/api/apikey/verify",
        headers={"Content-Type": ["application/json"]},
        body=json.dumps({"key": key}).encode(),
    )
    return str(answer(verify_key.handler, asked).body["code"])


def read(resource: str, key: str = "", **query: str) -> Answer:
    return answer(read_keys.handler, get(resource, key, **query))


def lose(table: Table) -> None:
    """Delete every key's row, as an administrator of the table may."""
    for row in table.rows():
        remove(row, KEY_ITEM)


def remove(row: dict[str, Any], item: dict[str, str]) -> None:
    key = {"id": row["id"], "item": item}
    onlooker("dynamodb").delete_item(TableName="keyturn-Table", Key=key)


@pytest.mark.row("F13")
@pytest.mark.parametrize("since", [0, DAY, FIVE_YEARS])
def test_key_that_has_expired_is_refused_for_as_long_as_its_row_is_there(
    clock: Clock, table: Table, since: int
) -> None:
    made = create().body
    clock.now += 15 * DAY + since
    row = table.row()

    assert not is_let_in(made["key"])
    assert verdict(made["key"]) == "expired"
    assert read("/api/apikey/{key}", BILLING).body["status"] == "expired"
    assert read("/api/apikey", status="active").body["items"] == []
    (listed,) = read("/api/apikey", status="expired").body["items"]
    assert listed["id"] == BILLING
    assert answer(rotate_key.handler, rotate()).body["code"] == "key_inactive"
    assert table.row() == row

    assert create().body["key"] == made["key"]
    assert is_let_in(made["key"])


@pytest.mark.prove
@pytest.mark.row("F13")
def test_no_row_of_a_key_ever_has_a_time_to_live(table: Table) -> None:
    life = Life()
    for _, step in life.steps():
        step()
        assert "delete_at" not in table.row()


@pytest.mark.row("F13")
def test_history_past_its_days_is_shown_until_it_goes_and_told_no_second_time_by_that(
    aws: Aws, clock: Clock, table: Table
) -> None:
    stream = Stream()
    create()
    records = stream.records()
    assert publish(records) == []
    (kept,) = [row for row in table.rows() if row["item"] != KEY_ITEM]
    clock.now = int(kept["delete_at"]["N"]) + DAY
    aws.forget()

    shown = read("/api/apikey/{key}/events", BILLING).body["items"]
    assert [event["event_id"] for event in shown] == [f"{BILLING}-1"]
    remove(kept, kept["item"])

    assert read("/api/apikey/{key}/events", BILLING).body["items"] == []
    assert stream.records() == []  # what the function's filter leaves of the removal
    assert events(aws) == []
    # Out of the archive it may come once more: the same, and with the same end.
    assert publish(records) == []
    assert [entry["Detail"]["event_id"] for entry in events(aws)] == [f"{BILLING}-1"]
    assert [row for row in table.rows() if row["item"] != KEY_ITEM] == [kept]


@pytest.mark.row("F13")
def test_usage_past_its_days_is_shown_until_it_goes(clock: Clock, table: Table) -> None:
    create()
    counted = Day(NOW // DAY, Counter({Outcome.VALID: 7}))
    Usage(sdk.dynamodb(), "keyturn-Table").count(BILLING, counted, "00", keep=1)
    clock.now += 3 * DAY

    def shown() -> list[int]:
        items = read("/api/apikey/{key}/usage", BILLING, days="4").body["items"]
        return [item["allowed"] for item in items]

    assert shown() == [7, 0, 0, 0]
    (kept,) = [row for row in table.rows() if row["item"] != KEY_ITEM]
    assert int(kept["delete_at"]["N"]) < clock.now
    remove(kept, kept["item"])
    assert shown() == [0, 0, 0, 0]


@pytest.mark.row("F14")
def test_key_whose_row_is_gone_is_unknown_to_every_verb(table: Table, output: Output) -> None:
    key = create().body["key"]
    lose(table)

    assert not is_let_in(key)
    assert verdict(key) == "not_found"
    answers = [
        read("/api/apikey/{key}", BILLING),
        answer(rotate_key.handler, rotate()),
        answer(revoke_key.handler, delete(BILLING)),
        answer(revoke_key.handler, delete(key)),
    ]
    assert [(each.status, each.body["code"]) for each in answers] == [(404, "not_found")] * 4
    rotate_key.handler(requested(), Lasting())
    assert [refusal["code"] for refusal in refusals(output)] == ["not_found"]
    assert table.rows() == []


@pytest.mark.row("F14")
def test_alias_whose_row_is_gone_gets_a_new_key_and_the_old_string_stays_dead(
    clock: Clock, table: Table
) -> None:
    old = create().body
    lose(table)
    clock.now += DAY

    new = create()

    assert (new.status, new.body["generation"], new.body["created_at"]) == (
        *(201, 1),
        moment(clock.now),
    )
    assert new.body["id"] == old["id"]
    assert new.body["key"] != old["key"]
    assert [is_let_in(old["key"]), is_let_in(new.body["key"])] == [False, True]
    assert verdict(old["key"]) == "not_found"
    assert answer(revoke_key.handler, delete(old["key"])).status == 404
    assert is_let_in(new.body["key"])
    assert table.row()["version"] == {"N": "1"}


@pytest.mark.row("F14")
def test_renewal_whose_row_goes_at_that_moment_is_a_create(aws: Aws, table: Table) -> None:
    old = create().body
    aws.plan("UpdateItem", first(lambda: lose(table)))

    new = create()

    assert (new.status, new.body["renewed"]) == (201, False)
    assert new.body["key"] != old["key"]
    row: dict[str, Any] = table.row()
    assert row["version"] == {"N": "1"}
