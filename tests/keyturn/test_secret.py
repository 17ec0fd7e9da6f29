import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyturn import aws as sdk
from keyturn.errors import FieldInvalid, Unavailable
from keyturn.keys import DAY
from keyturn.secret import Secret
from tests.support import NOW
from tests.support_aws import Answer, Aws, Call, Fault, refused
from tests.support_desk import Desk
from tests.support_secret import Safe

TOKEN = "t" * 32


def answering(body: dict[str, Any]) -> Fault:
    def fault(_call: Call) -> Answer:
        headers = [("Content-Type", "application/x-amz-json-1.1")]
        return Answer("200 OK", headers, json.dumps(body).encode())

    return fault


def described(aws: Aws, **more: object) -> Secret:
    """Look at a secret as AWS describes it; moto knows but one kind of schedule."""
    stages = {"RotationEnabled": True, "VersionIdsToStages": {TOKEN: ["AWSPENDING"]}}
    aws.plan("DescribeSecret", answering(stages | more))
    return Secret(sdk.secretsmanager(), "arn", TOKEN)


@pytest.mark.parametrize(
    ("rules", "seconds"),
    [
        ({"AutomaticallyAfterDays": 30}, 30 * DAY),
        ({"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"}, 30 * DAY),
        ({"ScheduleExpression": "rate(10 days)"}, 10 * DAY),
        ({"ScheduleExpression": "rate(1 day)"}, DAY),
        ({"ScheduleExpression": "rate(4 hours)", "Duration": "1h"}, 4 * 3600),
        ({"ScheduleExpression": "cron(0 16 1 * ? *)"}, 7 * DAY),
        ({}, 7 * DAY),
    ],
)
def test_interval_is_what_the_schedule_says_or_the_time_until_the_next_rotation(
    aws: Aws, rules: dict[str, object], seconds: int
) -> None:
    following = (datetime.fromtimestamp(NOW, UTC) + timedelta(days=7)).timestamp()
    secret = described(aws, RotationRules=rules, NextRotationDate=following)

    assert secret.interval(NOW) == seconds


@pytest.mark.parametrize("following", [{}, {"NextRotationDate": NOW - 1}])
def test_interval_that_nobody_tells_is_none(aws: Aws, following: dict[str, object]) -> None:
    rules = {"ScheduleExpression": "cron(0 16 1 * ? *)"}

    assert described(aws, RotationRules=rules, **following).interval(NOW) == 0


def test_secret_without_rules_or_versions_is_no_exception(aws: Aws) -> None:
    assert described(aws).interval(NOW) == 0
    with pytest.raises(FieldInvalid, match="not pending"):
        described(aws, VersionIdsToStages={})


def test_secret_that_holds_bytes_is_refused(aws: Aws) -> None:
    secret = described(aws)
    aws.plan("GetSecretValue", answering({"SecretBinary": "AAAA"}))

    with pytest.raises(FieldInvalid, match="JSON object"):
        secret.current()


def test_version_that_was_given_another_value_meanwhile_is_said(aws: Aws) -> None:
    issued = Desk().issue()
    secret = described(aws)
    aws.plan("PutSecretValue", refused("ResourceExistsException"))

    with pytest.raises(Unavailable) as caught:
        secret.put(issued)
    assert caught.value.detail == "PutSecretValue: ResourceExistsException"


def test_first_version_of_all_becomes_current_without_one_to_take_that_from(aws: Aws) -> None:
    secret = described(aws)
    aws.plan("UpdateSecretVersionStage", answering({}))
    aws.forget()

    secret.promote()

    sent = {"SecretId": "arn", "VersionStage": "AWSCURRENT", "MoveToVersionId": TOKEN}
    assert json.loads(aws.sent[0]) == sent


@pytest.mark.usefixtures("aws")
def test_secret_without_a_current_value_is_refused() -> None:
    safe = Safe()
    token = safe.begin()
    for version in list(safe.versions()):
        if version != token:
            del safe.versions()[version]
    secret = Secret(sdk.secretsmanager(), safe.arn, token)

    with pytest.raises(FieldInvalid, match="no current value"):
        secret.current()


@pytest.mark.usefixtures("aws")
def test_what_is_put_is_what_is_pending() -> None:
    issued = Desk().issue()
    safe = Safe()
    secret = Secret(sdk.secretsmanager(), safe.arn, safe.begin())
    assert secret.pending() is None
    assert not secret.is_current

    secret.put(issued)

    pending = secret.pending()
    assert pending is not None
    assert (pending.alias, pending.key) == ("billing", issued.text.reveal())
    assert issued.text.reveal() not in repr(pending)
    assert secret.current().key == ""
