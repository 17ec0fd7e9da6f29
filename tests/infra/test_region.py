"""A second Region verifies, and changes nothing."""

import dataclasses
import tomllib
from typing import Any

from keyturn.settings import Settings
from tests.infra.declared import ROOT, deployed, resolved, written

REGION = ROOT / "infra/region.yaml"
KEY = "arn:aws:kms:us-east-1:123456789012:key/mrk-0123"
GIVEN = {"TableName": "keys", "PrimaryKeyArn": KEY}


def declared(kind: str) -> dict[str, dict[str, Any]]:
    return resolved(kind, GIVEN, REGION)


def test_the_table_has_a_replica_where_it_is_asked_for_guarded_as_the_first() -> None:
    table = resolved("AWS::DynamoDB::GlobalTable", {"ReplicaRegion": "eu-west-1"})["Table"]
    first, second = table["Replicas"]
    assert (first.pop("Region"), second.pop("Region")) == ("us-east-1", "eu-west-1")
    assert first == second


def test_a_second_region_can_read_a_row_and_nothing_else() -> None:
    (role,) = declared("AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    granted = {
        str(statement["Action"]): statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert granted == {
        "dynamodb:GetItem": "arn:aws:dynamodb:us-east-1:123456789012:table/keys",
        "['logs:CreateLogStream', 'logs:PutLogEvents']": "AuthorizerLogs.Arn",
    }


def test_its_authorizer_is_the_first_regions() -> None:
    (own,) = declared("AWS::Serverless::Function").values()
    shared = resolved("AWS::Serverless::Function")["SharedAuthorizerFunction"]
    for part in ("Handler", "Runtime", "Architectures", "MemorySize", "Timeout"):
        assert own[part] == shared[part]
    assert (REGION.parent / own["CodeUri"]).resolve() == ROOT / "functions"
    variables = own["Environment"]["Variables"]
    assert variables.keys() == shared["Environment"]["Variables"].keys()
    fields = {field.name.upper() for field in dataclasses.fields(Settings)}
    assert fields <= variables.keys()


def test_its_key_is_guarded_as_the_first_regions() -> None:
    (replica,) = declared("AWS::KMS::ReplicaKey").values()
    primary = resolved("AWS::KMS::Key")["Key"]
    ours, theirs = (key["KeyPolicy"]["Statement"] for key in (replica, primary))

    assert ours[1] == theirs[1]
    assert {*ours[0]["Action"]} < {*theirs[0]["Action"]}
    assert written(REGION)["Resources"]["Key"]["DeletionPolicy"] == "Retain"
    assert replica["PrimaryKeyArn"] == KEY


def test_any_api_of_its_region_may_ask_the_alias() -> None:
    # CloudFormation's own: SAM's translation of this template takes the parameters as they come.
    resources = deployed(REGION, **GIVEN)
    alias = {"Ref": "AuthorizerFunctionAliaslive"}
    assert resources["AuthorizerPermission"]["Properties"]["FunctionName"] == alias
    assert resources[alias["Ref"]]["Properties"]["Name"] == "live"


def test_the_repositorys_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = written()["Metadata"]["AWS::ServerlessRepo::Application"]

    assert about["SemanticVersion"] == project["version"]
    assert about["SpdxLicenseId"] == project["license"]
    for name in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / about[name]).is_file()
