"""The first admin key is made by whoever may invoke a function, and is written down nowhere."""

import json
import re
from typing import Any

import pytest

import create_key
import import_keys
from keyturn import keytext
from tests.infra.declared import deployed, resolved, written
from tests.support import Context, Output
from tests.support_aws import Table
from tests.support_canary import leaks

pytestmark = pytest.mark.row("T17")

SECRET = re.compile(r"secret|password|token|credential|private|admin.?key|api.?key$", re.IGNORECASE)
# Functions that no route leads to, or that are invoked directly beside it.
DIRECT = {"CreateKeyFunction", "ImportKeysFunction"}


def test_template_takes_and_tells_no_secret() -> None:
    parameters = written()["Parameters"]
    assert not [name for name in parameters if SECRET.search(name)]
    assert not [name for name, declared in parameters.items() if "NoEcho" in declared]
    outputs = json.dumps(written()["Outputs"])
    assert not re.search(r"SecretString|resolve:(ssm|secretsmanager)", outputs)
    for function in resolved("AWS::Serverless::Function").values():
        variables = function["Environment"]["Variables"]
        assert not [name for name in variables if SECRET.search(name)]
        assert not re.search(keytext.LEAKED, json.dumps(variables))


def test_nothing_of_the_repository_makes_a_key_when_the_stack_is_made() -> None:
    kinds = {resource["Type"] for resource in written()["Resources"].values()}

    assert not [
        kind for kind in kinds if kind.startswith(("Custom::", "AWS::CloudFormation::Custom"))
    ]
    assert not kinds & {"AWS::SecretsManager::Secret", "AWS::SSM::Parameter", "AWS::Lambda::Url"}


def test_nobody_invokes_directly_but_whom_iam_lets() -> None:
    allowed: dict[str, set[str]] = {}
    for resource in deployed().values():
        if resource["Type"] == "AWS::Lambda::Permission":
            declared = resource["Properties"]
            function = declared["FunctionName"]
            name = function.get("Ref") or function["Fn::GetAtt"][0]
            allowed.setdefault(name, set()).add(declared["Principal"])
            assert declared["Principal"] != "*"
            assert {"SourceArn", "SourceAccount"} & declared.keys()
    # A route of its own, which asks the admin authorizer; and for the import not even that.
    assert {
        name: allowed.get(name, set()) for name in DIRECT if name in written()["Resources"]
    } == {
        name: {"apigateway.amazonaws.com"} if name == "CreateKeyFunction" else set()
        for name in DIRECT
        if name in written()["Resources"]
    }


def test_first_key_is_answered_to_who_invoked_and_stands_nowhere_else(
    table: Table, output: Output
) -> None:
    given = create_key.handler({"alias": "root", "name": "Root", "roles": ["admin"]}, Context())

    assert (given["status"], given["roles"]) == (201, ["admin"])
    held = {"log": output.text.encode(), "rows": repr(table.rows()).encode()}
    assert b"Created" in held["log"]
    assert leaks({given["key"]}, held) == set()


@pytest.mark.parametrize("event", [{"alias": "root"}, {"rows": [{"alias": "root"}]}, {}, []])
def test_direct_invoke_that_is_none_answers_no_key(table: Table, event: Any) -> None:  # noqa: ANN401
    answers = [create_key.handler(event, Context())]
    try:
        answers.append(import_keys.handler(event, Context()))
    except Exception as error:  # noqa: BLE001 - as Lambda answers it
        answers.append({"error": str(error)})

    assert not re.search(keytext.LEAKED, json.dumps(answers))
    assert table.rows() == []
