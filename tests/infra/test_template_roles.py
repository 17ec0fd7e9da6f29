"""What each function may do: what its verb needs, and no more."""

from typing import Any

import pytest

from tests.infra.declared import resolved
from tests.infra.test_template import AUTHORIZERS, FUNCTIONS

ROLES = resolved("AWS::IAM::Role")
BESIDE = {"logs", "xray"}

ROTATES = {
    ("dynamodb:GetItem", "Table.Arn"),
    ("dynamodb:UpdateItem", "Table.Arn"),  # on condition of what was read
    ("kms:Encrypt", "Key.Arn"),  # the new string, before the write
    ("kms:Decrypt", "Key.Arn"),  # the current one, to answer a repeat
}
SECRETS = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:*"  # on condition that one is its own
)

# What a function does to rows, with the KMS key and with others' services, and nothing beside it.
DOES = {
    "CreateKeyFunction": {
        ("dynamodb:GetItem", "Table.Arn"),  # has the alias a row?
        ("dynamodb:PutItem", "Table.Arn"),  # no: create, on condition that it still has none
        ("dynamodb:UpdateItem", "Table.Arn"),  # yes: renew, on condition of what was read
        ("kms:Encrypt", "Key.Arn"),  # before the create's write
        ("kms:Decrypt", "Key.Arn"),  # before the renewal's write
    },
    # One conditional write; it neither reads a row first nor ever opens a key string.
    "RevokeKeyFunction": {("dynamodb:UpdateItem", "Table.Arn")},
    # One read; what judges a key can change nothing and open nothing.
    "VerifyKeyFunction": {("dynamodb:GetItem", "Table.Arn")},
    **{authorizer: {("dynamodb:GetItem", "Table.Arn")} for authorizer in AUTHORIZERS},
    # One read, or one conditional write; a holder gets to know no key string.
    "SelfKeyFunction": {("dynamodb:GetItem", "Table.Arn"), ("dynamodb:UpdateItem", "Table.Arn")},
    # One row, a page of aliases, a page of what happened, of what was used and when; it can open no
    # key string.
    "ReadKeysFunction": {
        ("dynamodb:BatchGetItem", "Table.Arn"),
        ("dynamodb:GetItem", "Table.Arn"),
        ("dynamodb:Query", "Table.Arn"),
        ("dynamodb:Query", "Table.Arn/index/by_alias"),
    },
    # Anyone may invoke it, so it may do nothing.
    "ConsoleFunction": set(),
    "RotateKeyFunction": ROTATES,
    "RotateOnEventFunction": ROTATES
    | {
        ("dynamodb:Query", "Table.Arn/index/due"),
        ("sqs:SendMessage", "FailedRequests.Arn"),  # Lambda does, in its name
    },
    "RotateSecretFunction": ROTATES
    | {
        ("dynamodb:PutItem", "Table.Arn"),  # a secret that has no key yet gets its first
        ("secretsmanager:DescribeSecret", SECRETS),
        ("secretsmanager:GetSecretValue", SECRETS),
        ("secretsmanager:PutSecretValue", SECRETS),
        ("secretsmanager:UpdateSecretVersionStage", SECRETS),
    },
    # It reads no row, and writes none of a key.
    "RecordUsageFunction": {
        ("dynamodb:UpdateItem", "Table.Arn"),
        ("sqs:SendMessage", "UncountedUsage.Arn"),  # Lambda does, in its name
    },
    # It sees hashes and ciphertext go by, and can neither open them nor write any.
    "PublishEventsFunction": {
        ("dynamodb:PutItem", "Table.Arn"),
        ("events:PutEvents", "EventBus.Arn"),
        # The rest Lambda does in its name: reads the stream, keeps what could not be told.
        *(
            (f"dynamodb:{action}", "Table.StreamArn")
            for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        ),
        ("s3:PutObject", "UntoldChanges.Arn/*"),
        ("s3:ListBucket", "UntoldChanges.Arn"),
    },
}


def _granted(function: str, parameters: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the statements of the function's own role, each action and resource a list."""
    name = FUNCTIONS[function]["Role"].removesuffix(".Arn")
    (policy,) = resolved("AWS::IAM::Role", parameters)[name]["Policies"]
    documents = [policy["PolicyDocument"]]
    documents += [
        added["PolicyDocument"]
        for added in resolved("AWS::IAM::RolePolicy").values()
        if added["RoleName"] == f"{name}.Ref"
    ]
    assert {document["Version"] for document in documents} == {"2012-10-17"}
    statements: list[dict[str, Any]] = [s for each in documents for s in each["Statement"]]
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for name in ("Action", "Resource"):
            value = statement[name]
            statement[name] = value if isinstance(value, list) else [value]
    return statements


def test_every_function_of_the_template_is_in_the_table_of_what_it_does() -> None:
    assert DOES.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_its_verb_does_and_no_more(function: str) -> None:
    granted = {
        (action, resource)
        for statement in _granted(function)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.partition(":")[0] not in BESIDE
    }
    assert granted == DOES[function]


@pytest.mark.parametrize("tracing", ["PassThrough", "Active"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_beside_that_a_function_may_only_log_and_trace(function: str, tracing: str) -> None:
    rest = {
        action: statement["Resource"]
        for statement in _granted(function, {"Tracing": tracing})
        for action in statement["Action"]
        if action.partition(":")[0] in BESIDE
    }
    # Those of a role write each to its own log, and may to one another's.
    logs = [
        other["LoggingConfig"]["LogGroup"].removesuffix(".Ref") + ".Arn"
        for other in FUNCTIONS.values()
        if other["Role"] == FUNCTIONS[function]["Role"]
    ]
    expected = {"logs:CreateLogStream": logs, "logs:PutLogEvents": logs}
    if tracing == "Active":
        expected |= {"xray:PutTraceSegments": ["*"], "xray:PutTelemetryRecords": ["*"]}
    assert rest == expected


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_role_has_nothing_but_its_policy_and_nobody_else_takes_it(
    function: str,
) -> None:
    role = ROLES[FUNCTIONS[function]["Role"].removesuffix(".Arn")]
    assert role.keys() == {"AssumeRolePolicyDocument", "Policies"}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.prove
def test_the_kms_key_is_used_only_in_the_services_own_context() -> None:
    expected = {"StringEquals": {"kms:EncryptionContext:service": "keyturn"}}
    policy = resolved("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    statements = [s for name in FUNCTIONS for s in _granted(name)] + policy
    using = [s for s in statements if {"kms:Encrypt", "kms:Decrypt"} & set(s["Action"])]

    assert len(using) == 5
    assert all(statement["Condition"] == expected for statement in using)
