"""What roles are tried against: things and actions, and the roles as the template declares them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.local import template as reader
from infra.local.template import Template
from tests.infra.declared import PATH, PSEUDO, deployed
from tests.infra.test_template_roles import DOES, SECRETS

ACCOUNT = "123456789012"
HERE = f"us-east-1:{ACCOUNT}"
ARNS = {
    "Table.Arn": f"arn:aws:dynamodb:{HERE}:table/keyturn-Table",
    "Table.StreamArn": f"arn:aws:dynamodb:{HERE}:table/keyturn-Table/stream/2026",
    "Key.Arn": f"arn:aws:kms:{HERE}:key/mrk-1",
    "EventBus.Arn": f"arn:aws:events:{HERE}:event-bus/keyturn",
    "FailedRequests.Arn": f"arn:aws:sqs:{HERE}:failed",
    "UndeliveredRequests.Arn": f"arn:aws:sqs:{HERE}:undelivered",
    "UncountedUsage.Arn": f"arn:aws:sqs:{HERE}:uncounted",
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
    "sqs": [arn for arn in ARNS.values() if ":sqs:" in arn],
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
    "dynamodb:Attributes": ["id", "item"],
    "dynamodb:ReturnValues": ["NONE"],
    "secretsmanager:resource/AllowRotationLambdaArn": [ARNS["RotateSecretFunction.Arn"]],
    "aws:SecureTransport": ["true"],
    "aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/PublishEventsRole"],
}


def _lookup(name: str, part: str) -> str:
    if part.endswith("Arn") and name.endswith("Role"):
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    return ARNS.get(f"{name}.{part}", f"{name}.{part}")


def read(path: Path) -> Template:
    return Template(path, PSEUDO, _lookup)


@cache
def translated(folder: Path) -> Template:
    document = yaml.load(PATH.read_text(encoding="utf-8"), reader._Loader)  # noqa: S506, SLF001 - is safe
    path = folder / "translated.json"
    path.write_text(json.dumps(document | {"Globals": {}, "Resources": deployed()}))
    return read(path)


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
