import json
import re
import unicodedata
from typing import Any

import pytest

import create_key
import revoke_key
from keyturn import keytext
from keyturn.keys import DAY
from tests.support import (
    NOW,
    REQUEST_ID,
    Answer,
    Clock,
    answer,
    delete,
    post,
)
from tests.support_aws import Aws, Table

BODY = {
    "alias": "billing",
    "name": "Billing",
    "roles": ["user"],
    "ttl_days": 15,
    "metadata": {"team": "a"},
}


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


def create(body: object = BODY, **parts: Any) -> Answer:  # noqa: ANN401 - as `post`
    return answer(create_key.handler, post(body, **parts))


def created(**fields: object) -> dict[str, Any]:
    """Create or renew with these fields in a body of the least that is asked for."""
    given = create({"alias": "billing", "name": "Billing"} | fields)
    assert given.status in {200, 201}, given.body
    return given.body


def test_a_new_alias_gets_a_new_key() -> None:
    given = create()

    id, key = given.body["id"], given.body["key"]
    assert re.fullmatch(keytext.LEAKED, key)
    assert key.startswith(f"kt_{id}_")
    assert given == Answer(
        201,
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
        },
        {
            "id": keytext.id_of("", "billing"),
            "key": key,
            "alias": "billing",
            "name": "Billing",
            "roles": ["user"],
            "is_active": True,
            "expire": "2027-01-30T08:00:00Z",
            "ttl_days": 15,
            "generation": 1,
            "created_at": "2027-01-15T08:00:00Z",
            "updated_at": "2027-01-15T08:00:00Z",
            "metadata": {"team": "a"},
            "renewed": False,
        },
    )


def test_an_alias_that_exists_is_renewed_with_the_same_key(clock: Clock) -> None:
    before = create().body
    clock.now += DAY

    given = create({"alias": "billing", "name": "Other", "ttl_days": 30})

    assert given.status == 200
    assert given.body == before | {
        "name": "Other",
        "roles": [],
        "expire": "2027-02-15T08:00:00Z",
        "ttl_days": 30,
        "updated_at": "2027-01-16T08:00:00Z",
        "renewed": True,
    }


def test_uncontended_calls_cost_one_read_one_kms_call_and_one_write(aws: Aws) -> None:
    create()
    assert aws.calls == ["GetItem", "Encrypt", "PutItem"]
    aws.forget()
    create()
    assert aws.calls == ["GetItem", "Decrypt", "UpdateItem"]


def test_an_expired_key_keeps_is_active_and_is_renewed(clock: Clock, table: Table) -> None:
    before = create().body
    clock.now += 100 * DAY
    assert table.row()["is_active"] == {"BOOL": True}

    assert created()["key"] == before["key"]


def test_a_revoked_key_is_active_again_once_renewed(table: Table) -> None:
    key = created()["key"]
    answer(revoke_key.handler, delete(key))

    given = create()

    assert (given.status, given.body["is_active"], given.body["key"]) == (200, True, key)
    assert table.row()["is_active"] == {"BOOL": True}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  billing\t\n", "billing"),
        ("a b", "a b"),
        (17, "17"),
        (-3, "-3"),
        ("0", "0"),
        ("\U0001f511 caf\u00e9", "\U0001f511 caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u212b", "\u00c5"),
        ("c" * 128, "c" * 128),
        (f"  {'c' * 128}  ", "c" * 128),
        ("e\u0301" * 128, "\u00e9" * 128),
        ("\U0001f511" * 128, "\U0001f511" * 128),
        ("kt_\"'<>&;--", "kt_\"'<>&;--"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_an_alias_is_stored_and_answered_trimmed_and_composed(
    sent: object, stored: str, table: Table
) -> None:
    given = created(alias=sent)

    assert (given["alias"], given["id"]) == (stored, keytext.id_of("", stored))
    assert table.row()["alias"] == {"S": stored}


def test_composed_and_decomposed_twins_are_one_key(table: Table) -> None:
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))

    twins = [create({"alias": alias, "name": "A"}) for alias in (composed, decomposed)]

    assert [twin.status for twin in twins] == [201, 200]
    assert twins[0].body["key"] == twins[1].body["key"]
    assert len(table.rows()) == 1


