"""Template and code agree: each function's handler, environment, permissions and time."""

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

from keyturn import service
from keyturn.aws import CONFIG
from keyturn.settings import Settings
from tests.infra.declared import PATH, ROOT, deployed, resolved, written

FUNCTION = "AWS::Serverless::Function"
HANDLER = "authorize.handler"
FUNCTIONS = resolved(FUNCTION)
ROLES = resolved("AWS::IAM::Role")
BESIDE = {"logs", "xray"}

# What an authorizer acts on beside what all functions share.
ASKS = {
    "AdminAuthorizerFunction": {"REQUIRED_ROLES": "admin"},
    "VerifyCallerAuthorizerFunction": {"REQUIRED_ROLES": "VerifyCallerRoles"},
    "AnyKeyAuthorizerFunction": {"REQUIRED_ROLES": "*"},
    "SharedAuthorizerFunction": {
        "REQUIRED_ROLES": "AttachRequiredRoles",
        "VERIFY_CACHE_SECONDS": "VerifyCacheSeconds",
    },
}
AUTHORIZERS = sorted(ASKS)

# The same of other functions.
TAKES = {
    "RotateKeyFunction": {"COMPROMISED_ACTION"},
    "RotateOnEventFunction": {"COMPROMISED_ACTION"},
    "PublishEventsFunction": {"EVENT_BUS", "AUDIT_DAYS"},
}

ROTATES = {
    ("dynamodb:GetItem", "Table.Arn"),
    ("dynamodb:UpdateItem", "Table.Arn"),  # on condition of what was read
    ("kms:Encrypt", "Key.Arn"),  # the new string, before the write
    ("kms:Decrypt", "Key.Arn"),  # the current one, to answer a repeat
}
SECRETS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:*"  # on condition: see below

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
    # One row, a page of aliases, a page of what happened; it can open no key string.
    "ReadKeysFunction": {
        ("dynamodb:GetItem", "Table.Arn"),
        ("dynamodb:Query", "Table.Arn"),
        ("dynamodb:Query", "Table.Arn/index/by_alias"),
    },
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
def test_a_handler_is_a_callable_of_a_module_that_imports(function: str) -> None:
    module, _, name = FUNCTIONS[function]["Handler"].rpartition(".")
    assert (ROOT / FUNCTIONS[function]["CodeUri"] / f"{module}.py").is_file()
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_environment_is_the_settings_fields(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    fields = {field.name.upper() for field in dataclasses.fields(Settings)}
    own = {*ASKS.get(function, ()), *TAKES.get(function, ())}

    assert {name for name in variables if not name.startswith("POWERTOOLS_")} == fields | own


def test_every_authorizer_is_the_same_code_and_asks_for_roles_of_its_own() -> None:
    same = ("Handler", "CodeUri", "Role", "Timeout", "AutoPublishAlias")
    assert {name for name, f in FUNCTIONS.items() if f["Handler"] == HANDLER} == ASKS.keys()
    assert len({json.dumps([FUNCTIONS[name][part] for part in same]) for name in AUTHORIZERS}) == 1
    for name, asks in ASKS.items():
        given = {parameter: f"<{parameter}>" for parameter in written()["Parameters"]}
        variables = resolved(FUNCTION, given)[name]["Environment"]["Variables"]
        expected = {variable: given.get(value, value) for variable, value in asks.items()}
        assert {variable: variables[variable] for variable in asks} == expected


def test_the_defaults_ask_for_admin_to_verify_and_remember_nothing() -> None:
    defaults = {
        (name, variable): FUNCTIONS[name]["Environment"]["Variables"][variable]
        for name, asks in ASKS.items()
        for variable in asks
    }
    assert defaults == {
        ("AdminAuthorizerFunction", "REQUIRED_ROLES"): "admin",
        ("VerifyCallerAuthorizerFunction", "REQUIRED_ROLES"): "admin",
        ("AnyKeyAuthorizerFunction", "REQUIRED_ROLES"): "*",
        ("SharedAuthorizerFunction", "REQUIRED_ROLES"): "*",
        ("SharedAuthorizerFunction", "VERIFY_CACHE_SECONDS"): "0",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_response_and_no_exception_reaches_a_trace(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    assert variables["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false"
    assert variables["POWERTOOLS_TRACER_CAPTURE_ERROR"] == "false"
    assert "POWERTOOLS_LOGGER_LOG_EVENT" not in variables


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


def test_the_kms_key_is_used_only_in_the_services_own_context() -> None:
    expected = {"StringEquals": {"kms:EncryptionContext:service": "keyturn"}}
    policy = resolved("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    statements = [s for name in FUNCTIONS for s in _granted(name)] + policy
    using = [s for s in statements if {"kms:Encrypt", "kms:Decrypt"} & set(s["Action"])]

    assert len(using) == 5
    assert all(statement["Condition"] == expected for statement in using)


def test_a_function_ends_after_all_it_may_wait_for_and_before_the_gateway_gives_up() -> None:
    attempts = CONFIG.retries["total_max_attempts"]  # type: ignore[attr-defined]
    call = attempts * (CONFIG.connect_timeout + CONFIG.read_timeout)  # type: ignore[attr-defined]
    longest = 3 * (call + 1) + service.START_OVER  # create: read, seal, write; 1 s of back-off each

    for name, function in FUNCTIONS.items():
        if name in AUTHORIZERS or "Events" in function:
            # An HTTP API gives an authorizer 10 s.
            needed, most = (call + 1, 10) if name in AUTHORIZERS else (longest, 29)
            assert needed <= function["Timeout"] < most
    # A secret's first step, for which nobody waits at a gateway: describe it, read both versions,
    # read, read again, seal, write, store.
    assert 8 * (call + 1) + service.START_OVER <= FUNCTIONS["RotateSecretFunction"]["Timeout"]
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


@pytest.mark.parametrize("name", AUTHORIZERS)
def test_an_authorizer_is_replaced_whole_when_what_it_acts_on_changes(name: str) -> None:
    _, said = written()["Resources"][name]["Properties"]["VersionDescription"]
    parameters = [value for value in ASKS[name].values() if value in written()["Parameters"]]
    assert re.findall(r"\$\{(\w+)\}", said) == ["Table", "Architecture", "Tracing", *parameters]
    (version,) = [
        resource["Properties"]
        for resource in deployed().values()
        if resource["Type"] == "AWS::Lambda::Version"
        and resource["Properties"]["FunctionName"] == {"Ref": name}
    ]
    assert version["Description"] == {"Fn::Sub": said}


@pytest.mark.parametrize("name", AUTHORIZERS)
def test_what_an_authorizer_acts_on_fits_into_a_versions_description(name: str) -> None:
    longest = {
        "Table": 128 + len("-Table-") + 13,  # CloudFormation's own name, after the stack's longest
        "Architecture": len("x86_64"),
        "Tracing": len("PassThrough"),
        "VerifyCacheSeconds": len("60"),
        **{n: p["MaxLength"] for n, p in written()["Parameters"].items() if "MaxLength" in p},
    }
    _, said = written()["Resources"][name]["Properties"]["VersionDescription"]
    assert len(re.sub(r"\$\{(\w+)\}", lambda match: "x" * longest[match[1]], said)) <= 256


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
