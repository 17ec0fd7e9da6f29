import json
from typing import Any

import pytest

import create_key
import revoke_key
from keyturn import keytext
from tests.support import (
    ADMIN,
    REQUEST_ID,
    Answer,
    Clock,
    Context,
    Output,
    answer,
    delete,
    post,
)
from tests.support_aws import Aws, Table, first, refused

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


def test_who_did_it_stands_on_the_row_and_in_the_log(table: Table, output: Output) -> None:
    create()

    assert table.row()["updated_by"] == {"S": f"{ADMIN['id']}:root"}
    (line,) = (record for record in output.records() if "_aws" not in record)
    assert line == line | {
        "level": "INFO",
        "message": "Created",
        "service": "keyturn",
        "request_id": REQUEST_ID,
        "lambda_request_id": "lambda-request-id",
        "route": "POST /api/apikey",
        "actor_id": ADMIN["id"],
        "actor_alias": "root",
        "id": keytext.id_of("", "billing"),
        "alias": "billing",
        "version": 1,
    }


def test_each_is_counted(output: Output) -> None:
    create()
    create()

    metrics = [record for record in output.records() if "_aws" in record]
    assert [next(iter(metric.keys() & {"Created", "Renewed"})) for metric in metrics] == [
        *("Created", "Renewed")
    ]
    for metric in metrics:
        (directive,) = metric["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Keyturn"
        assert directive["Dimensions"] == [["service"]]
        assert metric["service"] == "keyturn"


@pytest.mark.parametrize("caller", [None, {}, {"alias": "root"}, {"id": ""}])
def test_a_route_that_asked_no_authorizer_is_forbidden(
    caller: dict[str, str] | None, aws: Aws
) -> None:
    given = create(caller=caller)

    assert (given.status, given.body["code"]) == (403, "forbidden")
    assert aws.calls == []


def test_a_direct_invoke_makes_the_first_admin_key(table: Table, aws: Aws, output: Output) -> None:
    made = create_key.handler({"alias": "root", "name": "Root", "roles": ["admin"]}, Context())

    assert json.loads(json.dumps(made)) == made
    assert (made["status"], made["renewed"], made["roles"]) == (201, False, ["admin"])
    assert keytext.parse(made["key"]) is not None
    assert table.row()["updated_by"] == {"S": "iam"}
    assert aws.calls == ["GetItem", "Encrypt", "PutItem"]
    line = next(record for record in output.records() if "_aws" not in record)
    assert (line["request_id"], line["actor_id"]) == ("lambda-request-id", "iam")


def test_a_direct_invoke_says_what_came_of_it(aws: Aws) -> None:
    statuses = [create_key.handler(BODY, Context())["status"] for _ in range(2)]
    aws.always("GetItem", refused("AccessDeniedException"))
    unavailable = create_key.handler(BODY, Context())

    assert statuses == [201, 200]
    assert unavailable == {
        "status": 503,
        "error": "service unavailable, try again",
        "code": "unavailable",
        "request_id": "lambda-request-id",
    }


def test_a_compromised_key_is_rotated_and_not_renewed(aws: Aws) -> None:
    key = create().body["key"]
    answer(revoke_key.handler, delete(key, "compromised"))
    aws.forget()

    given = create()

    assert (given.status, given.body["code"]) == (409, "key_compromised")
    assert aws.calls == ["GetItem"]


@pytest.mark.row("T5")
def test_an_id_that_another_alias_owns_is_a_conflict(table: Table) -> None:
    create()
    table.put(table.row() | {"alias": {"S": "collides"}})

    given = create()

    assert (given.status, given.body["code"]) == (409, "alias_conflict")
    assert given.body["error"] == "another alias already owns this id"


def test_who_loses_the_race_to_create_gets_the_winner_s_key(aws: Aws) -> None:
    won: list[Answer] = []
    aws.plan("PutItem", first(lambda: won.append(create())))

    lost = create()

    assert (won[0].status, lost.status) == (201, 200)
    assert won[0].body["key"] == lost.body["key"]


@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "PutItem"])
def test_what_aws_cannot_do_now_may_be_tried_again(
    operation: str, aws: Aws, output: Output
) -> None:
    aws.always(operation, refused("AccessDeniedException"))

    given = create()

    assert (given.status, given.body["code"]) == (503, "unavailable")
    assert given.headers["Retry-After"] == "2"
    (line,) = output.records()
    assert (line["level"], line["detail"]) == ("ERROR", f"{operation}: AccessDeniedException")
    assert "a message with detail" not in json.dumps(given.body) + output.text


def test_a_row_that_cannot_be_read_is_unavailable(table: Table) -> None:
    create()
    table.put(table.row() | {"metadata": {"S": "[]"}})

    assert create().status == 503
