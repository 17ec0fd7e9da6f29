"""The stack on an emulator of AWS, wired by its template alone: events, the stream, roles, logs."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.rehearsal.deployment import STACK, Deployment
from tests.e2e import test_by_event
from tests.e2e.served import PATH, Service
from tests.support_canary import leaks

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef, TargetTypeDef

Heard = Callable[[], list[dict[str, Any]]]

pytestmark = [pytest.mark.rehearsal, pytest.mark.xdist_group("deployed")]

# The first call of a function unpacks the bundle, on a machine that may be busy.
soon = partial(test_by_event.soon, seconds=60)
DENY = {"Effect": "Deny", "Action": "dynamodb:UpdateItem", "Resource": "*"}


@pytest.fixture
def stack(deployed: Service) -> Deployment:
    assert isinstance(deployed.stack, Deployment)
    return deployed.stack


@pytest.fixture
def events(stack: Deployment) -> Iterator["EventBridgeClient"]:
    with closing(stack.client("events")) as client:
        yield client


def ask(events: "EventBridgeClient", stack: Deployment, kind: str, detail: dict[str, Any]) -> str:
    """Put a request on the bus; returns the event's id."""
    entry: PutEventsRequestEntryTypeDef = {
        "EventBusName": stack.event_bus,
        "Source": "keyturn.request",
        "DetailType": kind,
        "Detail": json.dumps(detail),
    }
    (answer,) = events.put_events(Entries=[entry])["Entries"]
    return str(answer["EventId"])


def get(service: Service, path: str) -> dict[str, Any]:
    return service.send("GET", f"{PATH}/{path}", headers=service.bearer()).body


@pytest.fixture
def heard(stack: Deployment, events: "EventBridgeClient") -> Iterator[Heard]:
    """What is told on the bus from now on, as any queue of the account may hear it."""
    name = f"heard-{time.time_ns()}"
    with closing(stack.client("sqs")) as sqs:
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": ["keyturn"]})
        events.put_rule(Name=name, EventBusName=stack.event_bus, EventPattern=pattern)
        target: TargetTypeDef = {"Id": "heard", "Arn": arn["QueueArn"]}
        events.put_targets(Rule=name, EventBusName=stack.event_bus, Targets=[target])
        told: list[dict[str, Any]] = []

        def listen() -> list[dict[str, Any]]:
            page = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            told.extend(json.loads(message["Body"]) for message in page.get("Messages", []))
            return told

        yield listen
        events.remove_targets(Rule=name, EventBusName=stack.event_bus, Ids=["heard"])
        events.delete_rule(Name=name, EventBusName=stack.event_bus)


def test_an_event_on_the_bus_rotates_a_key(
    deployed: Service,
    stack: Deployment,
    events: "EventBridgeClient",
    alias: str,
) -> None:
    made = deployed.create(alias, roles=["admin"])
    id = ask(events, stack, "Rotation Requested", {"alias": alias, "rotation_id": "1"})
    item = soon(lambda: get(deployed, made["id"]), lambda item: item["generation"] == 2)
    new = deployed.create(alias, roles=["admin"])

    assert item["updated_by"] == f"event:{id}"
    assert new["key"] != made["key"]
    assert deployed.admits(made["key"])
    assert deployed.admits(new["key"])


def test_a_leak_that_is_reported_on_the_bus_ends_a_key(
    deployed: Service,
    stack: Deployment,
    events: "EventBridgeClient",
    alias: str,
) -> None:
    made = deployed.create(alias, roles=["admin"])
    ask(events, stack, "Key Compromised", {"id": made["id"]})
    item = soon(lambda: get(deployed, made["id"]), lambda item: item["status"] == "revoked")

    assert item["revoke_reason"] == "compromised"
    assert not deployed.admits(made["key"])


