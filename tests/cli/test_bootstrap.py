"""bootstrap: from a stack's name to its first admin key, over AWS's own protocols."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import create_key
from tests.cli.account import Account, error, served
from tests.cli.between import Reply
from tests.cli.conftest import Keyturn
from tests.infra.declared import PATH
from tests.support import Output
from tests.support_aws import Aws, refused

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:keyturn-CreateKeyFunction-X"
OUTPUTS = {"CreateKeyFunctionArn": ARN, "Url": "https://a1b2c3.execute-api.example.com/live"}


def account_of_nobody() -> Account:
    return Account(OUTPUTS, ARN, create_key.handler)


@pytest.fixture
def account(command: Keyturn, aws: Aws, output: Output) -> Iterator[Account]:  # noqa: ARG001
    # Run in this process, the command has an environment of its own, and the function needs this.
    command.environment |= {
        name: value for name, value in os.environ.items() if name.startswith("POWERTOOLS_")
    }
    account = account_of_nobody()
    with served(command, account):
        yield account


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
    account = account_of_nobody()
    with served(command, account):
        done = command("bootstrap", *arguments)
    assert (done.code, done.out, account.invoked) == (code, "", [])
    assert said in done.err
    assert "Traceback" not in done.err


def test_missing_settings_are_named(command: Keyturn) -> None:
    with served(command, account_of_nobody()):
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
    with served(command, account_of_nobody(), stack, *([run] if run else [])):
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
