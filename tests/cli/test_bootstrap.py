"""bootstrap: from a stack's name to its first admin key, over AWS's own protocols.

The create function is the real one, on moto. What moto cannot do without more than it is worth here
(describe a stack, run a function) is answered in the form in which AWS answers it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import pytest

import create_key
from tests.cli.between import Reply, Request, between
from tests.cli.conftest import Keyturn
from tests.infra.declared import PATH
from tests.support import Context, Output
from tests.support_aws import Aws, refused

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:keyturn-CreateKeyFunction-X"
OUTPUTS = {"CreateKeyFunctionArn": ARN, "Url": "https://a1b2c3.execute-api.example.com/live"}
XMLNS = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


@dataclass
class Account:
    """An AWS account with one stack, `keyturn`, and what it was asked."""

    asked: list[Request]
    invoked: list[object]

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
            for key, value in (OUTPUTS if name == "keyturn" else {"Bucket": "b"}).items()
        )
        body = (
            f'<DescribeStacksResponse xmlns="{XMLNS}"><DescribeStacksResult><Stacks><member>'
            f"<StackName>{name}</StackName><Outputs>{members}</Outputs></member></Stacks>"
            "</DescribeStacksResult></DescribeStacksResponse>"
        )
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})

    def function(self, request: Request) -> Reply:
        self.asked.append(request)
        assert unquote(request.path) == f"/2015-03-31/functions/{ARN}/invocations"
        event = json.loads(request.body)
        self.invoked.append(event)
        answer = create_key.handler(event, Context())
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def error(code: str, message: str, status: int) -> Reply:
    body = (
        f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Reply(status, body.encode(), {"Content-Type": "text/xml"})


@pytest.fixture
def command(alone: Keyturn) -> Keyturn:
    """The command, with AWS credentials and a Region, and no AWS."""
    alone.environment |= {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return alone


@pytest.fixture
def account(command: Keyturn, aws: Aws, output: Output) -> Iterator[Account]:  # noqa: ARG001
    # Run in this process, the command has an environment of its own, and the function needs this.
    command.environment |= {
        name: value for name, value in os.environ.items() if name.startswith("POWERTOOLS_")
    }
    account = Account([], [])
    with served(command, account):
        yield account


@contextmanager
def served(
    command: Keyturn, account: Account, stack: Reply | None = None, run: Reply | None = None
) -> Iterator[None]:
    """Let the command's AWS be this account; `stack` and `run` are answered instead."""
    with ExitStack() as running:
        for name, step in (
            ("CLOUDFORMATION", stack or account.cloudformation),
            ("LAMBDA", run or account.function),
        ):
            server = running.enter_context(between(step))
            command.environment[f"AWS_ENDPOINT_URL_{name}"] = server.url
        yield


def test_a_deployed_stack_gets_its_first_admin_key(command: Keyturn, account: Account) -> None:
    # In a process of its own, since the function's log goes to the standard output of this one.
    done = command.process("bootstrap", "--yes")

    assert done.code == 0
    assert done.err.startswith("Created. ")
    assert f"Next: keyturn login --url {OUTPUTS['Url']}\n" in done.err
    assert account.invoked == [{"alias": "admin", "name": "First admin", "roles": ["admin"]}]
    credentials = "Credential=AKIAEXAMPLE/"
    assert all(credentials in each.headers["Authorization"] for each in account.asked)
    assert "/eu-central-1/lambda/" in account.asked[-1].headers["Authorization"]
    again = command("bootstrap", "--yes", "--region", "us-east-2")
    assert (again.code, again.out.splitlines()[-1]) == (0, done.key)
    assert again.err.startswith("Renewed: the alias had a key. ")
    assert "/us-east-2/cloudformation/" in account.asked[-2].headers["Authorization"]


def test_the_template_has_the_outputs_that_are_looked_for() -> None:
    declared = PATH.read_text(encoding="utf-8").partition("\nOutputs:\n")[2]
    assert all(f"\n  {name}:\n" in f"\n{declared}" for name in OUTPUTS)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 7, f"Make the admin key 'admin' with {ARN}?"),
        (("--stack-name", "nonesuch", "-y"), 4, "nonesuch does not exist"),
        (("--stack-name", "other", "-y"), 4, "the stack other has no output CreateKeyFunctionArn"),
        (("--region", "not a region", "-y"), 2, "not a region"),
        (("--aws-profile", "nonesuch", "-y"), 2, "nonesuch"),
    ],
)
def test_no_admin_key_is_made_by_mistake(
    command: Keyturn, arguments: tuple[str, ...], code: int, said: str
) -> None:
    account = Account([], [])
    with served(command, account):
        done = command("bootstrap", *arguments)
    assert (done.code, done.out, account.invoked) == (code, "", [])
    assert said in done.err
    assert "Traceback" not in done.err


def test_missing_settings_are_named(command: Keyturn) -> None:
    with served(command, Account([], [])):
        nowhere = command("bootstrap", "-y", AWS_REGION="")
        nobody = command("bootstrap", "-y", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        sso = Path(command.environment["HOME"]) / ".aws" / "config"
        sso.parent.mkdir()
        sso.write_text(
            "[profile work]\nsso_session = us\nsso_account_id = 1\nsso_role_name = x\n"
            "region = us-east-1\n[sso-session us]\nsso_region = us-east-1\nsso_start_url = x\n"
        )
        signed_out = command("bootstrap", "-y", "--aws-profile", "work")
    assert (signed_out.code, "Sign in to AWS again" in signed_out.err) == (3, True)
    assert (nowhere.code, "region" in nowhere.err) == (2, True)
    assert (nobody.code, "credentials" in nobody.err) == (2, True)


@pytest.mark.parametrize(
    ("stack", "run", "code", "said"),
    [
        (error("AccessDenied", "User: x is not authorized", 403), None, 3, "is not authorized"),
        (error("ExpiredToken", "The token is expired", 403), None, 3, "lambda:InvokeFunction"),
        (error("InternalFailure", "oops", 500), None, 5, "oops (InternalFailure)"),
        (Reply(200, b"<html>"), None, 5, "what answers there is not AWS"),
        (Reply(body=None), None, 5, "Connection"),
        (None, Reply(200, b"{}", {"X-Amz-Function-Error": "Unhandled"}), 5, "Its log says why"),
        (None, Reply(200, b"garbage"), 5, "the function does not answer as Keyturn's"),
        (None, Reply(200, b'{"status": 201}'), 5, "the function does not answer as Keyturn's"),
    ],
    ids=str,
)
def test_what_aws_answers_instead_is_told(
    command: Keyturn, stack: Reply | None, run: Reply | None, code: int, said: str
) -> None:
    with served(command, Account([], []), stack, run):
        done = command("bootstrap", "-y")
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "hunter2" not in done.err
    assert "<html>" not in done.err


def test_what_the_function_refuses_is_told(command: Keyturn, account: Account, aws: Aws) -> None:
    assert account.invoked == []
    for code, said in (
        ("ThrottlingException", "service unavailable, try again (503 unavailable)"),
        ("ValidationException", "internal error (500 internal_error)"),
    ):
        aws.always("GetItem", refused(code))
        done = command("bootstrap", "--yes")
        assert done.code == 5
        assert said in done.err
        assert "The same again is safe" in done.err
    aws.heal()
    done = command("bootstrap", "--yes", "--alias", " ")
    assert done.code == 1
    assert "alias is required (400 alias_required)" in done.err
