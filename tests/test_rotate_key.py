"""POST /api/apikey/{id}/rotate, through API Gateway's events."""

from typing import Any

import pytest

import create_key
import revoke_key
import rotate_key
from keyturn import keytext
from keyturn.keys import DAY, Outcome, moment
from tests.support import ADMIN, NOW, REQUEST_ID, Answer, Clock, Output, answer, delete, post
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_rotation import BILLING, judge, rotate

GRANT = {"alias": "billing", "name": "Billing", "roles": ["user"], "ttl_days": 15}
ROUTE = "POST /api/apikey/{key}/rotate"


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def created() -> dict[str, Any]:
    return answer(create_key.handler, post(GRANT | {"metadata": {"team": "a"}})).body


def rotated(key: str = BILLING, body: object = b"", **parts: Any) -> Answer:  # noqa: ANN401
    return answer(rotate_key.handler, rotate(key, body, **parts))


def test_rotation_answers_the_key_with_its_new_string_and_the_old_ones_end(
    created: dict[str, Any], clock: Clock
) -> None:
    clock.now += DAY

    given = rotated(body={"grace_seconds": 60})

    key = given.body.pop("key")
    assert given == Answer(
        200,
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
        },
        {
            **{name: value for name, value in created.items() if name != "key"},
            "expire": moment(clock.now + 15 * DAY),
            "generation": 2,
            "updated_at": moment(clock.now),
            "previous_expires_at": moment(clock.now + 60),
            "previous_last_seen_at": None,
        },
    )
    parsed = keytext.parse(key)
    assert parsed is not None
    assert parsed.id == BILLING
    assert key != created["key"]
    assert {judge(text, clock.now) for text in (key, created["key"])} == {Outcome.VALID}
    assert judge(created["key"], clock.now + 60) is Outcome.EXPIRED


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("body", [b"", {}, {"force": False}])
def test_without_a_word_the_grace_is_the_deployments(body: object) -> None:
    given = rotated(body=body)

    assert given.status == 200
    assert given.body["previous_expires_at"] == moment(NOW + 86_400)


@pytest.mark.parametrize("grace", [0, 1, 2_592_000])
def test_grace_is_as_asked_but_never_past_the_old_strings_end(
    created: dict[str, Any], grace: int
) -> None:
    given = rotated(body={"grace_seconds": grace})

    assert given.body["previous_expires_at"] == moment(NOW + min(grace, 15 * DAY))
    old = Outcome.VALID if grace else Outcome.EXPIRED
    assert judge(created["key"], NOW) is old


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grace_seconds", -1),
        ("grace_seconds", 2_592_001),
        ("grace_seconds", 10**30),
        ("grace_seconds", 0.5),
        ("grace_seconds", 60.0),
        ("grace_seconds", "60"),
        ("grace_seconds", True),
        ("grace_seconds", None),
        ("grace_seconds", []),
        ("rotation_id", ""),
        ("rotation_id", "r" * 65),
        ("rotation_id", 1),
        ("rotation_id", None),
        ("rotation_id", "\ud800"),
        ("force", 1),
        ("force", "true"),
        ("force", None),
    ],
)
def test_field_that_is_not_what_it_must_be_is_refused_by_its_name(
    field: str, value: object, aws: Aws
) -> None:
    aws.forget()

    given = rotated(body={field: value})

    assert (given.status, given.body["code"]) == (400, "field_invalid")
    assert given.body["error"].startswith(f"{field}: ")
    assert str(value) not in given.body["error"] or len(str(value)) < 3
    assert aws.calls == []


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("field", ["roles", "alias", "ttl_days", "key"])
def test_rotation_widens_nothing_and_takes_no_key(field: str) -> None:
    given = rotated(body={field: "x"})

    assert (given.status, given.body["error"]) == (400, f"unknown field {field}")


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"\xff", b"1"])
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    given = rotated(body=body)

    assert (given.status, given.body["code"]) == (400, "invalid_body")


