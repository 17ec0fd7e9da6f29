"""GET /api/apikey, /api/apikey/{id} and /api/apikey/{id}/events, through API Gateway's events."""

import json
from typing import Any

import pytest

import create_key
import publish_events
import read_keys
import revoke_key
import rotate_key
from keyturn.keys import DAY, moment
from tests.support import (
    ADMIN,
    NOW,
    REQUEST_ID,
    Answer,
    Clock,
    Context,
    Output,
    answer,
    delete,
    post,
)
from tests.support_aws import Aws, Table, refused
from tests.support_rotation import BILLING, Stream, get, rotate

LIST = "/api/apikey"
ONE = "/api/apikey/{key}"
EVENTS = "/api/apikey/{key}/events"
GRANT = {"alias": "billing", "name": "Billing", "roles": ["user"], "ttl_days": 15}


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


def created(**fields: object) -> dict[str, Any]:
    return answer(create_key.handler, post(GRANT | fields)).body


def read(resource: str, key: str = "", **query: str) -> Answer:
    return answer(read_keys.handler, get(resource, key, **query))


def code(given: Answer) -> tuple[int, str]:
    return given.status, given.body["code"]


def test_one_key_is_read_with_everything_but_its_string(clock: Clock, aws: Aws) -> None:
    made = created(metadata={"team": "a"}, rotate_every_days=7)
    clock.now += 60
    rotated = answer(rotate_key.handler, rotate()).body
    aws.forget()

    given = read(ONE, BILLING)

    assert given.status == 200
    assert given.headers["Cache-Control"] == "no-store"
    assert given.body == {
        "id": BILLING,
        "alias": "billing",
        "name": "Billing",
        "roles": ["user"],
        "is_active": True,
        "expire": moment(clock.now + 15 * DAY),
        "ttl_days": 15,
        "generation": 2,
        "created_at": moment(NOW),
        "updated_at": moment(clock.now),
        "metadata": {"team": "a"},
        "status": "active",
        "hint": f"kt_...{rotated['key'][-4:]}",
        "revoked_at": None,
        "revoke_reason": None,
        "previous_expires_at": moment(clock.now + DAY),
        "rotate_every_days": 7,
        "updated_by": f"{ADMIN['id']}:root",
        "last_used_at": None,
        "last_generation_used": None,
        "previous_last_seen_at": None,
    }
    assert made["key"] not in json.dumps(given.body)
    assert aws.calls == ["GetItem", "GetItem"]
    assert json.loads(aws.sent[0])["ConsistentRead"] is True


def test_status_and_revocation_are_told(clock: Clock) -> None:
    created()
    clock.now = NOW + 15 * DAY
    assert read(ONE, BILLING).body["status"] == "expired"
    answer(revoke_key.handler, delete(BILLING, "superseded"))

    body = read(ONE, BILLING).body

    assert (body["status"], body["is_active"]) == ("revoked", False)
    assert (body["revoke_reason"], body["revoked_at"]) == ("superseded", moment(clock.now))


@pytest.mark.parametrize("resource", [ONE, EVENTS])
@pytest.mark.parametrize("key", ["0" * 17, "self", "billing", "é", "kt"])
def test_what_is_no_key_is_not_found(resource: str, key: str) -> None:
    assert code(read(resource, key)) == (404, "not_found")


def test_key_string_is_not_looked_up(aws: Aws) -> None:
    text = created()["key"]
    aws.forget()

    assert code(read(ONE, text)) == (404, "not_found")
    assert code(read(EVENTS, text)) == (404, "not_found")
    assert aws.calls == []


def test_list_pages_through_all_keys_by_alias() -> None:
    names = [f"key-{number}" for number in range(5)]
    for alias in reversed(names):
        created(alias=alias)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        given = read(LIST, limit="2", **({"cursor": cursor} if cursor else {}))
        assert given.status == 200
        assert len(given.body["items"]) <= 2
        seen += [item["alias"] for item in given.body["items"]]
        cursor = given.body["cursor"]

    assert seen == names


def test_item_of_a_list_is_what_a_get_of_it_is() -> None:
    created()
    answer(rotate_key.handler, rotate())

    (item,) = read(LIST).body["items"]

    assert item == read(ONE, BILLING).body


@pytest.mark.parametrize("character", ["é", "漢", "\U0001f511"])
def test_cursor_of_a_long_alias_leads_on(character: str) -> None:
    names = [127 * character + last for last in "ab"]
    for alias in names:
        created(alias=alias)

    first = read(LIST, limit="1", alias_prefix=127 * character)
    second = read(LIST, limit="1", alias_prefix=127 * character, cursor=first.body["cursor"])

    assert [item["alias"] for item in second.body["items"]] == names[1:]


def test_prefix_is_taken_in_stored_form() -> None:
    created(alias="caf\u00e9-1")

    (item,) = read(LIST, alias_prefix="cafe\u0301").body["items"]

    assert item["alias"] == "caf\u00e9-1"


