import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import create_key
import revoke_key
from keyturn import keytext
from keyturn.keys import DAY, Reason
from tests.support import ADMIN, NOW, REQUEST_ID, Answer, Clock, Output, answer, delete, post
from tests.support_aws import Aws, Table, afterwards, lost_reply, refused

DONE = {"message": "API key revoked successfully"}


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key(aws: Aws) -> str:
    made = answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))
    aws.forget()
    return str(made.body["key"])


def revoke(target: str, reason: str | None = None) -> Answer:
    return answer(revoke_key.handler, delete(target, reason))


def id_in(key: str) -> str:
    return key.split("_")[-2]


def test_a_key_is_revoked_by_its_string(key: str, table: Table) -> None:
    assert revoke(key) == Answer(
        200,
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
        },
        DONE,
    )
    assert table.row()["is_active"] == {"BOOL": False}


@pytest.mark.row("T3")
def test_a_key_is_revoked_by_its_id_so_that_no_secret_stands_in_a_url(
    key: str, table: Table
) -> None:
    assert revoke(id_in(key)).status == 200
    assert table.row()["is_active"] == {"BOOL": False}


def test_a_revocation_is_one_write_and_nothing_else(key: str, aws: Aws) -> None:
    revoke(key)

    assert aws.calls == ["UpdateItem"]


@pytest.mark.parametrize("reason", [None, *Reason])
def test_the_reason_and_who_did_it_stand_on_the_row(
    reason: Reason | None, key: str, table: Table, clock: Clock
) -> None:
    clock.now += 60

    assert revoke(key, reason).status == 200

    row = table.row()
    assert row["revoke_reason"] == {"S": reason or "unspecified"}
    assert row["revoked_at"] == row["updated_at"] == {"N": str(NOW + 60)}
    assert row["updated_by"] == {"S": f"{ADMIN['id']}:root"}


@pytest.mark.parametrize("by_id", [True, False])
def test_what_is_revoked_already_is_not_found(key: str, table: Table, *, by_id: bool) -> None:
    target = id_in(key) if by_id else key
    revoke(target, "superseded")
    before = table.row()

    again = revoke(target, "compromised")

    assert (again.status, again.body["code"]) == (404, "not_found")
    assert table.row() == before


def test_an_expired_key_can_be_revoked(key: str, clock: Clock) -> None:
    clock.now += 100 * DAY

    assert revoke(key).status == 200


def test_a_key_is_revoked_whatever_its_prefix_was(table: Table, key: str) -> None:
    text = keytext.mint("former", id_in(key))
    table.put(table.row() | {"secret_hash": {"B": text.digest}})

    assert revoke(text.reveal()).status == 200


@given(at=st.integers(0, 50), mistake=st.sampled_from(["drop", "double", "change", "swap"]))
def test_a_key_with_any_mistake_in_it_is_not_found_and_not_looked_for(
    at: int, mistake: str, key: str, aws: Aws
) -> None:
    before, here, after, rest = key[:at], key[at], key[at + 1], key[at + 2 :]
    changed = "0" if here == "1" else "1"
    middle = {
        "drop": after,
        "double": here + here + after,
        "change": changed + after,
        "swap": after + here,
    }
    mistaken = before + middle[mistake] + rest
    assume(mistaken != key)

    assert revoke(mistaken).status == 404
    assert aws.calls == []


def test_the_row_stays_so_that_the_alias_keeps_its_key(key: str) -> None:
    revoke(key)

    renewed = answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))

    assert (renewed.status, renewed.body["key"]) == (200, key)


def test_what_was_done_stands_in_the_log_and_is_counted(key: str, output: Output) -> None:
    before = len(output.records())

    revoke(key)

    line, metric = output.records()[before:]
    assert line == line | {
        "message": "Revoked",
        "request_id": REQUEST_ID,
        "route": "DELETE /api/apikey/{key}",
        "actor_id": ADMIN["id"],
        "id": id_in(key),
        "alias": "billing",
        "version": 2,
    }
    assert metric["Revoked"] == [1.0]
    assert key[-38:-6] not in output.text


@pytest.mark.parametrize("caller", [None, {}, {"alias": "root"}])
def test_a_route_that_asked_no_authorizer_is_forbidden(
    caller: dict[str, str] | None, key: str, aws: Aws
) -> None:
    given = answer(revoke_key.handler, delete(key, caller=caller))

    assert (given.status, given.body["code"]) == (403, "forbidden")
    assert aws.calls == []


def test_a_lost_reply_to_a_revocation_is_no_404(key: str, aws: Aws, table: Table) -> None:
    aws.plan("UpdateItem", lost_reply)

    assert revoke(key).status == 200
    assert table.row()["version"] == {"N": "2"}


def test_a_revocation_of_unknown_outcome_may_be_tried_again(
    key: str, aws: Aws, table: Table
) -> None:
    aws.plan("UpdateItem", lost_reply, lost_reply)

    given = revoke(key)

    assert (given.status, given.body["code"]) == (503, "unavailable")
    assert given.headers["Retry-After"] == "2"
    # A 404 to the repeat means that it is done.
    assert table.row()["is_active"] == {"BOOL": False}
    assert revoke(key).status == 404


def test_a_key_renewed_before_a_lost_reply_is_repeated_stays_renewed(
    key: str, aws: Aws, table: Table
) -> None:
    def renew() -> None:
        answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))

    aws.plan("UpdateItem", afterwards(renew))

    assert revoke(key).status == 200
    assert table.row()["is_active"] == {"BOOL": True}


def test_what_aws_cannot_do_now_may_be_tried_again(key: str, aws: Aws, table: Table) -> None:
    aws.always("UpdateItem", refused("AccessDeniedException"))
    before = table.row()

    assert revoke(key).status == 503
    assert table.row() == before