def test_key_string_of_the_key_in_the_path_is_no_id(created: dict[str, Any], aws: Aws) -> None:
    aws.forget()
    for target in (created["key"], "self", "verify", "0" * 17, "x", "%2e%2e", "é"):
        given = rotated(target)

        assert (given.status, given.body["error"]) == (404, "API key not found")
    assert aws.calls == ["GetItem"]


@pytest.mark.usefixtures("created")
def test_second_rotation_is_refused_while_the_grace_runs_unless_forced(clock: Clock) -> None:
    first = rotated().body
    clock.now += 86_399

    refusal = rotated()

    assert (refusal.status, refusal.body["code"]) == (409, "grace_running")
    assert judge(first["key"], clock.now) is Outcome.VALID
    forced = rotated(body={"force": True})
    assert (forced.status, forced.body["generation"]) == (200, 3)
    clock.now += 86_400
    assert rotated().status == 200


@pytest.mark.usefixtures("created")
def test_repeat_by_rotation_id_answers_the_same_and_changes_nothing(table: Table) -> None:
    asked = {"rotation_id": "deploy 7", "grace_seconds": 60}
    once = rotated(body=asked)
    row = table.row()

    again = rotated(body=asked | {"force": True, "grace_seconds": 0})

    assert again.body == once.body
    assert table.row() == row


@pytest.mark.usefixtures("created")
def test_expired_or_revoked_key_is_refused_and_a_compromised_one_is_not(clock: Clock) -> None:
    answer(revoke_key.handler, delete(BILLING))
    refusal = rotated()
    assert (refusal.status, refusal.body["code"]) == (409, "key_inactive")

    answer(create_key.handler, post(GRANT))
    clock.now += 15 * DAY
    refusal = rotated()
    assert (refusal.status, refusal.body["code"]) == (409, "key_inactive")

    leaked = answer(create_key.handler, post(GRANT)).body["key"]
    answer(revoke_key.handler, delete(BILLING, "compromised"))
    given = rotated()
    assert (given.status, given.body["is_active"]) == (200, True)
    assert given.body["previous_expires_at"] == moment(clock.now)
    assert judge(leaked, clock.now) is Outcome.EXPIRED
    assert judge(given.body["key"], clock.now) is Outcome.VALID


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "UpdateItem"])
def test_aws_that_cannot_answer_is_a_503_that_may_be_repeated(aws: Aws, operation: str) -> None:
    aws.plan(operation, *[refused("InternalServerError", 500)] * 2)

    given = rotated(body={"rotation_id": "r"})

    assert (given.status, given.body["code"]) == (503, "unavailable")
    assert given.headers["Retry-After"] == "2"
    assert rotated(body={"rotation_id": "r"}).body["generation"] == 2


@pytest.mark.usefixtures("created")
def test_503_of_a_rotation_that_was_done_is_answered_with_its_string_on_repeat(aws: Aws) -> None:
    aws.plan("UpdateItem", lost_reply, refused("InternalServerError", 500))
    assert rotated(body={"rotation_id": "r"}).status == 503

    given = rotated(body={"rotation_id": "r"})

    assert given.body["generation"] == 2
    assert judge(given.body["key"], NOW) is Outcome.VALID


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("caller", [None, {}, {"alias": "root"}])
def test_route_that_asked_no_authorizer_is_forbidden(
    caller: dict[str, str] | None, aws: Aws
) -> None:
    aws.forget()

    given = rotated(caller=caller)

    assert (given.status, given.body["code"]) == (403, "forbidden")
    assert aws.calls == []


def test_who_rotated_stands_on_the_row_and_in_the_log_and_no_string_does(
    created: dict[str, Any], table: Table, output: Output
) -> None:
    given = rotated()

    row = table.row()
    assert row["updated_by"] == {"S": f"{ADMIN['id']}:root"}
    assert row["updated_request"] == {"S": REQUEST_ID}
    line, metric = output.records()
    assert line == line | {"message": "Rotated", "route": ROUTE, "id": BILLING, "version": 2}
    assert metric["Rotated"] == [1.0]
    told = output.text + str(row)
    assert created["key"] not in told
    assert given.body["key"] not in told
