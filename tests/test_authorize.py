import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import authorize
import revoke_key
from keyturn import keytext, row
from keyturn.errors import Unavailable
from keyturn.keys import DAY
from tests.support import NOW, REQUEST_ID, Clock, Context, Output, answer, delete
from tests.support_authorizer import API, effect, http, made, rest, token, websocket
from tests.support_aws import Aws, Table, lost_reply, refused

ASKED = [
    pytest.param(lambda key: rest({"Authorization": [f"Bearer {key}"]}), id="REST"),
    pytest.param(token, id="TOKEN"),
    pytest.param(lambda key: websocket({"X-API-Key": [key]}), id="WebSocket"),
    pytest.param(lambda key: http({"authorization": f"Bearer {key}"}), id="HTTP"),
]
Asked = Callable[[str], dict[str, Any]]


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key(aws: Aws) -> str:
    key = made()
    aws.forget()
    return key


def test_a_good_key_is_let_into_the_whole_stage(key: str) -> None:
    decision = authorize.handler(rest({"Authorization": [f"Bearer {key}"]}), Context())

    id = keytext.id_of("", "root")
    assert decision == {
        "principalId": id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{API}/live/*"}
            ],
        },
        "context": {
            "id": id,
            "alias": "root",
            "roles": "admin",
            "expire": "2027-01-30T08:00:00Z",
            "generation": "1",
        },
    }


def test_an_http_api_is_told_yes_or_no(key: str) -> None:
    decision = authorize.handler(http({"x-api-key": key}), Context())

    assert decision == {
        "isAuthorized": True,
        "context": {
            "id": keytext.id_of("", "root"),
            "alias": "root",
            "roles": "admin",
            "expire": "2027-01-30T08:00:00Z",
            "generation": "1",
        },
    }
    assert authorize.handler(http({}), Context()) == {"isAuthorized": False}


@pytest.mark.parametrize("asked", ASKED)
def test_a_decision_is_one_strongly_consistent_read_of_what_it_needs(
    asked: Asked, key: str, aws: Aws
) -> None:
    assert effect(asked(key)) == "Allow"

    assert aws.calls == ["GetItem"]
    sent = json.loads(aws.sent[0])
    assert sent["ConsistentRead"] is True
    assert set(sent["ExpressionAttributeNames"].values()) == set(row.CREDENTIAL)


@pytest.mark.parametrize("asked", ASKED)
def test_the_key_goes_neither_to_the_backend_nor_to_the_log(
    asked: Asked, key: str, output: Output
) -> None:
    decision = authorize.handler(asked(key), Context())

    assert key[-38:-6] not in json.dumps(decision) + output.text


def test_several_roles_are_joined_with_commas() -> None:
    key = made("both", ("user", "admin"))

    decision = authorize.handler(token(key), Context())

    assert decision["context"]["roles"] == "user,admin"


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("reason", ["unspecified", "compromised"])
def test_a_revoked_key_is_refused_at_once(reason: str, asked: Asked, key: str) -> None:
    assert effect(asked(key)) == "Allow"

    answer(revoke_key.handler, delete(key, reason))

    assert effect(asked(key)) == "Unauthorized"


def test_a_revoked_key_is_let_in_again_once_renewed(key: str) -> None:
    answer(revoke_key.handler, delete(key))
    made()

    assert effect(token(key)) == "Allow"


@pytest.mark.parametrize("asked", ASKED)
def test_an_expired_key_is_refused_from_its_very_second(
    asked: Asked, key: str, clock: Clock
) -> None:
    clock.now = NOW + 15 * DAY - 1
    assert effect(asked(key)) == "Allow"
    clock.now += 1
    assert effect(asked(key)) == "Unauthorized"


@pytest.mark.parametrize("asked", ASKED)
def test_an_unknown_key_and_a_wrong_secret_are_refused_alike(
    asked: Asked, key: str, aws: Aws
) -> None:
    wrong = keytext.mint("kt", key.split("_")[1]).reveal()
    unknown = keytext.mint("kt", "A" * 17).reveal()

    assert effect(asked(wrong)) == effect(asked(unknown)) == "Unauthorized"
    assert aws.calls == ["GetItem", "GetItem"]


@pytest.mark.parametrize("asked", ASKED)
@given(data=st.data())
def test_a_key_with_any_mistake_in_it_is_refused_without_a_read(
    asked: Asked, key: str, aws: Aws, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(key) - 2))
    mistaken = data.draw(
        st.sampled_from(
            [
                key[:at] + key[at + 1 :],
                key[:at] + key[at] + key[at:],
                key[:at] + ("0" if key[at] == "1" else "1") + key[at + 1 :],
                key[:at] + key[at + 1] + key[at] + key[at + 2 :],
                key[:at],
                key[at + 1 :],
            ]
        )
    )

    assert effect(asked(mistaken)) == ("Allow" if mistaken == key else "Unauthorized")
    assert mistaken == key or aws.calls == []
    aws.forget()


@pytest.mark.parametrize("asked", ASKED)
def test_a_key_without_the_role_is_known_but_may_not(asked: Asked) -> None:
    """403 and not 401, except that an HTTP API knows no difference."""
    key = made("guest", ("user", "creator"))

    assert effect(asked(key)) == ("Unauthorized" if "version" in asked(key) else "Deny")


def test_a_revoked_key_without_the_role_is_revoked() -> None:
    key = made("guest", ("user",))
    answer(revoke_key.handler, delete(key))

    assert effect(token(key)) == "Unauthorized"


def test_an_old_string_in_its_grace_says_which_it_is(key: str, table: Table, clock: Clock) -> None:
    new = keytext.mint("kt", key.split("_")[1])
    stored = table.row()
    table.put(
        stored
        | {
            "generation": {"N": "2"},
            "secret_hash": {"B": new.digest},
            "previous_hash": stored["secret_hash"],
            "previous_expires_at": {"N": str(NOW + 60)},
        }
    )

    old = authorize.handler(token(key), Context())["context"]
    current = authorize.handler(token(new.reveal()), Context())["context"]

    assert (old["generation"], old["expire"]) == ("1", "2027-01-15T08:01:00Z")
    assert (current["generation"], current["expire"]) == ("2", "2027-01-30T08:00:00Z")
    clock.now += 60
    assert effect(token(key)) == "Unauthorized"


@pytest.mark.parametrize("asked", ASKED)
def test_what_cannot_be_known_is_neither_access_nor_a_401(
    asked: Asked, key: str, aws: Aws, output: Output
) -> None:
    aws.always("GetItem", refused("AccessDeniedException"))

    with pytest.raises(Unavailable, match="service unavailable"):
        authorize.handler(asked(key), Context())
    line = output.records()[-1]
    assert (line["reason"], line["Failed"]) == ("unavailable", 1)
    assert line["request_id"] in {REQUEST_ID, Context().aws_request_id}
    assert line["detail"].startswith("GetItem: AccessDeniedException")
    assert key[-38:-6] not in output.text


@pytest.mark.parametrize(
    "change",
    [{"schema": {"N": "2"}}, {"roles": {"S": "admin"}}, {"secret_hash": {"B": b"short"}}],
    ids=["newer", "malformed", "half a hash"],
)
def test_a_row_that_cannot_be_read_is_neither_access_nor_a_401(
    change: dict[str, Any], key: str, table: Table
) -> None:
    table.put(table.row() | change)

    with pytest.raises(Unavailable):
        authorize.handler(token(key), Context())


def test_a_lost_reply_is_asked_for_again(key: str, aws: Aws) -> None:
    aws.plan("GetItem", lost_reply)

    assert effect(token(key)) == "Allow"
