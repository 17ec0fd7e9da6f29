"""What API Gateway answers: what the function said, or one of its own responses.

Gateway responses are the template's (`GatewayResponses` of the API, and resources of type
`AWS::ApiGateway::GatewayResponse`), over the template's defaults, over API Gateway's.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Headers = Sequence[tuple[str, str]]

# API Gateway's own statuses. A function that raises, or says what is not a proxy answer, fails its
# integration with a 502.
_STATUS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
    "INTEGRATION_FAILURE": 502,
    "INTEGRATION_TIMEOUT": 504,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "REQUEST_TOO_LARGE": 413,
    "UNAUTHORIZED": 401,
}
_MESSAGE = {
    "ACCESS_DENIED": "User is not authorized to access this resource",
    "DEFAULT_4XX": "Bad Request",
    "INTEGRATION_TIMEOUT": "Endpoint request timed out",
    "MISSING_AUTHENTICATION_TOKEN": "Missing Authentication Token",
    "REQUEST_TOO_LARGE": "Request Too Long",
    "UNAUTHORIZED": "Unauthorized",
}
_VARIABLE = re.compile(r"\$context\.(\w+(?:\.\w+)*)")
_PLAIN_TEMPLATE = '{"message":$context.error.messageString}'
_REMAPPED = {
    "authorization",
    "connection",
    "content-md5",
    "date",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
}
_DROPPED = {
    "content-length",
    "expect",
    "host",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_ANSWER_FIELDS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


class Refused(Exception):
    """The gateway answers by itself, with the gateway response of this type."""

    def __init__(self, kind: str, status: int | None = None) -> None:
        """Take the response type; `status` where it is not the type's usual one."""
        super().__init__(kind)
        self.kind = kind
        self.status = status or _STATUS[kind]


@dataclass(frozen=True)
class Response:
    """An HTTP response; `resource` is the template's path, for the access log."""

    status: int
    headers: Headers
    body: bytes
    resource: str = "-"


@dataclass(frozen=True)
class _GatewayResponse:
    status: int | None = None
    headers: Mapping[str, str] | None = None
    template: str = _PLAIN_TEMPLATE
    media_type: str = "application/json"


class GatewayResponses:
    """The gateway responses of one API."""

    def __init__(self, declared: Mapping[str, Mapping[str, Any]]) -> None:
        """Take SAM's form: response type -> StatusCode, ResponseParameters, ResponseTemplates."""
        self._declared = {kind: _read(response) for kind, response in declared.items()}

    def answer(self, refused: Refused, context: Mapping[str, Any]) -> Response:
        """Answer a refusal; `context` is what `$context` means."""
        default = "DEFAULT_4XX" if refused.status < 500 else "DEFAULT_5XX"  # noqa: PLR2004
        response = (
            self._declared.get(refused.kind) or self._declared.get(default) or _GatewayResponse()
        )
        message = _MESSAGE.get(refused.kind, "Internal server error")
        known = {
            **context,
            "error": {
                "message": message,
                "messageString": json.dumps(message),
                "responseType": refused.kind,
            },
        }
        body = _VARIABLE.sub(lambda match: _look_up(match[1], known), response.template)
        headers = {
            "Content-Type": response.media_type,
            **{name: _value(source, known) for name, source in (response.headers or {}).items()},
        }
        return Response(response.status or refused.status, [*headers.items()], body.encode())


def proxy_answer(answer: Any, *, decode: bool) -> Response:  # noqa: ANN401 - whatever was returned
    """Translate a function's answer; base64 bodies are decoded where `decode`.

    Raises:
        Refused: it is not of the form of a proxy answer.
    """
    if not isinstance(answer, dict) or not answer.keys() <= _ANSWER_FIELDS:
        raise Refused("INTEGRATION_FAILURE")
    body = answer.get("body") or ""
    try:
        status = int(answer.get("statusCode") or 200)
        headers = list(_headers(answer))
    except (AttributeError, TypeError, ValueError):
        raise Refused("INTEGRATION_FAILURE") from None
    if not isinstance(body, str) or not 200 <= status <= 599:  # noqa: PLR2004
        raise Refused("INTEGRATION_FAILURE")
    content = body.encode(errors="replace")
    if answer.get("isBase64Encoded") and decode:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise Refused("API_CONFIGURATION_ERROR") from None
    return Response(status, headers, content)


def finished(response: Response, request_id: str, extended_id: str, resource: str) -> Response:
    """Add what every answer of API Gateway carries."""
    added = [("x-amzn-RequestId", request_id), ("x-amz-apigw-id", extended_id)]
    if not any(name.lower() == "content-type" for name, _ in response.headers):
        added.append(("Content-Type", "application/json"))
    return replace(response, headers=[*added, *response.headers], resource=resource)


def _headers(answer: Mapping[str, Any]) -> Headers:
    """Merge both header fields as API Gateway does, and rename what it renames."""
    multi: dict[str, list[Any]] = {
        name: list(values) for name, values in (answer.get("multiValueHeaders") or {}).items()
    }
    for name, value in (answer.get("headers") or {}).items():
        if value not in multi.get(name, []):
            multi.setdefault(name, []).append(value)
    pairs = []
    for name, values in multi.items():
        if name.lower() in _DROPPED:
            continue
        sent = f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name
        for value in values:
            text = str(value).lower() if isinstance(value, bool) else value
            if not isinstance(text, str) or "\n" in f"{name}{text}" or "\r" in f"{name}{text}":
                raise ValueError(name)
            pairs.append((sent, text))
    return pairs


def _read(declared: Mapping[str, Any]) -> _GatewayResponse:
    parameters = declared.get("ResponseParameters") or {}
    headers = dict(parameters.get("Headers") or {})
    for name, source in parameters.items():  # CloudFormation's own form
        if name.startswith("gatewayresponse.header."):
            headers[name.removeprefix("gatewayresponse.header.")] = source
    templates = declared.get("ResponseTemplates") or {"application/json": _PLAIN_TEMPLATE}
    media_type, template = next(iter(templates.items()))
    status = declared.get("StatusCode")
    return _GatewayResponse(None if status is None else int(status), headers, template, media_type)


def _value(source: str, context: Mapping[str, Any]) -> str:
    """Resolve a header's mapping expression: a quoted literal or a context variable."""
    if source.startswith("context."):
        return _look_up(source.removeprefix("context."), context)
    return source.removeprefix("'").removesuffix("'")


def _look_up(path: str, context: Mapping[str, Any]) -> str:
    found: Any = context
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)
