"""When a key was used and how often, wherever it is told: items, /usage, a rotation's answer."""

from collections import Counter
from typing import Any

import pytest

import create_key
import read_keys
import rotate_key
import self_key
from keyturn import aws as sdk
from keyturn.keys import DAY, Outcome, moment
from keyturn.tally import Day
from keyturn.usage import Usage
from tests.support import NOW, Answer, Clock, Output, answer, post, request
from tests.support_aws import Aws, afterwards, refused, whole
from tests.support_rotation import BILLING, get, put, rotate
from tests.support_usage import id_of

LIST = "/api/apikey"
ONE = "/api/apikey/{key}"
USAGE = "/api/apikey/{key}/usage"
TODAY = NOW // DAY
ROWS = Usage(sdk.dynamodb(), "keyturn-Table")


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture(autouse=True)
def billing(_prepared: None) -> dict[str, Any]:
    return created("billing")


def created(alias: str) -> dict[str, Any]:
    return answer(create_key.handler, post({"alias": alias, "name": "name"})).body


def read(resource: str, key: str = "", **query: str) -> Answer:
    return answer(read_keys.handler, get(resource, key, **query))


def used(back: int = 0, batch: str = "00", **counts: int) -> None:
    counted = Counter({Outcome(name): times for name, times in counts.items()})
    ROWS.count(BILLING, Day(TODAY - back, counted), batch, keep=90)


def told(item: dict[str, Any]) -> tuple[object, ...]:
    return item["last_used_at"], item["last_generation_used"], item["previous_last_seen_at"]


def test_days_come_the_oldest_first_and_those_without_use_are_there() -> None:
    used(valid=2, expired=1, insufficient_role=3)
    used(batch="01", valid=5)
    used(back=2, revoked=4)
    used(back=3, valid=9)

    given = read(USAGE, BILLING, days="3")

    assert given.status == 200
    assert given.body == {
        "items": [
            {"day": "2027-01-13", "allowed": 0, "denied": 4, "denied_by_reason": {"revoked": 4}},
            {"day": "2027-01-14", "allowed": 0, "denied": 0, "denied_by_reason": {}},
            {
                "day": "2027-01-15",
                "allowed": 7,
                "denied": 4,
                "denied_by_reason": {"expired": 1, "insufficient_role": 3},
            },
        ]
    }


@pytest.mark.parametrize(("days", "number"), [(None, 30), ("1", 1), ("90", 90)])
def test_as_many_days_come_as_are_asked_for(days: str | None, number: int) -> None:
    items = read(USAGE, BILLING, **({"days": days} if days else {})).body["items"]

    assert len(items) == number
    assert items[-1]["day"] == "2027-01-15"
    assert [item["day"] for item in items] == sorted({item["day"] for item in items})


@pytest.mark.parametrize(
    "days",
    [
        *("0", "91", "1000", "-1", "x", "", "1.5", "1e1", " ", "null", "٣", "9" * 400),
        *("5.0", "+5", " 5", "5 ", "1_0", "0x5"),
    ],
)
def test_days_that_are_not_what_they_must_be_are_refused(days: str, aws: Aws) -> None:
    aws.forget()

    given = read(USAGE, BILLING, days=days)

    assert (given.status, given.body["code"]) == (400, "field_invalid")
    assert aws.calls == []


def test_days_twice_and_other_parameters_are_refused() -> None:
    event = get(USAGE, BILLING)
    event["multiValueQueryStringParameters"] = {"days": ["1", "2"]}

    for given in (answer(read_keys.handler, event), read(USAGE, BILLING, limit="1")):
        assert (given.status, given.body["code"]) == (400, "field_invalid")


@pytest.mark.parametrize("key", [id_of("nobody"), "0" * 17, "self", "billing", "é"])
def test_usage_of_what_is_no_key_is_not_found(key: str) -> None:
    given = read(USAGE, key)

    assert (given.status, given.body["code"]) == (404, "not_found")


def test_key_string_is_not_looked_up(billing: dict[str, Any], aws: Aws) -> None:
    aws.forget()

    assert read(USAGE, billing["key"]).status == 404
    assert aws.calls == []


