"""What API Gateway hands to a function: REST proxy events and `REQUEST` authorizer events.

The shape is that of recorded events of a real REST API. Paths and path parameters arrive as they
were sent, percent-encoded; the query arrives decoded once. What the client repeats is in the
multi-value fields, and the last of it in the plain ones.
"""

import base64
import secrets
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

Event = dict[str, Any]

_NOT_FORWARDED = {
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
}
_IDENTITY = (
    "accessKey",
    "accountId",
    "caller",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "userArn",
)


@dataclass(frozen=True)
class Request:
    """A request as it came; `target` is path and query, nothing in it decoded."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"
    extended_id: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(11)).decode()
    )
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    epoch: float = field(default_factory=time.time)

    @property
    def path(self) -> str:
        """Return the path alone."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return the last header of that name in any case."""
        values = [value for other, value in self.headers if other.lower() == name.lower()]
        return values[-1] if values else None


@dataclass(frozen=True)
class Deployed:
    """The API as a caller meets it."""

    id: str
    stage: str
    account: str
    region: str
    domain: str

    def method_arn(self, method: str, path: str) -> str:
        """Return the ARN that policies name."""
        place = f"arn:aws:execute-api:{self.region}:{self.account}:{self.id}"
        return f"{place}/{self.stage}/{method}/{path.removeprefix('/')}"


def request_context(request: Request, api: Deployed, resource: str) -> Event:
    """Return `requestContext`: who asks for what, and the ids of the request."""
    moment = datetime.fromtimestamp(request.epoch, UTC)
    return {
        "resourceId": f"{zlib.crc32(resource.encode()):010d}",
        "resourcePath": resource,
        "httpMethod": request.method,
        "extendedRequestId": request.extended_id,
        "requestTime": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "path": f"/{api.stage}{request.path}",
        "accountId": api.account,
        "protocol": request.protocol,
        "stage": api.stage,
        "domainPrefix": api.domain.partition(".")[0],
        "requestTimeEpoch": int(request.epoch * 1000),
        "requestId": request.id,
        "identity": {
            **dict.fromkeys(_IDENTITY),
            "sourceIp": request.source_ip,
            "userAgent": request.header("User-Agent"),
        },
        "domainName": api.domain,
        "deploymentId": "local0",
        "apiId": api.id,
    }


def proxy_event(
    request: Request, context: Event, parameters: Mapping[str, str], *, binary: bool
) -> Event:
    """Return a REST proxy event; the body is base64 where its media type is a `binary` one."""
    body = None
    if request.body:
        body = (
            base64.b64encode(request.body).decode()
            if binary
            else request.body.decode(errors="replace")
        )
    return {
        **{name: value or None for name, value in _said(request, parameters).items()},
        **_asked(request, context),
        "requestContext": context,
        "body": body,
        "isBase64Encoded": binary and body is not None,
    }


def authorizer_event(
    request: Request, context: Event, parameters: Mapping[str, str], method_arn: str
) -> Event:
    """Return a `REQUEST` authorizer event: the same request without its body."""
    return {
        "type": "REQUEST",
        "methodArn": method_arn,
        **_said(request, parameters),
        **_asked(request, context),
        "requestContext": context,
    }


def _asked(request: Request, context: Event) -> Event:
    return {
        "resource": context["resourcePath"],
        "path": request.path,
        "httpMethod": request.method,
    }


def _said(request: Request, parameters: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    headers = _multi([(k, v) for k, v in request.headers if k.lower() not in _NOT_FORWARDED])
    passed = request.header("X-Forwarded-For")
    headers |= {
        "X-Amzn-Trace-Id": [f"Root=1-{int(request.epoch):08x}-{secrets.token_hex(12)}"],
        "X-Forwarded-For": [f"{passed}, {request.source_ip}" if passed else request.source_ip],
        "X-Forwarded-Port": ["443"],
        "X-Forwarded-Proto": ["https"],
    }
    # A semicolon splits a query too, as API Gateway's "important notes" say.
    asked = request.target.partition("?")[2].replace(";", "&")
    query = _multi(parse_qsl(asked, keep_blank_values=True))
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": {},
    }


def _multi(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
