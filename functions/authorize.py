"""Lambda authorizer: may the presented key pass?

For any API of the account that attaches it, ours among them. One strongly consistent read and no
write; none at all where the key's form or check is wrong. May get rows, and nothing else. Imports
neither the SDK nor pydantic, the event handler or Tracer: every request to an API waits for it.

    event                          let in           bad key              lacks a role  cannot know
    REST REQUEST, TOKEN; WebSocket policy, allow    raises Unauthorized  policy, deny  raises
    HTTP API, payload 2.0; AppSync isAuthorized     not isAuthorized     the same      raises

API Gateway answers 401 to the exception's very text "Unauthorized", and to any other what its
AUTHORIZER_FAILURE response says (ours: 503; an HTTP API: 500).
"""

import time
from typing import TYPE_CHECKING, Any

from keyturn import decision, service
from keyturn.errors import Unavailable
from keyturn.keys import Credential, Outcome, Verdict, moment
from keyturn.reader import finder, reader
from keyturn.settings import required_roles

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_ARN_PARTS = 3

roles = required_roles()
read, find = reader(), finder()


class Unauthorized(Exception):
    """The text, not the type, is what API Gateway looks at."""

    def __init__(self) -> None:
        """Say the one word."""
        super().__init__("Unauthorized")


def handler(event: object, context: "LambdaContext") -> dict[str, Any]:
    """Answer an authorizer event, of whatever kind.

    Raises:
        Unauthorized: no key to let in, where the kind of event wants that said so.
        Unavailable: nobody can know.
    """
    started = time.perf_counter()
    asked = event if isinstance(event, dict) else {}
    request_id = _request_id(asked) or context.aws_request_id
    try:
        verdict = service.verify(presented(asked), roles, read, service.clock(), find)
    except Unavailable as error:
        decision.write(None, request_id, started, error.detail)
        raise
    decision.write(verdict, request_id, started)
    credential = verdict.credential
    is_appsync = _is_appsync(asked)
    if is_appsync or asked.get("version") == "2.0":
        if credential is None or verdict.outcome is not Outcome.VALID:
            return {"isAuthorized": False}
        named = "resolverContext" if is_appsync else "context"
        return {"isAuthorized": True, named: _context(verdict, credential)}
    if credential is None or verdict.outcome not in {Outcome.VALID, Outcome.INSUFFICIENT_ROLE}:
        raise Unauthorized
    return {
        "principalId": credential.id,
        "policyDocument": _policy(verdict.outcome, asked.get("methodArn")),
        "context": _context(verdict, credential),
    }


def presented(event: dict[str, Any]) -> str:
    """Return the one key that the request presents; empty where there is none, or no telling which.

    `Authorization: Bearer <key>` or `X-API-Key: <key>`. Both and different, either repeated, or
    another scheme, present no key. A TOKEN event brings one header's value, whichever its owner
    chose, and AppSync that of `Authorization`: with or without the scheme.
    """
    if event.get("type") == "TOKEN" or _is_appsync(event):
        token = event.get("authorizationToken")
        return _bearer(token) or token.strip() if isinstance(token, str) else ""
    found: dict[str, list[object]] = {"authorization": [], "x-api-key": []}
    for name, value in _headers(event):
        if name.lower() in found:
            found[name.lower()] += value if isinstance(value, list) else [value]
    if any(len(values) > 1 for values in found.values()):
        return ""
    keys = {value.strip() if isinstance(value, str) else "" for value in found["x-api-key"]}
    keys |= {_bearer(value) if isinstance(value, str) else "" for value in found["authorization"]}
    return keys.pop() if len(keys) == 1 else ""


def _is_appsync(event: dict[str, Any]) -> bool:
    """Tell AppSync's question by what it lacks: API Gateway's all say their `type`."""
    return "authorizationToken" in event and "type" not in event


def _headers(event: dict[str, Any]) -> list[tuple[str, object]]:
    # An HTTP API has only `headers`, and joins repeated ones with a comma: no key holds one.
    headers = event.get("multiValueHeaders") or event.get("headers")
    if not isinstance(headers, dict):
        return []
    return [(name, value) for name, value in headers.items() if isinstance(name, str)]


def _bearer(value: str) -> str:
    scheme, _, key = value.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _policy(outcome: Outcome, method_arn: object) -> dict[str, Any]:
    """Return the policy for the whole stage: a cached one may be applied to any of its routes."""
    parts = method_arn.split("/", 2) if isinstance(method_arn, str) else []
    if len(parts) < _ARN_PARTS:
        raise Unauthorized
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow" if outcome is Outcome.VALID else "Deny",
                "Resource": f"{parts[0]}/{parts[1]}/*",
            }
        ],
    }


def _context(verdict: Verdict, credential: Credential) -> dict[str, str]:
    """Return what the backend is told; all strings, as API Gateway wants them; never the key."""
    return {
        "id": credential.id,
        "alias": credential.alias,
        "roles": ",".join(credential.roles),
        "expire": moment(verdict.expires_at),
        "generation": str(verdict.generation),
    }


def _request_id(event: dict[str, Any]) -> str:
    request = event.get("requestContext")
    if not isinstance(request, dict):
        return ""
    return str(request.get("extendedRequestId") or request.get("requestId") or "")