def test_route_that_asked_no_authorizer_is_forbidden(aws: Aws) -> None:
    event = get(USAGE, BILLING)
    del event["requestContext"]["authorizer"]
    aws.forget()

    assert answer(read_keys.handler, event).status == 403
    assert aws.calls == []


def test_last_use_is_told_wherever_a_key_is(billing: dict[str, Any]) -> None:
    other = created("other")
    rotated = answer(rotate_key.handler, rotate()).body
    ROWS.see(BILLING, {1: NOW + 5, 2: NOW + 3})
    expected = (moment(NOW + 5), 1, moment(NOW + 5))

    listed = {item["id"]: item for item in read(LIST).body["items"]}
    holder = {"id": BILLING, "alias": "billing", "roles": "", "generation": "2"}
    own = answer(self_key.handler, request("GET", "/api/apikey/self", caller=holder))

    assert told(listed[BILLING]) == expected
    assert listed[BILLING] == read(ONE, BILLING).body == own.body
    assert told(listed[other["id"]]) == (None, None, None)
    assert rotated["previous_last_seen_at"] is None
    assert billing["generation"] == 1


def test_rotation_tells_when_the_string_that_now_is_the_previous_one_was_last_seen() -> None:
    ROWS.see(BILLING, {1: NOW - 60})
    first = answer(rotate_key.handler, rotate(body={"rotation_id": "a"})).body
    ROWS.see(BILLING, {1: NOW - 5, 2: NOW - 9})
    again = answer(rotate_key.handler, rotate(body={"rotation_id": "a"})).body
    second = answer(rotate_key.handler, rotate(body={"force": True})).body
    third = answer(rotate_key.handler, rotate(body={"force": True})).body

    assert first["previous_last_seen_at"] == moment(NOW - 60)
    assert again["previous_last_seen_at"] == moment(NOW - 5)
    assert second["previous_last_seen_at"] == moment(NOW - 9)
    assert third["previous_last_seen_at"] is None  # the third string: nobody has used it


@pytest.mark.parametrize("code", ["InternalServerError", "AccessDeniedException", None])
def test_usage_that_cannot_be_read_neither_fails_a_rotation_nor_has_it_done_twice(
    code: str | None, aws: Aws, output: Output
) -> None:
    if code is None:
        put({"id": {"S": BILLING}, "item": {"S": "usage"}, "odd_generation": {"S": "x"}})
    else:
        then = afterwards(lambda: aws.plan("GetItem", refused(code)), whole)
        aws.plan("UpdateItem", then)
    aws.forget()

    given = answer(rotate_key.handler, rotate())

    assert (given.status, given.body["generation"]) == (200, 2)
    assert given.body["previous_last_seen_at"] is None
    assert aws.calls == ["GetItem", "Encrypt", "UpdateItem", "GetItem"]
    (line,) = [record for record in output.records() if record.get("message") == "usage not read"]
    assert line["id"] == BILLING
    assert given.body["key"] not in output.text


def test_list_page_is_one_query_and_one_batch_of_reads(aws: Aws) -> None:
    for number in range(7):
        created(f"key-{number}")
    for limit, expected in ((5, 5), (100, 8)):
        aws.forget()
        assert len(read(LIST, limit=str(limit)).body["items"]) == expected
        assert aws.calls == ["Query", "BatchGetItem"]
    aws.forget()
    assert read(LIST, alias_prefix="nothing").body["items"] == []
    assert aws.calls == ["Query"]


@pytest.mark.parametrize(
    ("resource", "operation"), [(LIST, "BatchGetItem"), (USAGE, "Query"), (USAGE, "GetItem")]
)
def test_usage_that_nobody_knows_is_a_503_and_never_a_zero(
    aws: Aws, resource: str, operation: str
) -> None:
    aws.plan(operation, *[refused("InternalServerError", 500)] * 2)

    given = read(resource, "" if resource == LIST else BILLING)

    assert (given.status, given.body["code"]) == (503, "unavailable")
