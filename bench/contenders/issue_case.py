"""Our create and renewal: REST proxy event in, answer out, its lines written.

With the read, the KMS call and the write each makes, answered by the fake AWS: in the table "empty"
there is no row for the alias, in "whole" there is.
"""

import json
import os
from dataclasses import replace
from http import HTTPStatus

from lambda_event import Context, event

import create_key
from keyturn import aws
from keyturn.store import KeyStore

_CONTEXT = Context()
_REQUEST = {
    **event(""),
    "resource": create_key.RESOURCE,
    "path": create_key.RESOURCE,
    "httpMethod": "POST",
    "pathParameters": None,
    "isBase64Encoded": False,
    "body": json.dumps(
        {"alias": os.environ["BENCH_ALIAS"], "name": "Bench", "roles": ["user"], "ttl_days": 15}
    ),
}
_REQUEST["requestContext"] |= {"authorizer": {"id": "0" * 17, "alias": "admin", "generation": "1"}}


def create(times: int) -> None:
    """Create a key."""
    _ask("empty", HTTPStatus.CREATED, times)


def renew(times: int) -> None:
    """Renew a key."""
    _ask("whole", HTTPStatus.OK, times)


def _ask(table: str, expected: int, times: int) -> None:
    create_key.issuer = replace(create_key.issuer, store=KeyStore(_CLIENT, table))
    for _ in range(times):
        answer = create_key.handler(_REQUEST, _CONTEXT)
        if answer["statusCode"] != expected:
            raise SystemExit(answer["body"])


_CLIENT = aws.dynamodb()
CASES = {"create": create, "renew": renew}
