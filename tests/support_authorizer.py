"""What the kinds of API ask a Lambda authorizer."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import authorize
import create_key
from tests.support import REQUEST_ID, Context, answer, post, request

API = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5"
HANDLER = Path(__file__).parent.parent / "functions" / "authorize.py"


def authorizer(patch: pytest.MonkeyPatch, roles: str | None) -> ModuleType:
    """Load the function anew, deployed with these roles."""
    if roles is None:
        patch.delenv("REQUIRED_ROLES")
    else:
        patch.setenv("REQUIRED_ROLES", roles)
    spec = importlib.util.spec_from_file_location("another_authorizer", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rest(headers: Mapping[str, list[str]], method: str = "POST") -> dict[str, Any]:
    """Build a REST API's question with its whole request."""
    event = request(method, "/api/apikey", headers=headers, caller=None)
    del event["body"], event["isBase64Encoded"]
    return {"type": "REQUEST", "methodArn": f"{API}/live/{method}/api/apikey", **event}


def token(value: str) -> dict[str, Any]:
    """Build a REST API's question with one header's value."""
    return {
        "type": "TOKEN",
        "authorizationToken": value,
        "methodArn": f"{API}/live/GET/things/7",
    }


def appsync(value: str) -> dict[str, Any]:
    """Build the question of an AppSync GraphQL API: the value of `Authorization`."""
    return {
        "authorizationToken": value,
        "requestContext": {
            "apiId": "a1b2c3d4e5f6g7h8i9j0k1l2m3",
            "accountId": "123456789012",
            "requestId": REQUEST_ID,
            "queryString": "query Things { things { id } }",
            "operationName": "Things",
            "variables": {},
        },
        "requestHeaders": {"host": "api.example.com", "x-api-key": "da2-notForUs"},
    }


def http(headers: Mapping[str, str]) -> dict[str, Any]:
    """Build an HTTP API's question, payload format 2.0: names in lower case, values joined."""
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"{API}/live/GET/things",
        "identitySource": [],
        "routeKey": "GET /things",
        "rawPath": "/things",
        "rawQueryString": "",
        "headers": {"host": "api.example.com", **headers},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "http": {"method": "GET", "path": "/things", "protocol": "HTTP/1.1"},
            "requestId": REQUEST_ID,
            "routeKey": "GET /things",
            "stage": "live",
        },
    }


def websocket(headers: Mapping[str, list[str]]) -> dict[str, Any]:
    """Build a WebSocket API's question at `$connect`."""
    return {
        "type": "REQUEST",
        "methodArn": f"{API}/live/$connect",
        "headers": {name: values[-1] for name, values in headers.items() if values},
        "multiValueHeaders": dict(headers),
        "queryStringParameters": {},
        "multiValueQueryStringParameters": {},
        "stageVariables": {},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": REQUEST_ID,
            "connectionId": "c1",
            "stage": "live",
            "apiId": "a1b2c3d4e5",
        },
    }


def made(alias: str = "root", roles: tuple[str, ...] = ("admin",)) -> str:
    """Create or renew a key with these roles, and return its string."""
    body = {"alias": alias, "name": "N", "roles": roles}
    return str(answer(create_key.handler, post(body)).body["key"])


def effect(event: object) -> str:
    """Return Allow or Deny, or what was raised: API Gateway looks at the text."""
    try:
        decision = authorize.handler(event, Context())
    except Exception as error:  # noqa: BLE001 - as a Lambda runtime does
        return str(error)
    if "isAuthorized" in decision:
        return "Allow" if decision["isAuthorized"] is True else "Unauthorized"
    (statement,) = decision["policyDocument"]["Statement"]
    return str(statement["Effect"])
