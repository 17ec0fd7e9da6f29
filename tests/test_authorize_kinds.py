"""What each kind of API is told: it may keep the answer and apply it to any of its routes."""

from typing import Any

import pytest

import create_key
from keyturn import keytext
from tests.support import Context, Output, answer, post
from tests.support_authorizer import API, appsync, authorizer, http, rest, token, websocket
from tests.support_aws import Aws
from tests.support_policy import covers

USER = "user"


@pytest.fixture
def key(aws: Aws) -> str:
    body = {"alias": "café \N{KEY}", "name": "N", "roles": [USER]}
    key = str(answer(create_key.handler, post(body)).body["key"])
    aws.forget()
    return key


def statement(event: dict[str, Any], asks_for: str) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        decision = authorizer(patch, asks_for).handler(event, Context())
    (said,) = decision["policyDocument"]["Statement"]
    assert isinstance(said, dict)
    return said


ROUTES = ["GET/", "GET/things", "POST/things/7/parts", "DELETE/a%2Fb/c", "$connect"]


@pytest.mark.row("T7")
@pytest.mark.parametrize("asks_for", ["*", "admin"], ids=["allow", "deny"])
@pytest.mark.parametrize("asked", ROUTES)
def test_an_answer_to_one_route_is_right_for_every_route_of_its_stage(
    asked: str, asks_for: str, key: str
) -> None:
    event = token(key) | {"methodArn": f"{API}/live/{asked}"}

    said = statement(event, asks_for)

    assert said["Effect"] == ("Allow" if asks_for == "*" else "Deny")
    assert all(covers(said["Resource"], f"{API}/live/{route}") for route in ROUTES)
    assert not covers(said["Resource"], f"{API}/other/GET/things")
    assert not covers(said["Resource"], f"{API}x/live/GET/things")
    assert not covers(said["Resource"], f"{API}/live-2/GET/things")


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("stage", ["live", "$default", "v1"])
def test_the_stage_is_the_one_that_asks(partition: str, stage: str, key: str) -> None:
    api = API.replace("arn:aws:", f"arn:{partition}:")

    said = statement(token(key) | {"methodArn": f"{api}/{stage}/GET/things"}, "*")

    assert said["Resource"] == f"{api}/{stage}/*"


def test_an_http_api_that_speaks_the_older_payload_gets_a_policy(key: str) -> None:
    event = rest({"X-API-Key": [key]}) | {"version": "1.0"}

    assert statement(event, "*")["Effect"] == "Allow"


@pytest.mark.parametrize("bearer", [True, False], ids=["bearer", "own header"])
def test_the_backend_is_told_the_same_by_every_kind(key: str, *, bearer: bool) -> None:
    many = {"Authorization": [f"Bearer {key}"]} if bearer else {"X-API-Key": [key]}
    one = {name.lower(): values[0] for name, values in many.items()}
    events = [rest(many), websocket(many), http(one), token(key)]

    with pytest.MonkeyPatch.context() as patch:
        any_key = authorizer(patch, "*")
    first, *rest_of_them = [any_key.handler(event, Context())["context"] for event in events]
    by_appsync = any_key.handler(appsync(key), Context())

    assert rest_of_them == [first] * 3
    assert by_appsync == {"isAuthorized": True, "resolverContext": first}
    assert (first["alias"], first["roles"]) == ("café \N{KEY}", USER)
    # API Gateway takes no lists, objects or nulls, and a number is a string to the backend anyway.
    assert {type(value) for value in first.values()} == {str}


def test_who_is_refused_is_told_nothing(key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        admin = authorizer(patch, "admin")
    unknown = keytext.mint("kt", "A" * 17).reveal()

    for presented in (key, unknown, "nonsense"):
        for event in (http({"x-api-key": presented}), appsync(presented)):
            assert admin.handler(event, Context()) == {"isAuthorized": False}
    for presented in (unknown, "nonsense"):
        with pytest.raises(admin.Unauthorized, match=r"^Unauthorized$"):
            admin.handler(token(presented), Context())


def test_the_line_in_the_log_is_found_by_the_id_that_the_caller_was_given(
    key: str, output: Output
) -> None:
    """A client may choose `requestId` of a REST API; of an HTTP API there is no other."""
    chosen = rest({"X-API-Key": [key]})
    chosen["requestContext"] |= {"requestId": "chosen", "extendedRequestId": "rest"}
    simple = http({"x-api-key": key})
    simple["requestContext"] |= {"requestId": "http"}
    opened = websocket({"X-API-Key": [key]})
    opened["requestContext"] |= {"extendedRequestId": "websocket"}
    before = len(output.records())

    with pytest.MonkeyPatch.context() as patch:
        any_key = authorizer(patch, "*")
    graph = appsync(key)
    graph["requestContext"] |= {"requestId": "appsync"}
    for event in (chosen, simple, opened, graph, token(key)):
        any_key.handler(event, Context())

    ids = [line["request_id"] for line in output.records()[before:]]
    assert ids == ["rest", "http", "websocket", "appsync", "lambda-request-id"]