def test_status_filters_and_a_revoked_key_is_revoked_before_it_is_expired(clock: Clock) -> None:
    for alias in ("active", "expired", "revoked"):
        made = created(alias=alias, ttl_days=30 if alias == "active" else 1)
        if alias == "revoked":
            answer(revoke_key.handler, delete(made["id"]))
    clock.now += DAY

    for status in ("active", "expired", "revoked"):
        items = read(LIST, status=status).body["items"]
        assert [(item["alias"], item["status"]) for item in items] == [(status, status)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", value) for value in ("0", "101", "-1", "1.5", "x", "", "1e1", " ", "null")),
        *(("limit", value) for value in ("5.0", "+5", " 5", "5 ", "1_0", "٣", "0x5")),
        *(("status", value) for value in ("", "Active", "active,revoked", "all")),
        *(("cursor", value) for value in ("", "x", "AAAA", "é", "a" * 1025, "\ud800")),
        ("alias_prefix", "a" * 129),
        ("alias_prefix", "\ud800"),
        ("page", "1"),
    ],
)
def test_parameter_that_is_not_what_it_must_be_is_refused(name: str, value: str, aws: Aws) -> None:
    given = read(LIST, **{name: value})

    assert code(given) == (400, "field_invalid")
    assert aws.calls == []


def test_repeated_parameter_is_refused() -> None:
    event = get(LIST)
    event["multiValueQueryStringParameters"] = {"limit": ["1", "2"]}

    assert code(answer(read_keys.handler, event)) == (400, "field_invalid")


def test_cursor_is_of_one_list_only() -> None:
    for alias in ("a-1", "a-2"):
        created(alias=alias)
    cursor = read(LIST, limit="1").body["cursor"]

    assert read(LIST, cursor=cursor, limit="7").status == 200
    for other in ({"status": "active"}, {"alias_prefix": "a"}):
        assert code(read(LIST, cursor=cursor, **other)) == (400, "field_invalid")
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for tampered in (changed, cursor[1:], f"{cursor}A", cursor.swapcase()):
        assert code(read(LIST, cursor=tampered)) == (400, "field_invalid")
    id = read(LIST).body["items"][0]["id"]
    assert code(read(EVENTS, id, cursor=cursor)) == (400, "field_invalid")


def test_what_happened_is_listed_the_newest_first(clock: Clock) -> None:
    stream = Stream()
    created()
    clock.now += 60
    rotated = answer(rotate_key.handler, rotate()).body
    clock.now += 60
    answer(revoke_key.handler, delete(BILLING, "compromised"))
    publish_events.handler({"Records": stream.records()}, Context())

    first = read(EVENTS, BILLING, limit="2").body
    second = read(EVENTS, BILLING, limit="2", cursor=first["cursor"]).body

    told = first["items"] + second["items"]
    assert [event["type"] for event in told] == ["Key Revoked", "Key Rotated", "Key Created"]
    assert [event["version"] for event in told] == [3, 2, 1]
    assert told[1] == {
        "type": "Key Rotated",
        "event_id": f"{BILLING}-2",
        "id": BILLING,
        "alias": "billing",
        "roles": ["user"],
        "generation": 2,
        "version": 2,
        "actor": f"{ADMIN['id']}:root",
        "request_id": REQUEST_ID,
        "at": moment(NOW + 60),
        "expire": moment(NOW + 60 + 15 * DAY),
        "previous_expires_at": moment(NOW + 60 + DAY),
        "reason": None,
    }
    assert told[0]["reason"] == "compromised"
    assert rotated["key"] not in json.dumps(told)


def test_what_happened_to_one_key_is_no_others(clock: Clock) -> None:
    stream = Stream()
    other = created(alias="other")["id"]
    created()
    clock.now += 1
    created()
    publish_events.handler({"Records": stream.records()}, Context())

    assert len(read(EVENTS, BILLING).body["items"]) == 2
    assert len(read(EVENTS, other).body["items"]) == 1
    cursor = read(EVENTS, BILLING, limit="1").body["cursor"]
    assert code(read(EVENTS, other, cursor=cursor)) == (400, "field_invalid")


def test_key_to_which_nothing_was_told_has_an_empty_list() -> None:
    created()

    assert read(EVENTS, BILLING).body == {"items": [], "cursor": None}


@pytest.mark.parametrize(
    ("resource", "operation"), [(LIST, "Query"), (ONE, "GetItem"), (EVENTS, "Query")]
)
def test_database_that_does_not_answer_is_a_503(aws: Aws, resource: str, operation: str) -> None:
    created()
    aws.plan(operation, *[refused("InternalServerError", 500)] * 2)

    assert code(read(resource, BILLING if resource != LIST else "")) == (503, "unavailable")


def test_row_that_cannot_be_read_is_a_503_and_says_nothing_of_it(
    table: Table, output: Output
) -> None:
    created()
    table.put(table.row() | {"metadata": {"S": "a secret"}})

    for given in (read(LIST), read(ONE, BILLING)):
        assert code(given) == (503, "unavailable")
    assert "a secret" not in output.text


@pytest.mark.parametrize("resource", [LIST, ONE, EVENTS])
def test_route_that_asked_no_authorizer_is_forbidden(aws: Aws, resource: str) -> None:
    created()
    aws.forget()
    event = get(resource, BILLING if resource != LIST else "")
    del event["requestContext"]["authorizer"]

    assert code(answer(read_keys.handler, event)) == (403, "forbidden")
    assert aws.calls == []
