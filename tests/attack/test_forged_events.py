"""What is none of a function's events: whoever sends it, nothing changes and no key is answered."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from gzip import compress
from typing import Any

import pytest

import authorize
import create_key
import publish_events
import read_keys
import revoke_key
import rotate_key
import rotate_secret
import self_key
import verify_key
from keyturn import keytext
from keyturn.keys import DAY
from tests.support import Clock, Output
from tests.support_authorizer import http, made
from tests.support_aws import Aws, Table
from tests.support_life import lived, publish
from tests.support_rotation import BILLING, Lasting, compromised, events, requested, scheduled
from tests.support_secret import STEPS, Safe
from tests.support_world import World, refusals

pytestmark = pytest.mark.row("T11")

Handler = Callable[[Any, Any], Any]

HTTP: dict[str, Handler] = {
    "create": create_key.handler,
    "revoke": revoke_key.handler,
    "rotate": rotate_key.handler,
    "read": read_keys.handler,
    "self": self_key.handler,
    "verify": verify_key.handler,
}
HANDLERS = HTTP | {
    "authorize": authorize.handler,
    "publish": publish_events.handler,
    "secret": rotate_secret.handler,
}
OTHER = "210987654321"


def foreign(key: str) -> dict[str, Any]:
    """Return what other services would send, each made to look as much like ours as it can."""
    body = json.dumps({"alias": "mallory", "name": "M", "roles": ["admin"], "key": key})
    logs = b64encode(compress(json.dumps({"logEvents": [{"message": body}]}).encode()))
    return {
        "CloudWatch Logs": {"awslogs": {"data": logs.decode()}},
        "SNS": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": body}}]},
        "SQS": {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]},
        "S3": {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": key}}}]},
        "Kinesis": {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": body}}]},
        "Cognito": {"triggerSource": "PreSignUp_SignUp", "request": {"userAttributes": {}}},
        "a function URL": http({}) | {"body": body, "rawPath": "/api/apikey"},
        "a load balancer": {
            "requestContext": {"elb": {"targetGroupArn": "arn"}},
            "httpMethod": "POST",
            "path": "/api/apikey",
            "headers": {"x-api-key": key},
            "body": body,
        },
        "an HTTP API of the older form, asking no authorizer": {
            "version": "1.0",
            "resource": "/api/apikey",
            "httpMethod": "POST",
            "headers": {"x-api-key": key},
            "requestContext": {"requestId": "r", "authorizer": None},
            "body": body,
        },
        "EventBridge": requested({"alias": "billing"}, source="aws.s3"),
        "our own telling": requested({"alias": "billing", "id": BILLING}, source="keyturn"),
        "another account": requested({"alias": "billing"}, account=OTHER),
        "another account's leak": compromised({"alias": "billing"}, account=OTHER),
        "another account's schedule": scheduled() | {"account": OTHER},
        "a pipe's list": [requested({"alias": "billing"}, account=OTHER)],
        "a warmer": {"source": "serverless-plugin-warmup"},
        "a test event": {"key1": "value1", "key2": "value2"},
        "nothing": {},
    }


@pytest.mark.parametrize("function", HANDLERS)
def test_event_of_another_service_changes_nothing_and_answers_no_key(
    table: Table, output: Output, clock: Clock, function: str
) -> None:
    key = made("billing", ("admin",))
    rows = table.rows()
    clock.now += 1

    for event in foreign(key).values():
        try:
            given = HANDLERS[function](event, Lasting())
        except Exception as error:  # noqa: BLE001 - Lambda retries it or drops it; both do nothing
            given = repr(error)

        told = f"{given}{output.text}"
        assert table.rows() == rows
        assert key[20:52] not in told
        assert not re.search(keytext.LEAKED, told)
        assert '"valid": true' not in told
        assert "'Allow'" not in told


def test_replayed_request_does_not_rotate_again(clock: Clock, aws: Aws, output: Output) -> None:  # noqa: ARG001
    world = World(clock)
    world.issue()
    event = requested()
    for _ in range(3):
        world.send(event)
        world.now += 2 * DAY
    # Whether a replay keeps the id is EventBridge's to say.
    world.send(event | {"id": "another-id", "replay-name": "restore"})

    assert world.key.generation == 2
    assert [line["detail"] for line in refusals(output)] == ["replay-name: was asked for before"]


@pytest.mark.row("T10")
def test_replayed_report_of_a_leak_ends_nothing_that_was_made_since(
    clock: Clock,
    aws: Aws,  # noqa: ARG001
) -> None:
    world = World(clock)
    world.issue()
    event = compromised()
    world.send(event)
    world.now += 60
    new = world.rotate()
    for replay in (event, event | {"id": "another-id"}, event | {"replay-name": "restore"}):
        world.send(replay)

    assert world.judge(new) == "valid"


@pytest.mark.row("T10")
@pytest.mark.parametrize(
    "detail", [{"alias": "root"}, {"alias": "*"}, {"id": "*"}, {"alias": ["root"]}]
)
def test_report_of_a_leak_ends_no_key_but_the_one_it_names(
    clock: Clock, table: Table, detail: dict[str, Any]
) -> None:
    world = World(clock)
    text = world.issue().text.reveal()

    world.send(compromised(detail))

    assert world.judge(text) == "valid"
    assert len(table.rows()) == 1


def test_replayed_records_tell_what_was_told_and_undo_nothing(aws: Aws, table: Table) -> None:
    _, records = lived()
    publish(records)
    rows, told = table.rows(), events(aws)
    aws.forget()

    assert publish(records[::-1]) == []

    assert table.rows() == rows
    again = [entry["Detail"]["event_id"] for entry in events(aws)]
    assert sorted(again) == sorted(entry["Detail"]["event_id"] for entry in told)


def test_forged_record_writes_no_key_and_tells_no_hash(aws: Aws, table: Table) -> None:
    _, records = lived()
    made("billing", ("user",))
    (before,) = table.rows()
    image = records[0]["dynamodb"]["NewImage"]
    forged = image | {
        "id": {"S": BILLING},
        "item": {"S": "key"},
        "roles": {"L": [{"S": "admin"}]},
        "version": {"N": "99"},
        "key": {"S": "kt_"},
    }
    record = {"dynamodb": {"SequenceNumber": "1", "NewImage": forged}}

    assert publish([record]) == []

    kept = [row for row in table.rows() if row["item"] != {"S": "key"}]
    assert [row for row in table.rows() if row["item"] == {"S": "key"}] == [before]
    assert [row.keys() for row in kept] == [{"id", "item", "type", "detail", "delete_at"}]
    assert forged["secret_hash"]["B"] not in json.dumps(events(aws), default=str)


@pytest.mark.parametrize("step", STEPS)
def test_secret_event_that_names_another_secret_hands_over_no_key(
    clock: Clock,
    table: Table,
    step: str,
) -> None:
    """The other secret is not being rotated to this version, or is none of ours."""
    world = World(clock)
    text = world.issue().text.reveal()
    victim, attacker = Safe({"alias": "billing", "key": text}), Safe({"alias": "billing"})
    token = attacker.begin()
    rows, held = table.rows(), victim.value()

    event = {"Step": step, "SecretId": victim.arn, "ClientRequestToken": token}
    with pytest.raises(Exception, match="not pending"):
        rotate_secret.handler(event, Lasting())
    if step == "createSecret":
        with pytest.raises(Exception, match="must hold a string"):
            attacker.step(step, token)

    assert table.rows() == rows
    assert victim.value() == held
    assert attacker.key == ""
