"""An AWS account with a stack in it, over AWS's own protocols.

The function is the real one, on moto. What moto cannot do without more than it is worth here
(describe a stack, run a function) is answered in the form in which AWS answers it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.cli.between import Reply, Request, Step, between
from tests.cli.conftest import Keyturn
from tests.support import Context

XMLNS = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


@dataclass
class Account:
    """An AWS account with one stack, `keyturn`, and what it was asked; `run` is its function."""

    outputs: Mapping[str, str]
    arn: str
    run: Callable[[Any, LambdaContext], dict[str, Any]]
    asked: list[Request] = field(default_factory=list)
    invoked: list[Any] = field(default_factory=list)

    def cloudformation(self, request: Request) -> Reply:
        self.asked.append(request)
        form = parse_qs(request.body.decode())
        assert form["Action"] == ["DescribeStacks"]
        (name,) = form["StackName"]
        if name not in {"keyturn", "other"}:
            said = f"Stack with id {name} does not exist"
            return error("ValidationError", said, 400)
        members = "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{escape(value)}</OutputValue></member>"
            for key, value in (self.outputs if name == "keyturn" else {"Bucket": "b"}).items()
        )
        body = (
            f'<DescribeStacksResponse xmlns="{XMLNS}"><DescribeStacksResult><Stacks><member>'
            f"<StackName>{name}</StackName><Outputs>{members}</Outputs></member></Stacks>"
            "</DescribeStacksResult></DescribeStacksResponse>"
        )
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})

    def function(self, request: Request) -> Reply:
        self.asked.append(request)
        assert unquote(request.path) == f"/2015-03-31/functions/{self.arn}/invocations"
        event = json.loads(request.body)
        self.invoked.append(event)
        try:
            answer = self.run(event, Context())
        except Exception as raised:  # noqa: BLE001 - as Lambda's runtime does
            return failed(type(raised).__name__, str(raised))
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def failed(kind: str, message: str) -> Reply:
    """Return what Lambda answers where a function raised."""
    said = json.dumps({"errorType": kind, "errorMessage": message, "stackTrace": []})
    return Reply(200, said.encode(), {"X-Amz-Function-Error": "Unhandled"})


def refusal(code: str, message: str, status: int) -> Reply:
    """Return what Lambda answers where it does not run a function."""
    said = json.dumps({"Message": message}).encode()
    return Reply(status, said, {"X-Amzn-ErrorType": code})


def error(code: str, message: str, status: int) -> Reply:
    body = (
        f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Reply(status, body.encode(), {"Content-Type": "text/xml"})


@contextmanager
def served(
    command: Keyturn, account: Account, stack: Step | None = None, *run: Step
) -> Iterator[None]:
    """Let the command's AWS be this account; `stack` and `run` are answered instead."""
    with ExitStack() as running:
        for name, steps in (
            ("CLOUDFORMATION", (stack or account.cloudformation,)),
            ("LAMBDA", run or (account.function,)),
        ):
            server = running.enter_context(between(*steps))
            command.environment[f"AWS_ENDPOINT_URL_{name}"] = server.url
        yield
