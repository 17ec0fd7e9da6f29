"""Template and code agree: each function's handler, environment, permissions and time."""

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from keyturn.aws import CONFIG, HASTY
from keyturn.issuer import START_OVER
from keyturn.settings import Settings
from tests.infra.declared import PATH, ROOT, deployed, resolved, written

FUNCTION = "AWS::Serverless::Function"
HANDLER = "authorize.handler"
FUNCTIONS = resolved(FUNCTION)

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

# Whatever decides about a key goes from one whole version to the next.
VERSIONED = [*AUTHORIZERS, "VerifyKeyFunction"]

# The same of other functions.
TAKES = {
    "RotateKeyFunction": {"COMPROMISED_ACTION"},
    "RotateOnEventFunction": {"COMPROMISED_ACTION"},
    "PublishEventsFunction": {"EVENT_BUS", "AUDIT_DAYS"},
    "RecordUsageFunction": {"USAGE_DAYS"},
}


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
        free = {n for n, p in written()["Parameters"].items() if "AllowedValues" not in p}
        given = {parameter: f"<{parameter}>" for parameter in free}
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


def test_a_function_ends_after_all_it_may_wait_for_and_before_the_gateway_gives_up() -> None:
    attempts = CONFIG.retries["total_max_attempts"]  # type: ignore[attr-defined]
    call = attempts * (CONFIG.connect_timeout + CONFIG.read_timeout)  # type: ignore[attr-defined]
    longest = 3 * (call + 1) + START_OVER  # create: read, seal, write; 1 s of back-off each

    for name, function in FUNCTIONS.items():
        if name in AUTHORIZERS or "Events" in function:
            # An HTTP API gives an authorizer 10 s.
            needed, most = (call + 1, 10) if name in AUTHORIZERS else (longest, 29)
            assert needed <= function["Timeout"] < most
    # A rotation looks at usage when it is done, and must still get to answer.
    look = HASTY.connect_timeout + HASTY.read_timeout  # type: ignore[attr-defined]
    assert HASTY.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]
    assert longest + look <= FUNCTIONS["RotateKeyFunction"]["Timeout"]
    # A secret's first step, for which nobody waits at a gateway: describe it, read both versions,
    # read, read again, meet a grace, read again, open, write, store.
    assert 9 * (call + 1) + START_OVER <= FUNCTIONS["RotateSecretFunction"]["Timeout"]
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


@pytest.mark.parametrize("name", VERSIONED)
def test_what_decides_is_replaced_whole_when_what_it_acts_on_changes(name: str) -> None:
    _, said = written()["Resources"][name]["Properties"]["VersionDescription"]
    asks = ASKS.get(name, {"ALLOWED_ROLES": "AllowedRoles"})
    parameters = [value for value in asks.values() if value in written()["Parameters"]]
    assert re.findall(r"\$\{([\w.]+)\}", said) == [
        *("Table.TableId", "Architecture", "Tracing", "SnapStart", "ImportedKeys"),
        *parameters,
    ]
    (version,) = [
        resource["Properties"]
        for resource in deployed().values()
        if resource["Type"] == "AWS::Lambda::Version"
        and resource["Properties"]["FunctionName"] == {"Ref": name}
    ]
    assert version["Description"] == {"Fn::Sub": said}


@pytest.mark.parametrize("name", VERSIONED)
def test_what_a_decision_acts_on_fits_into_a_versions_description(name: str) -> None:
    longest = {
        "Table.TableId": 36,
        **{
            n: p.get("MaxLength")
            or max((len(str(v)) for v in p.get("AllowedValues", ())), default=0)
            for n, p in written()["Parameters"].items()
        },
        "VerifyCacheSeconds": len("60"),
    }
    _, said = written()["Resources"][name]["Properties"]["VersionDescription"]
    assert all(longest[part] for part in re.findall(r"\$\{([\w.]+)\}", said))
    assert len(re.sub(r"\$\{([\w.]+)\}", lambda match: "x" * longest[match[1]], said)) <= 256


@pytest.mark.prove
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
