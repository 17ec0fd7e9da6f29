"""Template and code agree, and what guards the data is there."""

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyturn import row, service
from keyturn.aws import CONFIG
from keyturn.settings import Settings
from tests.infra.declared import PATH, ROOT, deployed, resolved, written

FUNCTION = "AWS::Serverless::Function"
FUNCTIONS = resolved(FUNCTION)
ROLES = resolved("AWS::IAM::Role")
TABLE = resolved("AWS::DynamoDB::GlobalTable")["Table"]
OUTLIVES = ("Table", "Key", "ApiGatewayLogRole", "ApiGatewayAccount")
DATA = {"dynamodb", "kms"}

# What a function does to rows and with the KMS key, and nothing beside it.
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
    # One read; what lets others in can change nothing and open nothing.
    "AdminAuthorizerFunction": {("dynamodb:GetItem", "Table.Arn")},
}


def _granted(function: str, parameters: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the statements of the function's own role, each action and resource a list."""
    role = resolved("AWS::IAM::Role", parameters)[FUNCTIONS[function]["Role"].removesuffix(".Arn")]
    (policy,) = role["Policies"]
    assert policy["PolicyDocument"]["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for name in ("Action", "Resource"):
            value = statement[name]
            statement[name] = value if isinstance(value, list) else [value]
    return statements


def test_every_function_of_the_template_is_in_the_table_of_what_it_does() -> None:
    assert DOES.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_is_a_callable_of_a_module_that_imports(function: str) -> None:
    module, _, name = FUNCTIONS[function]["Handler"].rpartition(".")
    assert (ROOT / FUNCTIONS[function]["CodeUri"] / f"{module}.py").is_file()
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_environment_is_the_settings_fields(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    fields = {field.name.upper() for field in dataclasses.fields(Settings)}
    own = {"REQUIRED_ROLES"} if FUNCTIONS[function]["Handler"] == "authorize.handler" else set()

    assert {name for name in variables if not name.startswith("POWERTOOLS_")} == fields | own


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_response_and_no_exception_reaches_a_trace(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    assert variables["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false"
    assert variables["POWERTOOLS_TRACER_CAPTURE_ERROR"] == "false"
    assert "POWERTOOLS_LOGGER_LOG_EVENT" not in variables


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_to_the_data_what_its_verb_does_and_no_more(function: str) -> None:
    granted = {
        (action, resource)
        for statement in _granted(function)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.partition(":")[0] in DATA
    }
    assert granted == DOES[function]


@pytest.mark.parametrize("tracing", ["PassThrough", "Active"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_beside_the_data_a_function_may_only_log_and_trace(function: str, tracing: str) -> None:
    rest = {
        action: statement["Resource"]
        for statement in _granted(function, {"Tracing": tracing})
        for action in statement["Action"]
        if action.partition(":")[0] not in DATA
    }
    log = FUNCTIONS[function]["LoggingConfig"]["LogGroup"].removesuffix(".Ref")
    expected = {"logs:CreateLogStream": [f"{log}.Arn"], "logs:PutLogEvents": [f"{log}.Arn"]}
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


def test_the_kms_key_is_used_only_in_the_services_own_context() -> None:
    expected = {"StringEquals": {"kms:EncryptionContext:service": "keyturn"}}
    policy = resolved("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    statements = [s for name in FUNCTIONS for s in _granted(name)] + policy
    using = [s for s in statements if {"kms:Encrypt", "kms:Decrypt"} & set(s["Action"])]

    assert len(using) == 2
    assert all(statement["Condition"] == expected for statement in using)


def test_the_account_administers_the_kms_key_and_only_keyturns_context_uses_it() -> None:
    statements = resolved("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    account = {"AWS": "arn:aws:iam::123456789012:root"}
    assert [statement["Principal"] for statement in statements] == [account, account]
    administers, uses = ({*statement["Action"]} for statement in statements)
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= administers
    assert uses == {"kms:Encrypt", "kms:Decrypt"}
    # Named one by one, and none that opens a ciphertext or lets somebody else do so.
    assert not [a for a in administers if re.search(r"\*|crypt|CreateGrant|GenerateDataKey", a)]


@pytest.mark.parametrize("resource", OUTLIVES)
def test_data_and_what_others_depend_on_outlive_the_stack(resource: str) -> None:
    declared = written()["Resources"][resource]
    assert declared["DeletionPolicy"] == declared["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_guarded_and_can_get_a_second_region() -> None:
    assert TABLE["BillingMode"] == "PAY_PER_REQUEST"
    assert TABLE["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert TABLE["TimeToLiveSpecification"] == {"AttributeName": "delete_at", "Enabled": True}
    assert TABLE["Replicas"] == [
        {
            "Region": "us-east-1",
            "DeletionProtectionEnabled": True,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        }
    ]
    key = resolved("AWS::KMS::Key")["Key"]
    assert (key["MultiRegion"], key["EnableKeyRotation"]) == (True, True)


def test_the_tables_keys_and_indexes_are_those_the_rows_are_written_for() -> None:
    def schema(part: dict[str, Any]) -> list[str]:
        assert [key["KeyType"] for key in part["KeySchema"]] == ["HASH", "RANGE"]
        return [key["AttributeName"] for key in part["KeySchema"]]

    indexes = {index["IndexName"]: index for index in TABLE["GlobalSecondaryIndexes"]}
    assert schema(TABLE) == list(row.primary_key("an id"))
    assert {name: schema(index) for name, index in indexes.items()} == {
        "by_alias": ["kind", "alias"],
        "due": ["due_shard", "due_at"],
    }
    types = {a["AttributeName"]: a["AttributeType"] for a in TABLE["AttributeDefinitions"]}
    assert types == {
        **dict.fromkeys(("id", "item", "kind", "alias"), "S"),
        **dict.fromkeys(("due_shard", "due_at"), "N"),
    }
    assert indexes["due"]["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    listed = indexes["by_alias"]["Projection"]
    assert listed["ProjectionType"] == "INCLUDE"
    # Whole, because it cannot be changed in place; and nothing that opens or checks a key.
    assert set(listed["NonKeyAttributes"]) == {
        *("name", "roles", "metadata", "is_active", "revoked_at", "revoke_reason", "created_at"),
        *("updated_at", "updated_by", "expires_at", "ttl_days", "rotate_every_days", "generation"),
        *("hint", "previous_expires_at", "version"),
    }


def test_a_function_ends_after_all_it_may_wait_for_and_before_the_gateway_gives_up() -> None:
    attempts = CONFIG.retries["total_max_attempts"]  # type: ignore[attr-defined]
    call = attempts * (CONFIG.connect_timeout + CONFIG.read_timeout)  # type: ignore[attr-defined]
    longest = 3 * (call + 1) + service.START_OVER  # create: read, seal, write; 1 s of back-off each

    timeouts = {name: function["Timeout"] for name, function in FUNCTIONS.items()}
    assert longest < timeouts["CreateKeyFunction"] == timeouts["RevokeKeyFunction"] < 29
    assert call + 1 <= timeouts["AdminAuthorizerFunction"] < 29
    assert all(function["MemorySize"] >= 256 for function in FUNCTIONS.values())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_runs_as_the_parameters_say(function: str) -> None:
    given = {"Architecture": "x86_64", "Tracing": "Active"}
    for declared, architecture, tracing in (
        (FUNCTIONS[function], "arm64", "PassThrough"),
        (resolved(FUNCTION, given)[function], "x86_64", "Active"),
    ):
        assert declared["Runtime"] == "python3.13"
        assert declared["Architectures"] == [architecture]
        assert declared["Tracing"] == tracing


def test_every_log_is_kept_for_the_time_the_parameter_says() -> None:
    groups = resolved("AWS::Logs::LogGroup", {"LogRetentionDays": "7"})
    used = {f["LoggingConfig"]["LogGroup"].removesuffix(".Ref") for f in FUNCTIONS.values()}
    assert len(used) == len(FUNCTIONS)
    assert used < groups.keys()
    assert {group["RetentionInDays"] for group in groups.values()} == {"7"}


def test_an_authorizer_is_replaced_whole_when_what_it_acts_on_changes() -> None:
    version = written()["Resources"]["AdminAuthorizerFunction"]["Properties"]["VersionDescription"]
    assert version == ("Sub", "${Table} ${Architecture} ${Tracing}")
    published = [r for r in deployed().values() if r["Type"] == "AWS::Lambda::Version"]
    assert [r["Properties"]["Description"] for r in published] == [{"Fn::Sub": version[1]}]


@pytest.mark.parametrize("name", written()["Parameters"])
def test_a_parameter_says_what_it_is_for_and_what_it_takes(name: str) -> None:
    parameter = written()["Parameters"][name]
    assert parameter["Description"]
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys()
    # A secret with a default is everybody's secret.
    assert not re.search("secret|password|token", name, re.IGNORECASE)
    assert not (parameter.get("NoEcho") and "Default" in parameter)


@pytest.mark.parametrize("prefix", ["kt", "a1_b2", "kt_", "_kt", "Kt", "1k", "k__t", "k-t", ""])
def test_a_prefix_deploys_where_the_code_accepts_it(prefix: str) -> None:
    pattern = written()["Parameters"]["KeyPrefix"]["AllowedPattern"]
    assert bool(re.search(pattern, prefix)) == _accepted(key_prefix=prefix)


@pytest.mark.parametrize(
    "roles", ["admin", "user,admin", "admin,user", "a,admin,b", "user", "administrator", "sadmin,a"]
)
def test_roles_deploy_where_the_code_accepts_them(roles: str) -> None:
    pattern = written()["Parameters"]["AllowedRoles"]["AllowedPattern"]
    assert bool(re.search(pattern, roles)) == _accepted(allowed_roles=tuple(roles.split(",")))


def _accepted(**changed: Any) -> bool:  # noqa: ANN401 - a settings field
    fields: dict[str, Any] = {
        **dict.fromkeys(("table_name", "kms_key_id", "id_salt"), ""),
        **dict.fromkeys(("default_ttl_days", "max_ttl_days"), 1),
        "key_prefix": "kt",
        "allowed_roles": ("admin",),
    }
    try:
        Settings(**{**fields, **changed})
    except ValueError:
        return False
    return True


def test_the_rules_switched_off_are_those_it_breaks_and_each_has_its_reason() -> None:
    given = (ROOT / ".cfnlintrc").read_text()
    ignored = yaml.safe_load(given)["ignore_checks"]
    reasoned = re.findall(r"^  # .+\n  - (\w+)$", given, re.MULTILINE)
    linter = Path(sys.executable).with_name("cfn-lint")
    without = ["--config-file", os.devnull, "--format", "json"]
    done = subprocess.run(
        [linter, *without, "--append-rules", "cfn_lint_serverless.rules", "--", PATH],
        capture_output=True,
        check=False,
    )

    assert {match["Rule"]["Id"] for match in json.loads(done.stdout)} == set(ignored)
    assert reasoned == ignored
