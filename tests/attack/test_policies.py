"""Every function's role against everything that it should not do: its policies, evaluated.

The roles are read from the template as it is written, and as SAM turns it into CloudFormation where
the SAM CLI is installed.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import template as reader
from infra.local.template import Template
from keyturn import row
from tests.attack.iam import Asked, allows, denies
from tests.infra.declared import PATH, PSEUDO, deployed
from tests.infra.test_template_roles import DOES, SECRETS
from tests.support import api_key

ACCOUNT = "123456789012"
HERE = f"us-east-1:{ACCOUNT}"
ARNS = {
    "Table.Arn": f"arn:aws:dynamodb:{HERE}:table/keyturn-Table",
    "Table.StreamArn": f"arn:aws:dynamodb:{HERE}:table/keyturn-Table/stream/2026",
    "Key.Arn": f"arn:aws:kms:{HERE}:key/mrk-1",
    "EventBus.Arn": f"arn:aws:events:{HERE}:event-bus/keyturn",
    "FailedRequests.Arn": f"arn:aws:sqs:{HERE}:failed",
    "UndeliveredRequests.Arn": f"arn:aws:sqs:{HERE}:undelivered",
    "UntoldChanges.Arn": "arn:aws:s3:::untold",
    "RotateSecretFunction.Arn": f"arn:aws:lambda:{HERE}:function:rotate-secret",
}
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:theirs-AbCdEf"
# One of each that a role has something to do with, and beside each another one.
THINGS = {
    "dynamodb": [
        *(
            ARNS["Table.Arn"],
            f"{ARNS['Table.Arn']}/index/by_alias",
            f"{ARNS['Table.Arn']}/index/due",
        ),
        *(ARNS["Table.StreamArn"], f"arn:aws:dynamodb:{HERE}:table/keyturn-Table-2"),
        f"arn:aws:dynamodb:{HERE}:table/keyturn-Table/backup/1",
    ],
    "kms": [ARNS["Key.Arn"], f"arn:aws:kms:{HERE}:key/another"],
    "events": [ARNS["EventBus.Arn"], f"arn:aws:events:{HERE}:event-bus/default"],
    "sqs": [ARNS["FailedRequests.Arn"], ARNS["UndeliveredRequests.Arn"]],
    "s3": [ARNS["UntoldChanges.Arn"], f"{ARNS['UntoldChanges.Arn']}/a", "arn:aws:s3:::other/a"],
    "secretsmanager": [SECRET, "arn:aws:secretsmanager:us-east-1:210987654321:secret:x-AbCdEf"],
    "logs": [f"arn:aws:logs:{HERE}:log-group:/aws/lambda/other", f"arn:aws:logs:{HERE}:*"],
    "iam": [f"arn:aws:iam::{ACCOUNT}:role/keyturn-CreateKeyRole", f"arn:aws:iam::{ACCOUNT}:user/a"],
    "sts": [f"arn:aws:iam::{ACCOUNT}:role/keyturn-CreateKeyRole"],
    "lambda": [ARNS["RotateSecretFunction.Arn"], f"arn:aws:lambda:{HERE}:function:create-key"],
    "apigateway": ["arn:aws:apigateway:us-east-1::/restapis/a/stages/v1"],
    "cloudformation": [f"arn:aws:cloudformation:{HERE}:stack/keyturn/1"],
    "ssm": [f"arn:aws:ssm:{HERE}:parameter/keyturn"],
    "ec2": ["*"],
    "xray": ["*"],
}
# What the roles have between them, and what would let somebody who took one over go on from there.
ACTIONS = {
    *(action for does in DOES.values() for action, _ in does),
    *(f"dynamodb:{verb}Item" for verb in ("Delete", "BatchGet", "BatchWrite", "TransactWrite")),
    *(f"dynamodb:PartiQL{verb}" for verb in ("Select", "Insert", "Update", "Delete")),
    *(f"dynamodb:{verb}Table" for verb in ("Delete", "Update", "Create", "Describe")),
    *("dynamodb:Scan", "dynamodb:ExportTableToPointInTime", "dynamodb:CreateBackup"),
    *(
        "dynamodb:RestoreTableToPointInTime",
        "dynamodb:PutResourcePolicy",
        "dynamodb:UpdateTimeToLive",
    ),
    *(f"kms:{verb}" for verb in ("GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "CreateGrant")),
    *(
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "kms:Sign",
        "kms:DescribeKey",
    ),
    *(f"events:{verb}" for verb in ("PutRule", "PutTargets", "PutPermission", "StartReplay")),
    *(f"sqs:{verb}" for verb in ("ReceiveMessage", "DeleteMessage", "SetQueueAttributes")),
    *(f"s3:{verb}" for verb in ("GetObject", "DeleteObject", "PutBucketPolicy", "PutObjectAcl")),
    *(f"secretsmanager:{verb}Secret" for verb in ("Delete", "Update", "Rotate", "Create")),
    *("secretsmanager:PutResourcePolicy", "secretsmanager:ListSecrets"),
    *(f"logs:{verb}" for verb in ("GetLogEvents", "DeleteLogGroup", "PutSubscriptionFilter")),
    *("logs:PutLogEvents", "logs:CreateLogGroup", "logs:StartQuery"),
    *(
        f"iam:{verb}"
        for verb in ("PassRole", "PutRolePolicy", "AttachRolePolicy", "CreateAccessKey")
    ),
    *("sts:AssumeRole", "ec2:CreateNetworkInterface", "ssm:GetParameter", "xray:PutTraceSegments"),
    *(f"lambda:{verb}" for verb in ("InvokeFunction", "UpdateFunctionCode", "AddPermission")),
    *("lambda:GetFunction", "apigateway:PATCH", "cloudformation:UpdateStack"),
}
AUDITED = ["id", "item", "type", "detail", "delete_at"]
# All conditions are met: then what a role may do is what it may do at all.
GOOD = {
    "kms:EncryptionContext:service": ["keyturn"],
    "events:source": ["keyturn"],
    "dynamodb:Attributes": AUDITED,
    "secretsmanager:resource/AllowRotationLambdaArn": [ARNS["RotateSecretFunction.Arn"]],
    "aws:SecureTransport": ["true"],
    "aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/PublishEventsRole"],
}


def _lookup(name: str, part: str) -> str:
    if part.endswith("Arn") and name.endswith("Role"):
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    return ARNS.get(f"{name}.{part}", f"{name}.{part}")


def _read(path: Path) -> Template:
    return Template(path, PSEUDO, _lookup)


@cache
def _translated(folder: Path) -> Template:
    document = yaml.load(PATH.read_text(encoding="utf-8"), reader._Loader)  # noqa: S506, SLF001 - is safe
    path = folder / "translated.json"
    path.write_text(json.dumps(document | {"Globals": {}, "Resources": deployed()}))
    return _read(path)


@pytest.fixture(params=["written", "translated"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Template:
    if request.param == "written":
        return _read(PATH)
    return _translated(tmp_path_factory.getbasetemp())


def functions(template: Template) -> dict[str, str]:
    """Return each function's role."""
    kinds = ("AWS::Serverless::Function", "AWS::Lambda::Function")
    return {
        name: declared["Role"].rpartition("/")[2] for name, declared in template.resources(*kinds)
    }


