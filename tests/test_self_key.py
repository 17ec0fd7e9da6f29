from collections.abc import Mapping
from typing import Any

import pytest

import create_key
import revoke_key
from keyturn import keytext
from keyturn.keys import DAY
from tests.support import NOW, REQUEST_ID, Answer, Clock, Output, answer, delete, post
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_self import held, is_refused, own


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key(aws: Aws) -> str:
    body = {"alias": "billing", "name": "Billing", "metadata": {"team": "money"}}
    made = answer(create_key.handler, post(body))
    aws.forget()
    return str(made.body["key"])


# reading


def test_a_holder_is_told_the_whole_record_and_no_key(key: str) -> None:
    given = own("GET", held(key))

    assert given == Answer(
        200,
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
        },
        {
            "id": keytext.id_of("", "billing"),
            "alias": "billing",
            "name": "Billing",
            "roles": [],
            "is_active": True,
            "expire": "2027-01-30T08:00:00Z",
            "ttl_days": 15,
            "generation": 1,
            "created_at": "2027-01-15T08:00:00Z",
            "updated_at": "2027-01-15T08:00:00Z",
            "metadata": {"team": "money"},
            "status": "active",
            "hint": f"kt_...{key[-4:]}",
            "revoked_at": None,
            "revoke_reason": None,
            "previous_expires_at": None,
            "rotate_every_days": None,
            "updated_by": "0Adm1nAdm1nAdm1nA:root",
            "last_used_at": None,
            "last_generation_used": None,
            "previous_last_seen_at": None,
        },
    )


def test_a_read_of_ones_own_is_one_strongly_consistent_read_and_one_of_its_use(
    key: str, aws: Aws
) -> None:
    caller = held(key)
    aws.forget()

    own("GET", caller)

    assert aws.calls == ["GetItem", "GetItem"]
    assert b'"ConsistentRead": true' in aws.sent[0]
    assert b'"usage"' in aws.sent[1]


def test_a_key_that_ended_since_the_authorizer_looked_is_told_so(key: str, clock: Clock) -> None:
    caller = held(key)
    clock.now += 15 * DAY
    assert own("GET", caller).body["status"] == "expired"

    answer(revoke_key.handler, delete(key, "superseded"))

    record = own("GET", caller).body
    assert (record["status"], record["is_active"]) == ("revoked", False)
    assert (record["revoked_at"], record["revoke_reason"]) == ("2027-01-30T08:00:00Z", "superseded")


def test_a_row_that_is_gone_is_not_found(key: str, table: Table) -> None:
    caller = held(key)
    table.clear()

    given = own("GET", caller)

    assert (given.status, given.body["code"]) == (404, "not_found")


# revoking


def test_whoever_finds_a_leaked_key_can_end_it(key: str, table: Table, clock: Clock) -> None:
    caller = held(key)
    clock.now += 60

    given = own("DELETE", caller)

    assert (given.status, given.body) == (200, {"message": "API key revoked successfully"})
    row = table.row()
    assert row["is_active"] == {"BOOL": False}
    assert row["revoke_reason"] == {"S": "compromised"}
    assert row["revoked_at"] == row["updated_at"] == {"N": str(NOW + 60)}
    assert row["updated_by"] == {"S": f"{keytext.id_of('', 'billing')}:billing"}
    assert is_refused(key)


def test_a_key_that_its_holder_ended_is_never_handed_out_again(key: str) -> None:
    own("DELETE", held(key))

    renewal = answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))

    assert (renewal.status, renewal.body["code"]) == (409, "key_compromised")


def test_ending_ones_own_key_is_one_write_and_no_read(key: str, aws: Aws) -> None:
    caller = held(key)
    aws.forget()

    own("DELETE", caller)

    assert aws.calls == ["UpdateItem"]


def test_what_has_ended_already_is_not_found(key: str, table: Table, clock: Clock) -> None:
    caller = held(key)
    assert own("DELETE", caller).status == 200
    before = table.row()
    clock.now += 1

    assert own("DELETE", caller).status == 404
    assert table.row() == before


def test_a_lost_reply_to_it_is_no_404(key: str, aws: Aws, table: Table) -> None:
    caller = held(key)
    aws.plan("UpdateItem", lost_reply)

    assert own("DELETE", caller).status == 200
    assert table.row()["version"] == {"N": "2"}


# what cannot be done


@pytest.mark.parametrize(("method", "operation"), [("GET", "GetItem"), ("DELETE", "UpdateItem")])
def test_what_aws_cannot_do_now_may_be_tried_again(
    method: str, operation: str, key: str, aws: Aws, table: Table
) -> None:
    caller = held(key)
    before = table.row()
    aws.always(operation, refused("AccessDeniedException"))

    given = own(method, caller)

    assert (given.status, given.body["code"]) == (503, "unavailable")
    assert given.headers["Retry-After"] == "2"
    assert table.row() == before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("caller", [None, {}, {"alias": "billing"}], ids=repr)
def test_a_route_that_asked_no_authorizer_is_forbidden(
    method: str, caller: Mapping[str, str] | None, key: str, aws: Aws
) -> None:
    assert key

    given = own(method, caller)

    assert (given.status, given.body["code"]) == (403, "forbidden")
    assert aws.calls == []


@pytest.mark.parametrize("change", [{"schema": {"N": "2"}}, {"hint": {"N": "1"}}], ids=repr)
def test_a_row_that_cannot_be_read_is_503(change: Any, key: str, table: Table) -> None:  # noqa: ANN401 - a row's attributes
    caller = held(key)
    table.put(table.row() | change)

    assert own("GET", caller).status == 503


def test_what_was_done_stands_in_the_log_and_is_counted(key: str, output: Output) -> None:
    caller = held(key)
    before = len(output.records())

    own("GET", caller)
    own("DELETE", caller)

    line, metric = output.records()[before:]
    id = keytext.id_of("", "billing")
    assert line == line | {
        "message": "Revoked",
        "request_id": REQUEST_ID,
        "route": "DELETE /api/apikey/self",
        "actor_id": id,
        "id": id,
        "alias": "billing",
        "version": 2,
    }
    assert metric["Revoked"] == [1.0]
    assert key[-38:-6] not in output.text
