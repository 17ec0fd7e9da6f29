"""HTTP in and out: what every function behind API Gateway shares.

One place turns errors into answers, and one line per request goes to the log: what was asked, by
whom, and how it ended; ids and aliases, never a key, never an exception's text.
"""

import json
import re
import traceback
from base64 import b64decode
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import errors
from keyturn.errors import KeyturnError
from keyturn.keys import ApiKey, By
from keyturn.log import log
from keyturn.schemas import refusal

STATUS: Mapping[type[KeyturnError], HTTPStatus] = {
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidBody: HTTPStatus.BAD_REQUEST,
    errors.AliasRequired: HTTPStatus.BAD_REQUEST,
    errors.NameRequired: HTTPStatus.BAD_REQUEST,
    errors.RolesInvalid: HTTPStatus.BAD_REQUEST,
    errors.FieldInvalid: HTTPStatus.BAD_REQUEST,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.KeyNotFound: HTTPStatus.NOT_FOUND,
    errors.RouteNotFound: HTTPStatus.NOT_FOUND,
    errors.KeyCompromised: HTTPStatus.CONFLICT,
    errors.KeyInactive: HTTPStatus.CONFLICT,
    errors.GraceRunning: HTTPStatus.CONFLICT,
    errors.AliasConflict: HTTPStatus.CONFLICT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER = "2"
DIRECT = "iam"

_BODY_BYTES = 16 * 1024
_DEEPEST = 100
_JSON = "application/json"
_JSON_SUFFIX = re.compile(r"application/[\w.-]+\+json")


class Web:
    """A function's routes: Powertools' resolver between our own entry and exit."""

    def __init__(self, *, body_optional: bool = False) -> None:
        """Start with no routes; `body_optional`, no body is the same as `{}`."""
        self.app = APIGatewayRestResolver(
            enable_validation=True,
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
            json_body_deserializer=partial(_parsed, optional=body_optional),
        )
        for kind, handler in (
            (Exception, self._failed),
            (KeyturnError, self._refused),
            (NotFoundError, lambda _: self._refused(errors.RouteNotFound())),
            (RequestValidationError, lambda error: self._refused(refusal(error.errors()))),
        ):
            self.app.exception_handler(kind)(handler)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer a REST proxy event."""
        answer = self.app.resolve(_prepared(event), context)
        answer["statusCode"] = int(answer["statusCode"])
        answer["multiValueHeaders"] |= {
            "Cache-Control": ["no-store"],
            "X-Request-Id": [_request_id(event)],
        }
        return answer

    def direct(self, body: object, resource: str, context: LambdaContext) -> dict[str, Any]:
        """Answer a direct invoke, whose event is the plain body of a POST to `resource`.

        IAM decided who may. It goes the same way as a request over HTTP; the answer is that body
        with its `status`.
        """
        event = {
            "resource": resource,
            "httpMethod": "POST",
            "body": json.dumps(body),
            "requestContext": {
                "extendedRequestId": context.aws_request_id,
                "authorizer": {"id": DIRECT},
            },
        }
        answer = self(event, context)
        return {**json.loads(answer["body"]), "status": answer["statusCode"]}

    @property
    def request_id(self) -> str:
        """The id that stands in this request's answer and log line."""
        return _request_id(self.app.current_event.raw_event)

    def caller(self) -> dict[str, str]:
        """Return what the authorizer said of the caller's key: `id`, `alias`, `generation`, ...

        Raises:
            Forbidden: no authorizer was asked, so the route was opened by mistake.
        """
        caller: dict[str, str] = self.app.current_event["requestContext"].get("authorizer") or {}
        if not caller.get("id"):
            raise errors.Forbidden
        return caller

    def by(self) -> By:
        """Return who calls: `iam`, or `<id>:<alias>` of the key that the authorizer accepted.

        Raises:
            Forbidden: no authorizer was asked.
        """
        caller = self.caller()
        actor = ":".join(caller[part] for part in ("id", "alias") if part in caller)
        return By(actor, self.request_id)

    def only_parameters(self, *names: str) -> None:
        """Refuse query parameters that are not these; validation refuses those given twice.

        Raises:
            FieldInvalid: there is another one.
        """
        if not self.app.current_event.resolved_query_string_parameters.keys() <= {*names}:
            raise errors.FieldInvalid("unknown query parameter")

    def done(self, metric: str, key: ApiKey) -> None:
        """Log and count what was done to `key`."""
        record = {"id": key.id, "alias": key.alias, "version": key.version}
        log.info(metric, extra=self._line() | record)
        count(metric)

    def _refused(self, error: KeyturnError) -> Response[str]:
        line = self._line() | {"status": STATUS[type(error)], "code": error.code}
        if isinstance(error, errors.Unavailable):
            log.error("refused", extra=line | {"detail": error.detail})
            return self._error(error, {"Retry-After": RETRY_AFTER})
        log.info("refused", extra=line)
        return self._error(error)

    def _failed(self, error: Exception) -> Response[str]:
        # Where it happened, not what it said: an exception's text may quote a key.
        frames = [
            f"{Path(f.filename).name}:{f.lineno} {f.name}"
            for f in traceback.extract_tb(error.__traceback__)
        ]
        line = {"status": 500, "error": type(error).__name__, "frames": frames}
        log.error("failed", extra=self._line() | line)
        return self._error(errors.InternalError())

    def _error(self, error: KeyturnError, headers: dict[str, Any] | None = None) -> Response[str]:
        body = {"error": error.message, "code": error.code, "request_id": self.request_id}
        return Response(STATUS[type(error)], _JSON, json.dumps(body), headers)

    def _line(self) -> dict[str, Any]:
        event = self.app.current_event
        caller = event["requestContext"].get("authorizer") or {}
        return {
            "request_id": self.request_id,
            "lambda_request_id": self.app.lambda_context.aws_request_id,
            "route": f"{event.http_method} {event['resource']}",
            "actor_id": caller.get("id", ""),
            "actor_alias": caller.get("alias", ""),
        }


def count(metric: str, times: int = 1) -> None:
    """Write a metric, in the embedded format."""
    with single_metric(name=metric, unit=MetricUnit.Count, value=times) as counted:
        counted.add_dimension(name="service", value=log.service)


class _Body(NamedTuple):
    """A request's body as it came, on its way to `_parsed`."""

    content_type: str
    data: bytes | None


def _prepared(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as the resolver is to see it.

    The path is built from the resource that API Gateway matched: a custom domain's base path or a
    stage is not in it, and no decoding can lead to another route than the one the authorizer saw.
    The body waits, as bytes, for `_parsed`.
    """
    path = event["resource"]
    for name, value in (event.get("pathParameters") or {}).items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
    headers = {
        name.lower(): values[-1]
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if values
    }
    body = event.get("body") or ""
    data: bytes | None = body.encode(errors="surrogatepass")
    if event.get("isBase64Encoded"):
        try:
            data = b64decode(body, validate=True)
        except ValueError:
            data = None
    return event | {
        "path": path,
        "body": _Body(headers.get("content-type", ""), data),
        "isBase64Encoded": False,
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": event["requestContext"] | {"path": path, "stage": ""},
    }


def _parsed(body: _Body, *, optional: bool) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        BodyTooLarge: over 16 KiB.
        InvalidBody: not JSON by its Content-Type or in fact, not UTF-8, not an object, empty, or
            nested absurdly deep.
    """
    if body.data is not None and len(body.data) > _BODY_BYTES:
        raise errors.BodyTooLarge
    media_type = body.content_type.partition(";")[0].strip().lower()
    is_json = media_type == _JSON or _JSON_SUFFIX.fullmatch(media_type)
    if body.content_type.strip() and not is_json:
        raise errors.InvalidBody
    if optional and body.data == b"":
        return {}
    try:
        parsed = json.loads((body.data or b"").decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise errors.InvalidBody from None
    if not isinstance(parsed, dict) or not (parsed or optional) or not _is_shallow(parsed):
        raise errors.InvalidBody
    return parsed


def _is_shallow(value: object) -> bool:
    # Said here, because what json itself refuses differs by a factor of ten between Pythons.
    level = [value]
    for _ in range(_DEEPEST):
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [v for each in nested for v in (each.values() if isinstance(each, dict) else each)]
    return not level


def _no_constant(name: str) -> None:
    # NaN and Infinity are Python's, not JSON's.
    raise ValueError(name)


def _request_id(event: dict[str, Any]) -> str:
    # The extended id, because a client may choose the other one.
    context = event["requestContext"]
    return str(context.get("extendedRequestId") or context.get("requestId", ""))
