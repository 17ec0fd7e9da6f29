"""Which key a request presents, if it presents one."""

import json
from typing import Any

import pytest

import authorize
import create_key
from keyturn import keytext
from tests.support import Context, answer, post
from tests.support_authorizer import appsync, http, rest, token, websocket
from tests.support_aws import Aws

OTHER = keytext.mint("kt", "B" * 17).reveal()


@pytest.fixture
def key(aws: Aws) -> str:
    body = {"alias": "root", "name": "Root", "roles": ["admin"]}
    key = str(answer(create_key.handler, post(body)).body["key"])
    aws.forget()
    return key


def is_let_in(event: object) -> bool:
    try:
        decision = authorize.handler(event, Context())
    except authorize.Unauthorized as refused:
        assert str(refused) == "Unauthorized"  # noqa: PT017 - the one word that means 401
        return False
    allowed = decision.get("isAuthorized", "policyDocument" in decision)
    assert isinstance(allowed, bool)
    return allowed


def filled(headers: Any, key: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(json.dumps(headers).replace("KEY", key).replace("OTHER", OTHER))


ONE = [
    {"Authorization": ["Bearer KEY"]},
    {"authorization": ["bearer KEY"]},
    {"AUTHORIZATION": ["BEARER KEY"]},
    {"Authorization": ["  Bearer   KEY  "]},
    {"X-API-Key": ["KEY"]},
    {"x-api-key": ["  KEY "]},
    {"X-Api-Key": ["KEY"], "Authorization": ["Bearer KEY"]},
]
NONE_OR_NO_TELLING = [
    {},
    {"Authorization": []},
    {"Authorization": [""]},
    {"Authorization": ["KEY"]},
    {"Authorization": ["Bearer"]},
    {"Authorization": ["Bearer "]},
    {"Authorization": ["BearerKEY"]},
    {"Authorization": ["Bearer,KEY"]},
    {"Authorization": ["Bearer\tKEY"]},
    {"Authorization": ["Bearer KEY KEY"]},
    {"Authorization": ["Bearer Bearer KEY"]},
    {"Authorization": ["Basic KEY"]},
    {"Authorization": ["Token KEY"]},
    {"Authorization": ["Bearer KEY", "Bearer KEY"]},
    {"Authorization": ["Bearer KEY"], "authorization": ["Bearer KEY"]},
    {"X-API-Key": ["KEY", "KEY"]},
    {"X-API-Key": ["KEY"], "x-api-key": ["KEY"]},
    {"X-API-Key": ["KEY, KEY"]},
    {"X-API-Key": ["Bearer KEY"]},
    {"X-API-Key": [""]},
    {"X-API-Key": ["KEY"], "Authorization": ["Bearer OTHER"]},
    {"X-API-Key": ["OTHER"], "Authorization": ["Bearer KEY"]},
    {"X-API-Key": ["KEY"], "Authorization": ["Basic KEY"]},
    {"X-API-Key": ["KEY"], "Authorization": [""]},
    {"X-API-Key": [""], "Authorization": ["Bearer KEY"]},
    {"X-API-Key": ["KEY"], "Authorization": ["Bearer KEY", "Bearer KEY"]},
    {"Api-Key": ["KEY"]},
    {"Cookie": ["Authorization=Bearer KEY"]},
    {"Proxy-Authorization": ["Bearer KEY"]},
    {"X-API-Key ": ["KEY"]},
    {"X_API_Key": ["KEY"]},
]
NO_HEADERS: list[object] = [
    None,
    [],
    "Authorization: Bearer KEY",
    5,
    {"Authorization": None},
    {"Authorization": [None]},
    {"Authorization": [["Bearer KEY"]]},
    {"Authorization": {"Bearer": "KEY"}},
    {"X-API-Key": [5]},
]


@pytest.mark.parametrize("headers", ONE, ids=str)
def test_a_request_with_one_key_presents_it(headers: object, key: str) -> None:
    assert is_let_in(rest(filled(headers, key)))
    assert is_let_in(websocket(filled(headers, key)))


@pytest.mark.parametrize("headers", NONE_OR_NO_TELLING, ids=str)
def test_a_request_without_a_key_or_with_no_telling_which_presents_none(
    headers: object, key: str, aws: Aws
) -> None:
    event = websocket(filled(headers, key))  # whose `headers` hold the last value of each

    assert not is_let_in(event)
    assert not is_let_in(event | {"type": "REQUEST", "requestContext": {}})
    assert aws.calls == []


@pytest.mark.parametrize("headers", NO_HEADERS, ids=ascii)
def test_headers_that_are_none_present_no_key(headers: object, key: str, aws: Aws) -> None:
    for name in ("multiValueHeaders", "headers"):
        event = {"multiValueHeaders": None, "headers": None, name: filled(headers, key)}

        assert not is_let_in(rest({}) | event)
        assert not is_let_in(http({}) | event)
    assert aws.calls == []


@pytest.mark.parametrize("event", [None, [], "", 5, {}, {"type": "TOKEN"}, {"version": "2.0"}])
def test_an_event_of_no_kind_is_refused(event: object, aws: Aws) -> None:
    assert not is_let_in(event)
    assert aws.calls == []


@pytest.mark.parametrize("value", ["KEY", "Bearer KEY", "bearer KEY", " KEY "])
def test_a_token_is_the_key_with_or_without_the_scheme(value: str, key: str) -> None:
    assert is_let_in(token(filled(value, key)))
    assert is_let_in(appsync(filled(value, key)))


@pytest.mark.parametrize("value", ["", "Bearer", "Basic KEY", "KEY,KEY", "Bearer KEY KEY", None, 5])
def test_a_token_that_is_no_key(value: object, key: str, aws: Aws) -> None:
    for event in (token(""), appsync("")):
        assert not is_let_in(event | {"authorizationToken": filled(value, key)})
    assert aws.calls == []


@pytest.mark.parametrize(
    ("headers", "presented"),
    [
        ({"authorization": "Bearer KEY"}, True),
        ({"x-api-key": "KEY"}, True),
        ({"x-api-key": "KEY", "authorization": "bearer KEY"}, True),
        ({"authorization": "Bearer KEY,Bearer KEY"}, False),
        ({"x-api-key": "KEY,KEY"}, False),
        ({"x-api-key": "KEY", "authorization": "Bearer OTHER"}, False),
        ({"x-api-key": "KEY", "authorization": "Basic KEY"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_an_http_api_joins_repeated_headers_and_no_key_holds_a_comma(
    headers: dict[str, str], key: str, *, presented: bool
) -> None:
    assert is_let_in(http(filled(headers, key))) is presented


@pytest.mark.parametrize("arn", [None, "", 5, "arn:aws:execute-api", "arn/live"])
def test_an_unheard_of_method_is_no_place_to_be_let_in(arn: object, key: str) -> None:
    assert not is_let_in(token(key) | {"methodArn": arn})