def test_aliases_differ_in_case(table: Table) -> None:
    assert created(alias="Billing")["key"] != created(alias="billing")["key"]
    assert len(table.rows()) == 2


@pytest.mark.parametrize("name", [" ", "  A \n", "A", "n" * 256, "\U0001f511" * 256, "cafe\u0301"])
def test_a_name_is_kept_as_it_was_sent(name: str) -> None:
    assert created(name=name)["name"] == name


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([], []),
        (["user", "admin"], ["user", "admin"]),
        (["user", "admin", "user", "creator"], ["user", "admin", "creator"]),
    ],
)
def test_roles_keep_their_order_and_lose_repeats(sent: list[str], stored: list[str]) -> None:
    assert created(roles=sent)["roles"] == stored


def test_what_is_left_out_on_renewal() -> None:
    """Roles and days fall back to their defaults; metadata stays."""
    created(roles=["user"], ttl_days=100, metadata={"a": "b"})

    renewed = created()

    assert (renewed["roles"], renewed["ttl_days"], renewed["metadata"]) == ([], 15, {"a": "b"})
    assert created(metadata={})["metadata"] == {}


@pytest.mark.parametrize("days", [1, 365])
def test_days_up_to_the_deployment_s_maximum(days: int, table: Table) -> None:
    assert created(ttl_days=days)["ttl_days"] == days
    assert table.row()["expires_at"] == {"N": str(NOW + days * DAY)}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"": ""}, {"a": "x" * 2039}, {"a": "\u00e9" * 1019}, {f"{n:03}": "" for n in range(186)}],
    ids=["empty", "empty key", "2 KiB", "2 KiB of two bytes each", "many"],
)
def test_metadata_of_up_to_2_kib(metadata: dict[str, str]) -> None:
    assert len(json.dumps(metadata, ensure_ascii=False).encode()) <= 2048
    assert created(metadata=metadata)["metadata"] == metadata


def test_a_body_of_16_kib_is_taken() -> None:
    body = json.dumps(BODY).encode()

    assert create(body + b" " * (16 * 1024 - len(body))).status == 201


@pytest.mark.parametrize(
    "media_type",
    [
        *("application/json", "application/json; charset=utf-8", "Application/JSON"),
        *(" application/json ;x=y", "application/vnd.example.v1+json", "application/ld+json"),
        "",
    ],
)
def test_a_body_may_say_in_many_ways_that_it_is_json(media_type: str) -> None:
    for name in ("Content-Type", "content-type", "CONTENT-TYPE"):
        assert create(headers={name: [media_type]}).status in {200, 201}


def test_a_body_may_say_nothing_of_what_it_is() -> None:
    assert create(headers={}).status == 201


def test_a_body_in_utf_8_arrives_as_it_was_sent() -> None:
    body = '{"alias": "\u00fcber", "name": "\U0001f511"}'.encode()

    given = create(body)

    assert (given.body["alias"], given.body["name"]) == ("\u00fcber", "\U0001f511")


def test_a_body_that_is_not_base64_is_taken_too() -> None:
    """As local tools send it."""
    event = post(b"") | {"body": json.dumps(BODY), "isBase64Encoded": False}

    assert answer(create_key.handler, event).status == 201


@pytest.mark.parametrize("path", ["/v1/api/apikey", "/api/apikey/", "/keys/api/apikey", "/x"])
def test_only_the_matched_resource_says_which_route_it_is(path: str) -> None:
    """A stage, a custom domain's base path or a trailing slash may stand in the path."""
    event = post(BODY)
    event["path"] = event["requestContext"]["path"] = path

    assert answer(create_key.handler, event).status == 201