def test_each_change_is_kept_beside_the_key_and_told_on_the_bus(
    deployed: Service,
    heard: Heard,
    alias: str,
) -> None:
    made = deployed.create(alias)
    deployed.send("POST", f"{PATH}/{made['id']}/rotate", headers=deployed.bearer())
    deployed.create(alias)
    deployed.delete(made["id"], "?reason=superseded")
    expected = ["Key Created", "Key Rotated", "Key Renewed", "Key Revoked"]

    def ours() -> list[dict[str, Any]]:
        return [event for event in heard() if event["detail"]["id"] == made["id"]]

    trail = soon(
        lambda: get(deployed, f"{made['id']}/events")["items"],
        lambda items: len(items) == len(expected),
    )[::-1]
    told = soon(ours, lambda events: len(events) == len(expected))
    told.sort(key=lambda event: int(event["detail"]["version"]))
    assert [item["type"] for item in trail] == expected
    assert [event["detail-type"] for event in told] == expected
    assert [{k: v for k, v in item.items() if k != "type"} for item in trail] == [
        event["detail"] for event in told
    ]


def test_each_route_asks_the_authorizer_that_the_template_gives_it(
    deployed: Service, stack: Deployment, alias: str
) -> None:
    user = deployed.create(alias, roles=["user"])["key"]
    assert deployed.send("GET", f"{PATH}/self", headers=deployed.bearer(user)).status == 200
    body = json.dumps({"key": user}).encode()
    for method, path in (("GET", PATH), ("POST", f"{PATH}/verify")):
        answer = deployed.send(method, path, body, deployed.bearer(user))
        assert answer.is_error(403, "forbidden")
    with closing(stack.client("apigateway")) as client:
        api = stack.outputs["Url"].removeprefix("https://").partition(".")[0]
        found = client.get_authorizers(restApiId=api)["items"]
    assert {each["name"] for each in found} == {"Admin", "VerifyCaller", "AnyKey"}
    # Never cached, and by the alias that moves from one whole version to the next.
    assert {each["authorizerResultTtlInSeconds"] for each in found} == {0}
    assert all(each["authorizerUri"].endswith(":live/invocations") for each in found)


def test_a_function_may_do_what_its_role_allows_and_no_more(
    deployed: Service, stack: Deployment, alias: str
) -> None:
    made = deployed.create(alias)
    with closing(stack.client("cloudformation")) as client:
        resource = client.describe_stack_resource(
            StackName=STACK, LogicalResourceId="RevokeKeyRole"
        )
    role = resource["StackResourceDetail"]["PhysicalResourceId"]
    policy = {"RoleName": role, "PolicyName": "denied"}
    with closing(stack.client("iam")) as iam:
        document = {"Version": "2012-10-17", "Statement": [DENY]}
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
        try:
            assert deployed.delete(made["id"]).is_error(503, "unavailable")
        finally:
            iam.delete_role_policy(**policy)
    assert deployed.delete(made["id"]).status == 200


def test_whoever_signs_wrongly_is_refused(stack: Deployment) -> None:
    name = f"user-{time.time_ns()}"
    with closing(stack.client("iam")) as iam:
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
    with (
        closing(
            boto3.client(
                "dynamodb",
                endpoint_url=stack.aws_endpoint,
                aws_access_key_id=made["AccessKeyId"],
                aws_secret_access_key=f"{made['SecretAccessKey']}x",
            )
        ) as client,
        pytest.raises(ClientError, match="ignature"),
    ):
        client.get_item(TableName=stack.table, Key={"id": {"S": "x"}, "item": {"S": "key"}})


def test_no_log_has_a_key_in_it(deployed: Service, stack: Deployment, alias: str) -> None:
    made = deployed.create(alias, roles=["admin"])
    rotated = deployed.send("POST", f"{PATH}/{made['id']}/rotate", headers=deployed.bearer()).body
    deployed.send("GET", f"{PATH}/{rotated['key']}", headers=deployed.bearer())
    assert deployed.delete(rotated["key"]).status == 200
    keys = {stack.admin_key, made["key"], rotated["key"]}
    with closing(stack.client("logs")) as logs:
        pages = logs.get_paginator("describe_log_groups").paginate()
        groups = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        said = {
            group: json.dumps(logs.filter_log_events(logGroupName=group)["events"]).encode()
            for group in groups
        }
    assert {f"/aws/lambda/{STACK}-{name}" for name in ("create-key", "revoke-key")} <= {*groups}
    assert b"Revoked" in said[f"/aws/lambda/{STACK}-revoke-key"]
    assert leaks(keys, said) == set()
