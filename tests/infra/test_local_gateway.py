"""A request's way through the local gateway, against what a real REST API was seen to do."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.local import gateway
from infra.local.stack import local_stack
from infra.local.template import TemplateError
from tests.infra.conftest import NO_AWS, TEMPLATE, Toy, write_toy

NOBODY = '{"principalId": "p", "policyDocument": {"Statement": []}}'

# The key sets of events recorded from a real REST API behind a regional endpoint.
EVENT = {
    *("body", "headers", "httpMethod", "isBase64Encoded", "multiValueHeaders"),
    *("multiValueQueryStringParameters", "path", "pathParameters", "queryStringParameters"),
    *("requestContext", "resource", "stageVariables"),
}
CONTEXT = {
    *("accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId"),
    *("httpMethod", "identity", "path", "protocol", "requestId", "requestTime"),
    *("requestTimeEpoch", "resourceId", "resourcePath", "stage"),
}
IDENTITY = {
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
    *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    *("principalOrgId", "sourceIp", "user", "userAgent", "userArn"),
}


@pytest.mark.parametrize(
    ("method", "target", "resource", "parameters"),
    [
        ("POST", "/items", "/items", None),
        ("POST", "/items/", "/items", None),
        ("POST", "/items?a=/b/", "/items", None),
        ("GET", "/items/7", "/items/{id}", {"id": "7"}),
        ("GET", "/items/7/", "/items/{id}", {"id": "7"}),
        ("GET", "/items/a%2Fb%20c", "/items/{id}", {"id": "a%2Fb%20c"}),
        ("GET", "/items/%zz", "/items/{id}", {"id": "%zz"}),
        ("GET", "/items/special", "/items/special", None),
        ("GET", "/items/special/parts", "/items/{id}/parts", {"id": "special"}),
        ("PATCH", "/files/a/b%2Fc", "/files/{path+}", {"path": "a/b%2Fc"}),
        ("GET", "http://127.0.0.1/items/8?x=1", "/items/{id}", {"id": "8"}),
    ],
)
def test_resource_is_found_as_sent(
    toy: Toy, method: str, target: str, resource: str, parameters: dict[str, str] | None
) -> None:
    reply = toy.ask(method, target)

    assert reply.status == 200
    assert reply.event["resource"] == reply.event["requestContext"]["resourcePath"] == resource
    assert reply.event["pathParameters"] == parameters


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/items"),
        ("HEAD", "/items/7"),
        ("OPTIONS", "/items/7"),
        ("PUT", "/items/7"),
        ("BREW", "/items/7"),
        ("DELETE", "/items/special"),
        ("GET", "//items/7"),
        ("GET", "/items//"),
        ("GET", "/items/7//"),
        ("POST", "/ITEMS"),
        ("POST", "/%69tems"),
        ("GET", "/items/7/parts/8"),
        ("GET", "/files/"),
    ],
)
def test_unknown_resource_or_method_is_no_route(toy: Toy, method: str, target: str) -> None:
    reply = toy.ask(method, target)

    assert reply.status == 403
    if method != "HEAD":
        assert json.loads(reply.body) == {"message": "Missing Authentication Token"}


def test_event_has_the_recorded_shape(toy: Toy) -> None:
    event = toy.ask("POST", "/items/", {"User-Agent": "seen"}).event
    context = event["requestContext"]

    assert event.keys() == EVENT
    assert context.keys() == CONTEXT
    assert context["identity"].keys() == IDENTITY
    assert (event["path"], context["path"]) == ("/items/", "/live/items/")
    assert (event["httpMethod"], context["httpMethod"], context["stage"]) == (
        "POST",
        "POST",
        "live",
    )
    assert (context["identity"]["sourceIp"], context["identity"]["userAgent"]) == (
        "127.0.0.1",
        "seen",
    )
    assert context["requestId"] != context["extendedRequestId"]
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"])
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert event["queryStringParameters"] is event["stageVariables"] is None


def test_semicolon_splits_a_query_unless_it_is_encoded(toy: Toy) -> None:
    event = toy.ask("GET", "/items/1?a=1;b=2&c=%3B").event
    assert event["queryStringParameters"] == {"a": "1", "b": "2", "c": ";"}


def test_path_stays_encoded_and_query_is_decoded_once(toy: Toy) -> None:
    event = toy.ask("GET", "/items/%41?a=%2541+b&c=1&c=2&d").event

    assert event["path"] == "/items/%41"
    assert event["multiValueQueryStringParameters"] == {"a": ["%41 b"], "c": ["1", "2"], "d": [""]}
    assert event["queryStringParameters"] == {"a": "%41 b", "c": "2", "d": ""}


def test_repeated_headers_arrive_and_hop_by_hop_ones_do_not(toy: Toy) -> None:
    sent = [("X-One", "1"), ("x-two", "2"), ("X-One", "3"), ("TE", "gzip"), ("Expect", "nothing")]
    event = toy.ask("POST", "/items", [*sent, ("X-Forwarded-For", "192.0.2.1")], b"x").event

    assert event["multiValueHeaders"]["X-One"] == ["1", "3"]
    assert (event["headers"]["X-One"], event["headers"]["x-two"]) == ("3", "2")
    assert event["headers"]["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert not event["headers"].keys() & {"TE", "Expect", "Content-Length"}
    assert event["headers"].keys() == event["multiValueHeaders"].keys()


@pytest.mark.parametrize(
    ("binary", "expected"), [("*~1*", "AP9o"), ("image/png", "AP9o"), ("image~1gif", "\0�h")]
)
def test_body_is_base64_where_its_type_is_binary(
    tmp_path: Path, binary: str, expected: str
) -> None:
    parameters = {"Binary": f"{binary},audio/*"}
    with local_stack(aws=NO_AWS, template=write_toy(tmp_path), parameters=parameters) as stack:
        event = Toy(stack).ask("POST", "/items", {"Content-Type": "image/png"}, b"\0\xffh").event

    assert event["body"] == expected
    assert event["isBase64Encoded"] == (expected == "AP9o")


def test_gateway_response_is_filled_from_the_context(toy: Toy) -> None:
    reply = toy.ask("POST", "/guarded/1")
    id = reply.headers["X-Id"]

    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert len(id) == 16
    assert json.loads(reply.body) == {
        "type": "UNAUTHORIZED",
        "id": id,
        "resource": "/guarded/{id}",
        "nothing": "",
    }


def test_gateway_response_falls_back_to_the_default_of_its_class(toy: Toy) -> None:
    failed, denied = (toy.ask("POST", "/guarded/1", {"X-Say": said}) for said in ("broken", NOBODY))

    assert (failed.status, failed.body) == (503, b'"default"')
    assert (denied.status, denied.headers["Content-Type"]) == (403, "application/json")
    assert b"not authorized" in denied.body


@pytest.mark.parametrize(
    "asked",
    [
        {"raise": "anything"},
        {"path": "/hasty", "sleep": 2, "answer": {}},
        {"answer": None},
        {"answer": []},
        {"answer": "text"},
        {"answer": {"statusCode": 200, "unknown": 1}},
        {"answer": {"statusCode": "many"}},
        {"answer": {"statusCode": 99}},
        {"answer": {"body": {"not": "text"}}},
        {"answer": {"headers": ["x"]}},
        {"answer": {"headers": {"X": 1}}},
        {"answer": {"headers": {"X": "a\r\nSet-Cookie: b"}}},
        {"answer": {"multiValueHeaders": {"X": 1}}},
    ],
)
def test_function_that_fails_is_a_failed_integration(toy: Toy, asked: dict[str, Any]) -> None:
    reply = toy.act(**asked)

    assert (reply.status, reply.body) == (502, b'"integration"')


def test_gateway_does_not_wait_longer_than_its_own_limit(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "INTEGRATION_SECONDS", 0.1)
    reply = toy.act(sleep=2, answer={})

    assert (reply.status, reply.headers["Retry-After"]) == (504, "3")
    assert json.loads(reply.body) == {"message": "Endpoint request timed out"}


def test_answer_of_a_function_is_passed_on_as_api_gateway_does(toy: Toy) -> None:
    answer = {
        "statusCode": "418",
        "headers": {"WWW-Authenticate": "Basic", "Same": "1", "Yes": True, "Host": "x"},
        "multiValueHeaders": {"Set-Cookie": ["a", "b"], "Same": ["1", "2"], "Date": ["never"]},
        "body": base64.b64encode(b"\0\xff").decode(),
        "isBase64Encoded": True,
    }
    reply = toy.act(answer=answer)
    headers = reply.headers

    assert (reply.status, reply.body) == (418, b"\0\xff")
    assert headers["WWW-Authenticate"] is None
    assert headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
    assert headers["x-amzn-Remapped-Date"] == "never"
    assert headers.get_all("Set-Cookie") == ["a", "b"]
    assert headers.get_all("Same") == ["1", "2"]
    assert (headers["Yes"], headers["Content-Type"]) == ("true", "application/json")
    assert headers["Host"] is None
    assert headers["x-amzn-RequestId"]


def test_wrong_base64_of_a_function_is_a_configuration_error(toy: Toy) -> None:
    reply = toy.act(answer={"body": "?", "isBase64Encoded": True})

    assert (reply.status, reply.body) == (503, b'"default"')


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"/items/{id}/parts"', '"/items/{other}/parts"', "name one level differently"),
        ("{Authorizer: Second}", "{Authorizer: AWS_IAM}", "AWS_IAM is not supported"),
        ("Method: delete", "Method: GET", "declared twice"),
        ("FunctionPayloadType: REQUEST", "FunctionPayloadType: TOKEN", "only REQUEST"),
        ("!GetAtt SecondGuard.Arn", "arn:aws:lambda:x", "none of the template's functions"),
        ("Type: AWS::Serverless::Api", "Type: AWS::Serverless::HttpApi", "0 APIs"),
    ],
)
def test_what_cannot_be_served_is_said_at_start(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in TEMPLATE
    path = write_toy(tmp_path, TEMPLATE.replace(before, after))

    with pytest.raises(TemplateError, match=message), local_stack(aws=NO_AWS, template=path):
        pass
