"""The local stack as `keyturn` finds it: described by CloudFormation, invoked by Lambda."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from infra.local.invoking import answering
from infra.local.stack import Stack
from tests.e2e.served import served

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[Stack, str]]:
    with served("invoked") as service:
        assert isinstance(service.stack, Stack)
        with answering(service.stack) as url:
            yield service.stack, url


def test_a_stack_is_described_by_what_it_puts_out(here: tuple[Stack, str]) -> None:
    stack, url = here
    client = boto3.client("cloudformation", endpoint_url=url)

    (found,) = client.describe_stacks(StackName="invoked")["Stacks"]

    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    assert outputs["Url"] == stack.url
    assert outputs["CreateKeyFunctionArn"] == stack.functions["CreateKeyFunction"].arn
    assert "ImportKeysFunctionArn" not in outputs  # ImportedKeys is false
    with pytest.raises(ClientError, match="nonesuch does not exist"):
        client.describe_stacks(StackName="nonesuch")


def test_a_function_is_invoked_by_its_name_or_its_arn(here: tuple[Stack, str]) -> None:
    stack, url = here
    client = boto3.client("lambda", endpoint_url=url)
    function = stack.functions["CreateKeyFunction"]

    for named in (function.name, function.arn):
        answer = client.invoke(FunctionName=named, Payload=b'{"alias": ""}')
        said: Mapping[str, object] = json.loads(answer["Payload"].read())
        assert (said["status"], said["code"]) == (400, "alias_required")
        assert "FunctionError" not in answer
    failed = client.invoke(
        FunctionName=stack.functions["RotateSecretFunction"].name, Payload=b'{"Step": "none"}'
    )
    assert failed["FunctionError"] == "Unhandled"
    assert {"errorType", "errorMessage"} == json.loads(failed["Payload"].read()).keys()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nonesuch", Payload=b"{}")


def test_who_signs_nothing_invokes_nothing(here: tuple[Stack, str]) -> None:
    stack, url = here
    path = f"/2015-03-31/functions/{stack.functions['CreateKeyFunction'].name}/invocations"

    answer = httpx.post(url + path, json={"alias": "mine", "name": "N", "roles": ["admin"]})

    assert (answer.status_code, answer.text) == (403, "{}")
