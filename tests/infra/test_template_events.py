"""Who may ask and tell by events, and where what could not be delivered, served or told is kept."""

import json
from typing import Any

import pytest

from infra.local.patterns import matches
from keyturn import aws, changes, event_schemas, row
from keyturn.changes import SOURCE
from keyturn.trail import Trail
from tests.infra.declared import resolved, written
from tests.support import api_key
from tests.support_aws import Table

ACCOUNT = "123456789012"
LEAKS = {"LeakSources": "aws.securityhub,com.example.scanner"}
RULES = resolved("AWS::Events::Rule", LEAKS)
MAPPING = resolved("AWS::Lambda::EventSourceMapping")["PublishEventsMapping"]
PERMISSIONS = resolved("AWS::Lambda::Permission", LEAKS)
PUBLISHER = "PublishEventsRole.Arn"


def statements(kind: str, name: str, parameters: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    return resolved(kind, parameters)[name]["PolicyDocument"]["Statement"]


def speakers(arns: str) -> list[str]:
    policy = resolved("AWS::Events::EventBusPolicy", {"EventRequesterArns": arns})
    found: list[str] = policy["EventBusSpeakers"]["Statement"]["Condition"]["ArnNotLike"][
        "aws:PrincipalArn"
    ]
    return found


def test_nobody_speaks_on_the_bus_but_the_publisher_and_whom_the_deployer_names() -> None:
    assert speakers("") == [PUBLISHER]
    assert speakers("arn:aws:iam::1:role/a,arn:aws:iam::1:user/b") == [
        PUBLISHER,
        "arn:aws:iam::1:role/a",
        "arn:aws:iam::1:user/b",
    ]
    policies = resolved("AWS::Events::EventBusPolicy")
    for policy in policies.values():
        assert policy["EventBusName"] == "EventBus.Ref"
        statement = policy["Statement"]
        # In its own account a bus takes what IAM allows: only a denial keeps anybody out.
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", "EventBus.Arn")
    assert len({policy["StatementId"] for policy in policies.values()}) == len(policies) == 2
    # AWS's services carry no principal's ARN, and a negated condition is true of what is missing.
    assert policies["EventBusSpeakers"]["Statement"]["Condition"]["Null"] == {
        "aws:PrincipalArn": "false"
    }


def test_nobody_but_the_publisher_tells_what_happened() -> None:
    told = resolved("AWS::Events::EventBusPolicy")["EventBusTeller"]["Statement"]["Condition"]
    assert told == {
        "ForAnyValue:StringEquals": {"events:source": SOURCE},
        "ArnNotLike": {"aws:PrincipalArn": PUBLISHER},
    }
    granted = resolved("AWS::IAM::Role")["PublishEventsRole"]["Policies"][0]["PolicyDocument"]
    (put,) = [s for s in granted["Statement"] if s["Action"] == "events:PutEvents"]
    assert put["Condition"] == {"StringEquals": {"events:source": SOURCE}}


def test_the_publisher_may_put_rows_of_the_audits_attributes_alone(table: Table) -> None:
    granted = resolved("AWS::IAM::Role")["PublishEventsRole"]["Policies"][0]["PolicyDocument"]
    (put,) = [s for s in granted["Statement"] if s["Action"] == "dynamodb:PutItem"]
    allowed = set(put["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])

    change = changes.of(None, row.of_key(api_key(), "create id"))
    assert change is not None
    Trail(aws.dynamodb(), "keyturn-Table").keep(change, days=1)

    assert allowed == table.row().keys()
    # A key's row cannot be read without these, so what could be put is none.
    assert not set(row.CREDENTIAL) <= allowed


@pytest.mark.row("T11")
def test_a_request_reaches_the_function_from_our_bus_and_nowhere_else() -> None:
    rule = RULES["RequestsRule"]
    asked = {
        "account": ACCOUNT,
        "source": event_schemas.SOURCE,
        "detail-type": "Rotation Requested",
        "detail": {},
    }

    assert rule["EventBusName"] == "EventBus.Ref"
    for detail_type in ("Rotation Requested", "Key Compromised"):
        assert matches(rule["EventPattern"], asked | {"detail-type": detail_type})
    for other in (
        {"account": "210987654321"},
        {"source": SOURCE},
        {"source": "aws.events"},
        {"detail-type": "Scheduled Event"},
        {"replay-name": "restore"},
    ):
        assert not matches(rule["EventPattern"], asked | other)
    # All that is on the default bus: the schedule, and what the deployer names.
    assert {name for name, rule in RULES.items() if "EventBusName" not in rule} == {
        "SweepRule",
        "LeaksRule",
        "FindingsRule",
    }
    assert {*resolved("AWS::Events::Rule")} == {"RequestsRule", "SweepRule"}


def test_the_sweep_is_due_as_the_parameter_says() -> None:
    rules = resolved("AWS::Events::Rule", {"SweepSchedule": "rate(1 hour)"})
    assert rules["SweepRule"]["ScheduleExpression"] == "rate(1 hour)"
    assert RULES["SweepRule"]["ScheduleExpression"] == "rate(5 minutes)"


@pytest.mark.row("F10")
@pytest.mark.parametrize("name", RULES)
def test_what_cannot_be_delivered_is_tried_again_and_then_kept(name: str) -> None:
    (target,) = RULES[name]["Targets"]
    assert target["Arn"] == "RotateOnEventFunction.Arn"
    assert target["DeadLetterConfig"] == {"Arn": "UndeliveredRequests.Arn"}
    # A sweep that is late is the next one's work.
    kept = 300 if name == "SweepRule" else 86_400
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == kept
    assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 3


def test_every_rule_may_invoke_and_fill_the_queue_and_no_other_may() -> None:
    invoke = {
        permission["SourceArn"]: permission
        for permission in PERMISSIONS.values()
        if permission["Principal"] == "events.amazonaws.com"
    }
    assert {*invoke} == {f"{name}.Arn" for name in RULES}
    assert {p["FunctionName"] for p in invoke.values()} == {"RotateOnEventFunction.Ref"}
    allowed, _ = statements("AWS::SQS::QueuePolicy", "UndeliveredRequestsPolicy", LEAKS)
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert {*allowed["Condition"]["ArnEquals"]["aws:SourceArn"]} == {*invoke}


@pytest.mark.row("F10")
@pytest.mark.parametrize(
    ("function", "queue"),
    [("RotateOnEventFunction", "FailedRequests"), ("RecordUsageFunction", "UncountedUsage")],
)
def test_what_a_function_fails_at_is_tried_again_and_then_kept(function: str, queue: str) -> None:
    configured = resolved("AWS::Lambda::EventInvokeConfig").values()
    (retries,) = [each for each in configured if each["FunctionName"] == f"{function}.Ref"]
    assert retries == {
        "FunctionName": f"{function}.Ref",
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 21_600,
        "DestinationConfig": {"OnFailure": {"Destination": f"{queue}.Arn"}},
    }


@pytest.mark.parametrize("queue", ["UndeliveredRequests", "FailedRequests", "UncountedUsage"])
def test_a_queue_keeps_for_as_long_as_it_can_and_takes_nothing_in_clear(queue: str) -> None:
    declared = resolved("AWS::SQS::Queue")[queue]
    assert declared == {"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": True}
    *_, denied = statements("AWS::SQS::QueuePolicy", f"{queue}Policy")
    assert denied == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": f"{queue}.Arn",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_the_stream_brings_key_rows_and_nothing_that_the_publisher_writes() -> None:
    (declared,) = MAPPING["FilterCriteria"]["Filters"]
    pattern = json.loads(declared["Pattern"])

    def record(item: str) -> dict[str, Any]:
        return {"dynamodb": {"Keys": {"id": {"S": "an id"}, "item": {"S": item}}}}

    assert matches(pattern, record(row.ITEM))
    for item in ("event#2027-01-15T08:00:00Z#0000000001", "usage", "keys", ""):
        assert not matches(pattern, record(item))


def test_a_keys_events_keep_their_order_and_none_is_dropped_unseen() -> None:
    assert MAPPING["FunctionName"] == "PublishEventsFunction.Ref"
    assert MAPPING["EventSourceArn"] == "Table.StreamArn"
    assert MAPPING["StartingPosition"] == "TRIM_HORIZON"
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert MAPPING["BisectBatchOnFunctionError"] is True
    assert "ParallelizationFactor" not in MAPPING
    # Given up before the stream itself lets go, which it does after a day and without a word.
    assert (MAPPING["MaximumRetryAttempts"], MAPPING["MaximumRecordAgeInSeconds"]) == (-1, 21_600)
    assert MAPPING["DestinationConfig"] == {"OnFailure": {"Destination": "UntoldChanges.Arn"}}
    # Two calls a record, one second each: a batch that runs out of time is told twice.
    function = resolved("AWS::Serverless::Function")["PublishEventsFunction"]
    assert 2 * MAPPING["BatchSize"] < function["Timeout"]


def test_the_bucket_of_what_was_not_told_is_private_encrypted_and_forgets() -> None:
    bucket = resolved("AWS::S3::Bucket")["UntoldChanges"]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert {*bucket["PublicAccessBlockConfiguration"].values()} == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)
    (denied,) = statements("AWS::S3::BucketPolicy", "UntoldChangesPolicy")
    assert denied["Resource"] == ["UntoldChanges.Arn", "UntoldChanges.Arn/*"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")


def test_what_happened_is_archived_for_the_days_that_the_parameter_says_and_requests_never() -> (
    None
):
    (archive,) = resolved("AWS::Events::Archive", {"EventArchiveDays": "7"}).values()
    assert (archive["SourceArn"], archive["RetentionDays"]) == ("EventBus.Arn", "7")
    assert archive["EventPattern"] == {"source": [SOURCE]}
    assert resolved("AWS::Events::Archive", {"EventArchiveDays": "0"}) == {}
    assert written()["Parameters"]["EventArchiveDays"]["Default"] == 35


def test_only_secrets_manager_and_only_of_this_account_has_secrets_rotated() -> None:
    assert PERMISSIONS["RotateSecretPermission"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "RotateSecretFunction.Ref",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": ACCOUNT,
    }


def test_only_secrets_that_name_the_function_as_theirs_are_open_to_it() -> None:
    (policy,) = resolved("AWS::IAM::RolePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["RoleName"] == "RotateSecretRole.Ref"
    assert statement["Condition"] == {
        "StringEquals": {
            "secretsmanager:resource/AllowRotationLambdaArn": "RotateSecretFunction.Arn"
        }
    }
