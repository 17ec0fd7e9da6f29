import json
from typing import Any

import pytest

import create_key
import revoke_key
import verify_key
from keyturn import keytext, row
from keyturn.keys import DAY
from tests.support import NOW, REQUEST_ID, Answer, Clock, Output, answer, delete, post, request
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_rotated import rotated

JSON = {"Content-Type": ["application/json"]}


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key(aws: Aws) -> str:
    body = {"alias": "billing", "name": "Billing", "roles": ["user", "creator"]}
    made = answer(create_key.handler, post(body))
    aws.forget()
    return str(made.body["key"])


def sent(body: object, **parts: Any) -> Answer:  # noqa: ANN401 - as `request`
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    parts.setdefault("headers", JSON)
    event = request("POST", "/api/apikey/verify", body=data, **parts)
    return answer(verify_key.handler, event)


def code(body: object) -> str:
    """Return the outcome of a well-formed request, which is 200 whatever it is."""
    given = sent(body)
    assert given.status == 200
    if given.body["code"] != "valid":
        assert given.body == {"valid": False, "code": given.body["code"]}
    return str(given.body["code"])


def test_a_good_key_is_told_with_what_it_may(key: str) -> None:
    assert sent({"key": key}) == Answer(
        200,
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
        },
        {
            "valid": True,
            "code": "valid",
            "id": keytext.id_of("", "billing"),
            "alias": "billing",
            "roles": ["user", "creator"],
            "expire": "2027-01-30T08:00:00Z",
            "generation": 1,
        },
    )


@pytest.mark.parametrize(
    ("roles", "outcome"),
    [
        ([], "valid"),
        (["user"], "valid"),
        (["admin", "creator"], "valid"),
        (["admin"], "insufficient_role"),
    ],
    ids=str,
)
def test_any_one_of_the_roles_asked_for_suffices(key: str, roles: list[str], outcome: str) -> None:
    assert code({"key": key, "roles": roles}) == outcome


def test_a_key_without_roles_has_none_of_those_asked_for(table: Table, key: str) -> None:
    table.put(table.row() | {"roles": {"L": []}})

    assert code({"key": key}) == "valid"
    assert code({"key": key, "roles": ["user", "creator", "admin"]}) == "insufficient_role"


@pytest.mark.parametrize("reason", ["unspecified", "compromised"])
def test_a_revoked_key_is_refused_at_once(key: str, reason: str) -> None:
    assert code({"key": key}) == "valid"

    answer(revoke_key.handler, delete(key, reason))

    assert code({"key": key}) == "revoked"


def test_a_revoked_key_is_good_again_once_renewed(key: str) -> None:
    answer(revoke_key.handler, delete(key))
    answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))

    assert code({"key": key}) == "valid"


def test_an_expired_key_is_refused_from_its_very_second(key: str, clock: Clock) -> None:
    clock.now = NOW + 15 * DAY - 1
    assert code({"key": key}) == "valid"
    clock.now += 1
    assert code({"key": key}) == "expired"


@pytest.mark.row("T9")
def test_no_row_and_a_wrong_secret_are_told_alike(key: str) -> None:
    wrong = keytext.mint("kt", key.split("_")[1]).reveal()
    unknown = keytext.mint("kt", "A" * 17).reveal()

    assert code({"key": wrong}) == code({"key": unknown}) == "not_found"


def test_of_several_reasons_the_first_of_the_contract_is_told(key: str, clock: Clock) -> None:
    wrong = keytext.mint("kt", key.split("_")[1]).reveal()
    answer(revoke_key.handler, delete(key))
    clock.now += 100 * DAY

    assert code({"key": wrong, "roles": ["admin"]}) == "not_found"
    assert code({"key": key, "roles": ["admin"]}) == "revoked"
    answer(create_key.handler, post({"alias": "billing", "name": "Billing", "roles": ["user"]}))
    clock.now += 100 * DAY
    assert code({"key": key, "roles": ["admin"]}) == "expired"


def test_an_old_string_is_good_in_its_grace_and_says_which_it_is(
    key: str, table: Table, clock: Clock
) -> None:
    new = rotated(key, NOW + 60, table)

    old, current = sent({"key": key}).body, sent({"key": new}).body

    assert (old["generation"], old["expire"]) == (1, "2027-01-15T08:01:00Z")
    assert (current["generation"], current["expire"]) == (2, "2027-01-30T08:00:00Z")
    clock.now += 60
    assert code({"key": key}) == "expired"
    assert code({"key": new}) == "valid"


# what it costs


def test_a_verification_is_one_strongly_consistent_read_of_what_it_needs(
    key: str, aws: Aws, table: Table
) -> None:
    new = rotated(key, NOW + 60, table)
    for body in ({"key": new}, {"key": key}, {"key": keytext.mint("kt", "A" * 17).reveal()}):
        aws.forget()
        code(body)

        assert aws.calls == ["GetItem"]
        read = json.loads(aws.sent[0])
        assert read["ConsistentRead"] is True
        assert set(read["ExpressionAttributeNames"].values()) == set(row.CREDENTIAL)


