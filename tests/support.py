"""What a function is given (events, context, time), and what it gives: answers, output."""

import json
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import keytext
from keyturn.foreign import Text
from keyturn.keys import DAY, ApiKey, By

REQUEST = "request"
NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
REQUEST_ID = "extended-request-id="
ADMIN = {"id": "0Adm1nAdm1nAdm1nA", "alias": "root", "roles": "admin", "generation": "1"}
"""What the authorizer says of the caller."""

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class Clock:
    """Stands still until it is moved; whole seconds."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return float(self.now)


class Output:
    """What a function writes to its standard output, which is its log and its metrics."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._captured.readouterr().out
        return self._text

    def records(self) -> list[dict[str, Any]]:
        """Every line is a JSON object."""
        return [json.loads(line) for line in self.text.splitlines()]


class StandardOutput:
    """Whatever `sys.stdout` is by then: pytest has several in the course of one test."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Context(LambdaContext):
    """Lambda's context of one invocation."""

    def __init__(self) -> None:
        self._function_name = "function"
        self._function_version = "$LATEST"
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
        self._memory_limit_in_mb = 256
        self._aws_request_id = "lambda-request-id"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


def request(  # noqa: PLR0913 - a request has so many parts
    method: str,
    resource: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, list[str]] | None = None,
    body: bytes | None = None,
    caller: Mapping[str, str] | None = ADMIN,
) -> dict[str, Any]:
    """Build a REST API's proxy event. Bodies come as base64: every media type is binary.

    `path` holds the path parameters, decoded, as API Gateway gives them.
    """
    filled = resource.replace("+}", "}").format(**(path or {}))
    many = {"Host": ["api.example.com"], "User-Agent": ["curl/8.5.0"], **(headers or {})}
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "api.example.com",
        "domainPrefix": "api",
        "extendedRequestId": REQUEST_ID,
        "httpMethod": method,
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "curl/8.5.0"},
        "path": f"/live{filled}",
        "protocol": "HTTP/1.1",
        "requestId": "request-id-that-a-client-may-set",
        "requestTime": "15/Jan/2027:08:00:00 +0000",
        "requestTimeEpoch": NOW * 1000,
        "resourceId": "r1s2t3",
        "resourcePath": resource,
        "stage": "live",
    }
    if caller is not None:
        context["authorizer"] = {"principalId": caller.get("id"), **caller, "integrationLatency": 7}
    return {
        "resource": resource,
        "path": filled,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in many.items()},
        "multiValueHeaders": many,
        "queryStringParameters": {k: v[-1] for k, v in query.items()} if query else None,
        "multiValueQueryStringParameters": dict(query) if query else None,
        "pathParameters": dict(path) if path else None,
        "stageVariables": None,
        "requestContext": context,
        "body": None if body is None else b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }


def post(body: object, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - as `request`
    """Build POST /api/apikey; a body that is not bytes is sent as JSON."""
    parts.setdefault("headers", {"Content-Type": ["application/json"]})
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return request("POST", "/api/apikey", body=data, **parts)


def delete(key: str, reason: str | None = None, **parts: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build DELETE /api/apikey/{key}."""
    if reason is not None:
        parts["query"] = {"reason": [reason]}
    return request("DELETE", "/api/apikey/{key}", path={"key": key}, **parts)


def answer(handler: Handler, event: dict[str, Any]) -> Answer:
    """Invoke a function with a REST API's event, and read its answer as API Gateway does."""
    given = json.loads(json.dumps(handler(event, Context())))
    assert isinstance(given["statusCode"], int)
    assert given["isBase64Encoded"] is False
    headers = {name: ",".join(values) for name, values in given["multiValueHeaders"].items()}
    return Answer(given["statusCode"], headers, json.loads(given["body"]))


def api_key(text: Text | None = None, **fields: Any) -> ApiKey:  # noqa: ANN401
    """Return a record as a create makes it at `NOW`, but for these fields."""
    text = text or keytext.mint("kt", keytext.id_of("", "billing"))
    made: dict[str, Any] = {
        "id": text.id,
        "alias": "billing",
        "name": "Billing",
        "roles": ("user",),
        "is_active": True,
        "expires_at": NOW + 15 * DAY,
        "generation": 1,
        "secret_hash": text.digest,
        "metadata": {},
        "ttl_days": 15,
        "created_at": NOW,
        "updated_at": NOW,
        "updated_by": "iam",
        "updated_request": REQUEST,
        "hint": text.hint,
        "ciphertext": b"sealed",
    }
    return ApiKey(**made | fields)


def by(actor: str) -> By:
    """Return who changes a key, from some request."""
    return By(actor, REQUEST)
