"""What the template's resources are called here, and the making of those that hold data.

The table, the KMS key and the bus are made on the AWS endpoint as the template declares them. Left
out is what guards data for years (deletion protection, backups, policies): nothing here outlives
the process, and not every emulator knows it. Every other resource only has a name.
"""

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from infra.local.template import Template, TemplateError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_kms.client import KMSClient

REGION = "us-east-1"
ACCOUNT = "123456789012"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

_KEY = "AWS::KMS::Key"
_KEY_ALIAS = "AWS::KMS::Alias"
_TABLES = ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")
_BUS = "AWS::Events::EventBus"
_NAME_PROPERTIES = {"FunctionName", "TableName", "AliasName", "LogGroupName", "Name"}
_ARNS = {
    "AWS::Serverless::Function": "lambda function:{}",
    "AWS::Events::Rule": "events rule/{}",
    _BUS: "events event-bus/{}",
    **dict.fromkeys(_TABLES, "dynamodb table/{}"),
}


class Resources:
    """The template's resources: their names, ARNs and, once made, ids."""

    def __init__(self, path: Path, stack_name: str, parameters: Mapping[str, str]) -> None:
        """Read the template; nothing is made yet.

        Raises:
            TemplateError: as `Template`.
        """
        self.stack_name = stack_name
        self._key_ids: dict[str, str] = {}
        self._stream_arns: dict[str, str] = {}
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackName": stack_name,
            "AWS::StackId": _arn("cloudformation", f"stack/{stack_name}/local"),
            "AWS::URLSuffix": "amazonaws.com",
        }
        self.template = Template(path, pseudo, self.attribute, parameters)

    def attribute(self, logical_id: str, attribute: str) -> str:
        """Return what `Ref` or `Fn::GetAtt` of a resource means here.

        Raises:
            TemplateError: the KMS key is asked for before it is made.
        """
        kind = self.template.kind(logical_id) or ""
        if kind == _KEY:
            if logical_id not in self._key_ids:
                raise TemplateError(f"{logical_id} is used before it exists")
            id = self._key_ids[logical_id]
            return _arn("kms", f"key/{id}") if attribute == "Arn" else id
        if kind == "AWS::Serverless::Api" and attribute in {"Ref", "RestApiId"}:
            return f"{zlib.crc32(logical_id.encode()):010d}"
        declared = self.template.properties(logical_id)
        names = [declared[key] for key in declared if key in _NAME_PROPERTIES]
        name = str(self.template.resolve(names[0])) if names else f"{self.stack_name}-{logical_id}"
        service, _, form = _ARNS.get(kind, "local {}").partition(" ")
        arn = _arn(service, form.format(name))
        match attribute:
            case "Ref":
                return name
            case "Alias":  # SAM's `!Ref Function.Alias`
                return f"{arn}:{declared['AutoPublishAlias']}"
            case "StreamArn":
                return self._stream_arns.get(logical_id, f"{arn}/stream/local")
            case _:
                return arn if attribute.endswith("Arn") else f"{name}.{attribute}"

    def make(self, endpoint: str, dynamodb_endpoint: str) -> None:
        """Make keys, their aliases, buses and tables.

        Raises:
            botocore.exceptions.ClientError: the endpoint refuses.
        """
        session = boto3.Session("local", "local", region_name=REGION)
        for logical_id, properties in self.template.resources(_KEY):
            kms = session.client("kms", endpoint_url=endpoint)
            self._key_ids[logical_id] = _make_key(kms, properties)
        for _, properties in self.template.resources(_KEY_ALIAS):
            kms = session.client("kms", endpoint_url=endpoint)
            kms.create_alias(
                AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"]
            )
        self.make_tables(dynamodb_endpoint)
        for logical_id, _ in self.template.resources(_BUS):
            events = session.client("events", endpoint_url=endpoint)
            events.create_event_bus(Name=self.attribute(logical_id, "Ref"))

    def make_tables(self, endpoint: str) -> None:
        """Make tables alone.

        Raises:
            botocore.exceptions.ClientError: the endpoint refuses.
        """
        session = boto3.Session("local", "local", region_name=REGION)
        for logical_id, properties in self.template.resources(*_TABLES):
            dynamodb = session.client("dynamodb", endpoint_url=endpoint)
            name = self.attribute(logical_id, "Ref")
            stream_arn = _make_table(dynamodb, name, properties)
            if stream_arn:
                self._stream_arns[logical_id] = stream_arn


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _make_key(kms: "KMSClient", properties: Mapping[str, Any]) -> str:
    # Not MultiRegion: moto cuts the longer ids of such keys short and then cannot decrypt.
    names = ("Description", "KeyUsage", "KeySpec")
    id = kms.create_key(**_only(names, properties))["KeyMetadata"]["KeyId"]
    if properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=id)
    return id


def _make_table(dynamodb: "DynamoDBClient", name: str, properties: Mapping[str, Any]) -> str | None:
    """Translate `AWS::DynamoDB::GlobalTable` or `Table`: both say the same in most of it.

    Returns the ARN of its stream, if it has one.
    """
    index = ("IndexName", "KeySchema", "Projection")
    table = _only(("AttributeDefinitions", "KeySchema"), properties)
    for indexes in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if indexes in properties:
            table[indexes] = [_only(index, declared) for declared in properties[indexes]]
    if "StreamSpecification" in properties:
        stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
        table["StreamSpecification"] = stream
    made = dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **table)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    expiry = properties.get("TimeToLiveSpecification")
    if expiry:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    return made["TableDescription"].get("LatestStreamArn")


def _only(names: Iterable[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}
