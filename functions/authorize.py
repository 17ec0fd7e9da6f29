"""Lambda authorizer: may the presented key pass?

One strongly consistent read and no write; none at all where the key's form or check is wrong. May
get rows, and nothing else. Imports neither pydantic nor the event handler nor Tracer: every request
to an API waits for it.

What it answers, and what API Gateway makes of it:

    valid                                    an allow policy for the whole stage
    valid, but none of REQUIRED_ROLES        a deny policy                          403
    missing, malformed, unknown, revoked...  raises "Unauthorized"                  401
    cannot know                              raises anything else                   503
"""

import time
from typing import TYPE_CHECKING, Any

from keyturn import aws, decision, service
from keyturn.errors import Unavailable
from keyturn.keys import Credential, Outcome, Verdict, moment
from keyturn.settings import required_roles, settings
from keyturn.store import KeyStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_KNOWN = (Outcome.VALID, Outcome.INSUFFICIENT_ROLE)
ROLES = required_roles()
read = KeyStore(aws.dynamodb(), settings().table_name).get


class Unauthorized(Exception):
    """The text, not the type, is what API Gateway looks at."""

    def __init__(self) -> None:
        """Say the one word."""
        super().__init__("Unauthorized")


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer a REST `REQUEST` authorizer event.

    Raises:
        Unauthorized: the key is not one to let in, or there is not exactly one.
        Unavailable: nobody can know.
    """
    started = time.perf_counter()
    request = event.get("requestContext") or {}
    request_id = request.get("extendedRequestId") or context.aws_request_id
    try:
        verdict = service.verify(presented(event), ROLES, read, service.clock())
    except Unavailable as error:
        decision.write(None, request_id, started, error.detail)
        raise
    decision.write(verdict, request_id, started)
    if verdict.credential is None or verdict.outcome not in _KNOWN:
        raise Unauthorized
    return policy(verdict, verdict.credential, event["methodArn"])


def presented(event: dict[str, Any]) -> str:
    """Return the one key the request presents; empty where there is none, or no telling which.

    `Authorization: Bearer <key>` or `X-API-Key: <key>`. Both and different, either repeated, or
    another scheme, present no key.
    """
    headers = event.get("multiValueHeaders")
    found: dict[str, list[str]] = {"authorization": [], "x-api-key": []}
    for name, values in headers.items() if isinstance(headers, dict) else ():
        if name.lower() in found and isinstance(values, list):
            found[name.lower()] += values
    if any(len(values) > 1 for values in found.values()):
        return ""
    keys = {value.strip() for value in found["x-api-key"]}
    for value in found["authorization"]:
        scheme, _, credentials = value.partition(" ")
        keys.add(credentials.strip() if scheme.lower() == "bearer" else "")
    return keys.pop() if len(keys) == 1 else ""


def policy(verdict: Verdict, credential: Credential, method_arn: str) -> dict[str, Any]:
    """Return the IAM policy and the context for the backend.

    The policy covers the whole stage: API Gateway may apply a cached one to any of its routes.
    """
    api, stage, *_ = method_arn.split("/")
    return {
        "principalId": credential.id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow" if verdict.outcome is Outcome.VALID else "Deny",
                    "Resource": f"{api}/{stage}/*",
                }
            ],
        },
        "context": {
            "id": credential.id,
            "alias": credential.alias,
            "roles": ",".join(credential.roles),
            "expire": moment(verdict.expires_at),
            "generation": str(verdict.generation),
        },
    }
