"""What functions leave in the log of decisions, and how CloudWatch Logs delivers it."""

import base64
import gzip
import io
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import replace
from typing import Any
from uuid import uuid4

import boto3

from infra.local.resources import Resources
from infra.local.stack import TEMPLATE
from keyturn import decision, keytext
from keyturn.keys import Outcome, Verdict
from keyturn.tally import COUNTED
from tests.support import NOW, api_key
from tests.support_rotation import BILLING

LOG_GROUP = "/aws/lambda/keyturn-admin-authorizer"
STREAM = "2027/01/15/[$LATEST]0123456789abcdef"
KEY = api_key()

Line = tuple[int, str]
"""When it was written (epoch seconds), and what."""


def line(
    outcome: Outcome | None = Outcome.VALID, id: str = BILLING, generation: int = 1, at: int = NOW
) -> Line:
    """Return the line that a decision leaves, as the code writes it; `None`, nobody could know."""
    credential = replace(KEY, id=id) if outcome in COUNTED else None
    verdict = None if outcome is None else Verdict(outcome, credential, generation, NOW)
    with redirect_stdout(io.StringIO()) as written:
        decision.write(verdict, "request", time.perf_counter())
    return at, written.getvalue().rstrip("\n")


@contextmanager
def table_on(dynamodb_local: str) -> Iterator[tuple[Any, str]]:
    """Make the template's table on DynamoDB Local; yields a client and the table's name."""
    name = f"usage-{uuid4().hex}"
    Resources(TEMPLATE, name, {}).make(os.environ["AWS_ENDPOINT_URL"], dynamodb_local)
    with closing(boto3.client("dynamodb", endpoint_url=dynamodb_local)) as client:
        yield client, f"{name}-Table"


def id_of(alias: object) -> str:
    """Return the id of an alias."""
    return keytext.id_of("", str(alias))


def logs(lines: Iterable[Line], stream: str = STREAM, first: int = 0) -> dict[str, Any]:
    """Return lines as a batch of a log stream, whose events are counted from `first`."""
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": LOG_GROUP,
        "logStream": stream,
        "subscriptionFilters": ["decisions"],
        "logEvents": [
            {"id": f"{number:056}", "timestamp": at * 1000 + 17, "message": message}
            for number, (at, message) in enumerate(lines, first)
        ],
    }


def delivered(batch: object) -> dict[str, Any]:
    """Return what the function is invoked with."""
    data = gzip.compress(json.dumps(batch).encode(), 1, mtime=0)
    return {"awslogs": {"data": base64.b64encode(data).decode()}}