def test_what_cannot_be_a_key_is_refused_without_a_read(key: str, aws: Aws) -> None:
    for mistaken in (
        "",
        "\N{KEY}",
        f"Bearer {key}",
        f" {key}",
        f"{key}\n",
        key[:-1],
        key + key[-1],
        key[:30] + ("A" if key[30] != "A" else "B") + key[31:],
        key.split("_")[1],
        key * 100,
        key.upper(),
    ):
        assert code({"key": mistaken}) == "malformed"
    assert aws.calls == []


# what cannot be known


def test_what_cannot_be_known_is_no_verdict(key: str, aws: Aws, output: Output) -> None:
    aws.always("GetItem", refused("AccessDeniedException"))

    given = sent({"key": key})

    assert (given.status, given.body["code"]) == (503, "unavailable")
    assert given.headers["Retry-After"] == "2"
    assert "valid" not in given.body
    (decision,) = [line for line in output.records() if line.get("message") == "decision"]
    assert (decision["reason"], decision["Failed"]) == ("unavailable", 1)
    assert decision["detail"].startswith("GetItem: AccessDeniedException")


@pytest.mark.parametrize(
    "change",
    [{"schema": {"N": "2"}}, {"roles": {"S": "user"}}, {"secret_hash": {"B": b"short"}}],
    ids=["newer", "malformed", "half a hash"],
)
def test_a_row_that_cannot_be_read_is_no_verdict(
    change: dict[str, Any], key: str, table: Table
) -> None:
    table.put(table.row() | change)

    assert sent({"key": key}).status == 503


def test_a_lost_reply_is_asked_for_again(key: str, aws: Aws) -> None:
    aws.plan("GetItem", lost_reply)

    assert code({"key": key}) == "valid"


# what is no request


@pytest.mark.parametrize(
    ("body", "status", "error", "message"),
    [
        (None, 400, "invalid_body", "invalid or missing JSON body"),
        (b"", 400, "invalid_body", "invalid or missing JSON body"),
        (b"{", 400, "invalid_body", "invalid or missing JSON body"),
        (b'{"key": "\xff"}', 400, "invalid_body", "invalid or missing JSON body"),
        ([], 400, "invalid_body", "invalid or missing JSON body"),
        ({}, 400, "invalid_body", "invalid or missing JSON body"),
        ({"key": "k" * 16_384}, 413, "body_too_large", "body must be at most 16 KiB"),
        ({"roles": ["user"]}, 400, "field_invalid", "key: is required"),
        ({"key": None}, 400, "field_invalid", "key: Input should be a valid string"),
        ({"key": 7}, 400, "field_invalid", "key: Input should be a valid string"),
        ({"key": ["k"]}, 400, "field_invalid", "key: Input should be a valid string"),
        ({"key": "k", "roles": None}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": "k", "roles": "user"}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": "k", "roles": ["root"]}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": "k", "roles": ["*"]}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": "k", "roles": [["user"]]}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": 7, "roles": ["root"]}, 400, "roles_invalid", "roles must be a subset of"),
        ({"key": "k", "alias": "a"}, 400, "field_invalid", "unknown field alias"),
        ({"key": "k", "Kt_1": "a"}, 400, "field_invalid", "unknown field"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_body_is_refused_in_the_contracts_words_and_without_a_read(
    body: object, status: int, error: str, message: str, aws: Aws
) -> None:
    given = sent(body)

    assert (given.status, given.body["code"]) == (status, error)
    assert given.body["error"].startswith(message)
    assert given.body["request_id"] == given.headers["X-Request-Id"] == REQUEST_ID
    assert aws.calls == []


def test_a_form_is_no_json(key: str, aws: Aws) -> None:
    headers = {"Content-Type": ["application/x-www-form-urlencoded"]}

    given = sent({"key": key}, headers=headers)

    assert (given.status, given.body["code"]) == (400, "invalid_body")
    assert aws.calls == []


def test_the_key_asked_about_stands_in_no_answer_and_no_log(
    key: str, aws: Aws, output: Output
) -> None:
    answers = [sent({"key": key}), sent({"key": [key]}), sent({"key": "k", key: 1})]
    aws.always("GetItem", refused("AccessDeniedException"))
    answers.append(sent({"key": key}))

    assert [given.status for given in answers] == [200, 400, 400, 503]
    assert key[-38:-6] not in repr(answers) + output.text


def test_each_verification_is_one_line_as_the_authorizers(key: str, output: Output) -> None:
    before = len(output.records())

    code({"key": key})
    code({"key": "nonsense"})

    one, other = output.records()[before:]
    assert one["message"] == other["message"] == "decision"
    assert (one["reason"], one["Allowed"], one["alias"]) == ("valid", 1, "billing")
    assert (other["reason"], other["Denied"], "alias" in other) == ("malformed", 1, False)
    assert one["request_id"] == REQUEST_ID
