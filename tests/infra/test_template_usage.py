"""What decisions leave in the log reaches the recorder, and the recorder reaches nothing else."""

from collections import Counter
from typing import Any

import pytest

from keyturn import aws, row
from keyturn.keys import Outcome
from keyturn.tally import COUNTED, Day
from keyturn.usage import Usage
from tests.infra.declared import resolved, written
from tests.infra.test_template import AUTHORIZERS, FUNCTIONS
from tests.support import NOW
from tests.support_aws import Table
from tests.support_rotation import BILLING

FILTERS = resolved("AWS::Logs::SubscriptionFilter")
GROUPS = resolved("AWS::Logs::LogGroup")


def log_of(function: str) -> str:
    group: str = FUNCTIONS[function]["LoggingConfig"]["LogGroup"]
    return group


def test_every_log_with_decisions_is_subscribed_to_and_no_other() -> None:
    """Least of all the recorder's own: what it says there would call it again, for ever."""
    decides = {log_of(function) for function in [*AUTHORIZERS, "VerifyKeyFunction"]}

    assert len(FILTERS) == len(decides) == 5
    assert {each["LogGroupName"] for each in FILTERS.values()} == decides
    assert {each["DestinationArn"] for each in FILTERS.values()} == {"RecordUsageFunction.Arn"}
    assert len({each["FilterPattern"] for each in FILTERS.values()}) == 1
    # CloudWatch Logs tries the function when a subscription is made.
    for name in FILTERS:
        assert written()["Resources"][name]["DependsOn"] == "RecordUsagePermission"


def test_only_cloudwatch_logs_and_only_for_this_stacks_logs_may_have_usage_recorded() -> None:
    permission = resolved("AWS::Lambda::Permission")["RecordUsagePermission"]
    source = permission.pop("SourceArn")

    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "RecordUsageFunction.Ref",
        "Principal": "logs.amazonaws.com",
        "SourceAccount": "123456789012",
    }
    assert source == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/keyturn-*"
    for subscribed in FILTERS.values():
        name = GROUPS[subscribed["LogGroupName"].removesuffix(".Ref")]["LogGroupName"]
        assert name.startswith("/aws/lambda/keyturn-")


def condition() -> dict[str, Any]:
    policy = resolved("AWS::IAM::Role")["RecordUsageRole"]["Policies"][0]["PolicyDocument"]
    (update,) = [s for s in policy["Statement"] if s["Action"] == "dynamodb:UpdateItem"]
    found: dict[str, Any] = update["Condition"]
    return found


def test_the_recorder_may_touch_the_attributes_of_usage_alone(table: Table) -> None:
    allowed = condition()["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    usage = Usage(aws.dynamodb(), "keyturn-Table")
    usage.see(BILLING, {1: NOW, 2: NOW})
    usage.count(BILLING, Day(0, Counter(COUNTED)), "00", keep=1)

    assert {*allowed} == {name for written in table.rows() for name in written}
    assert len(allowed) == len({*allowed})
    # Of a key's row it could change nothing but what nobody reads there.
    assert {*allowed} & {*row.CREDENTIAL} == {"id"}
    assert condition()["StringEqualsIfExists"] == {"dynamodb:ReturnValues": "NONE"}
    assert Outcome.VALID in allowed


@pytest.mark.parametrize("days", ["1", "400"])
def test_usage_is_kept_for_the_days_that_the_parameter_says(days: str) -> None:
    functions = resolved("AWS::Serverless::Function", {"UsageDays": days})
    variables = functions["RecordUsageFunction"]["Environment"]["Variables"]
    assert variables["USAGE_DAYS"] == days