def granted(template: Template, role: str) -> list[dict[str, Any]]:
    """Return the statements of all policies that a role has."""
    declared = dict(template.resources("AWS::IAM::Role"))[role]
    assert declared.keys() == {"AssumeRolePolicyDocument", "Policies"}
    policies = list(declared["Policies"])
    policies += [
        policy
        for _, policy in template.resources("AWS::IAM::RolePolicy")
        if policy["RoleName"] == f"{role}.Ref"
    ]
    assert not list(template.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"))
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


def on(template: Template, kind: str) -> list[dict[str, Any]]:
    """Return the statements on the resources of a kind."""
    return [
        statement
        for _, declared in template.resources(kind)
        for document in [declared.get("PolicyDocument") or declared.get("KeyPolicy") or declared]
        for statement in (
            document["Statement"]
            if isinstance(document["Statement"], list)
            else [document["Statement"]]
        )
    ]


def expected(function: str) -> set[tuple[str, str]]:
    table = ARNS["Table.Arn"]
    places = ARNS | {SECRETS: SECRET, "UntoldChanges.Arn/*": f"{ARNS['UntoldChanges.Arn']}/a"}
    places |= {f"Table.Arn/index/{name}": f"{table}/index/{name}" for name in ("by_alias", "due")}
    return {(action, places[place]) for action, place in DOES[function]}


def test_every_role_may_do_what_is_written_down_for_its_function_and_nothing_else(
    template: Template,
) -> None:
    cells = 0
    roles = functions(template)
    assert roles.keys() == DOES.keys()
    for function, role in roles.items():
        statements = granted(template, role)
        may = set()
        for action in ACTIONS:
            for thing in THINGS[action.partition(":")[0]]:
                cells += 1
                if allows(Asked(action, thing, GOOD), statements):
                    may.add((action, thing))
        assert may == expected(function), function
    assert cells > 2_500


@pytest.mark.row("T12")
@pytest.mark.parametrize("service", [None, "another", "Keyturn"])
def test_nobody_uses_the_kms_key_outside_the_services_context(
    template: Template, service: str | None
) -> None:
    said = {} if service is None else {"kms:EncryptionContext:service": [service]}
    wrong = {name: value for name, value in GOOD.items() if "kms" not in name} | said
    policy = on(template, "AWS::KMS::Key")
    for action in ("kms:Encrypt", "kms:Decrypt"):
        administrator = [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]
        assert allows(Asked(action, ARNS["Key.Arn"], GOOD), administrator, policy)
        assert not allows(Asked(action, ARNS["Key.Arn"], wrong), administrator, policy)
        for role in functions(template).values():
            assert not allows(Asked(action, ARNS["Key.Arn"], wrong), granted(template, role))


@pytest.mark.parametrize("action", ["kms:CreateGrant", "kms:ReEncryptFrom", "kms:GenerateDataKey"])
def test_not_even_an_administrator_goes_around_the_keys_policy(
    template: Template, action: str
) -> None:
    """By anything but a change of that policy, which CloudTrail shows."""
    administrator = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    policy = on(template, "AWS::KMS::Key")

    assert not allows(Asked(action, ARNS["Key.Arn"], GOOD), administrator, policy)
    assert allows(Asked("kms:PutKeyPolicy", ARNS["Key.Arn"], GOOD), administrator, policy)


def test_publisher_puts_audit_rows_and_no_row_of_a_key(template: Template) -> None:
    statements = granted(template, functions(template)["PublishEventsFunction"])
    whole = [*row.of_key(api_key(), "create id")]

    def puts(attributes: list[str]) -> bool:
        context = {"dynamodb:Attributes": attributes}
        return allows(Asked("dynamodb:PutItem", ARNS["Table.Arn"], context), statements)

    assert puts(AUDITED)
    assert not puts(whole)
    for name in set(whole) - {"id", "item"}:
        assert not puts([*AUDITED, name])


@pytest.mark.row("T11")
def test_nobody_speaks_for_the_publisher_on_the_bus_and_it_asks_for_nothing(
    template: Template,
) -> None:
    policy = on(template, "AWS::Events::EventBusPolicy")
    anybody = [{"Effect": "Allow", "Action": "events:*", "Resource": "*"}]
    publisher = granted(template, functions(template)["PublishEventsFunction"])

    def put(source: str, role: str) -> Asked:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        context = {"events:source": [source], "aws:PrincipalArn": [arn]}
        return Asked("events:PutEvents", ARNS["EventBus.Arn"], context)

    assert allows(put("keyturn", "PublishEventsRole"), publisher, policy)
    assert not allows(put("keyturn.request", "PublishEventsRole"), publisher, policy)
    for role in ("CreateKeyRole", "RotateOnEventRole", "Admin", "PublishEventsRole2"):
        assert denies(put("keyturn", role), policy)
        assert denies(put("keyturn.request", role), policy)
        assert not allows(put("keyturn", role), anybody, policy)


@pytest.mark.parametrize("names", [None, f"arn:aws:lambda:{HERE}:function:another"])
def test_only_a_secret_that_names_the_function_is_open_to_it(
    template: Template, names: str | None
) -> None:
    statements = granted(template, functions(template)["RotateSecretFunction"])
    key = "secretsmanager:resource/AllowRotationLambdaArn"
    for action in {action for action, _ in DOES["RotateSecretFunction"] if "secrets" in action}:
        context = {} if names is None else {key: [names]}
        assert allows(Asked(action, SECRET, GOOD), statements)
        assert not allows(Asked(action, SECRET, context), statements)


@pytest.mark.parametrize(
    ("kind", "action", "thing"),
    [
        ("AWS::SQS::QueuePolicy", "sqs:SendMessage", "FailedRequests.Arn"),
        ("AWS::SQS::QueuePolicy", "sqs:ReceiveMessage", "UndeliveredRequests.Arn"),
        ("AWS::S3::BucketPolicy", "s3:GetObject", "UntoldChanges.Arn"),
    ],
)
def test_what_is_kept_is_neither_read_nor_written_in_clear(
    template: Template, kind: str, action: str, thing: str
) -> None:
    asked = Asked(action, ARNS[thing], GOOD)

    assert not denies(asked, on(template, kind))
    assert denies(asked._replace(context={"aws:SecureTransport": ["false"]}), on(template, kind))


def test_nobody_but_lambda_takes_a_functions_role(template: Template) -> None:
    for role in set(functions(template).values()):
        (trust,) = dict(template.resources("AWS::IAM::Role"))[role]["AssumeRolePolicyDocument"][
            "Statement"
        ]
        assert trust == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
