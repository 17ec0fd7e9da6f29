"""What a parameter adds to the stack is there where it is asked for, and nowhere else."""

import json
import re
from typing import Any

import pytest

from tests.infra.declared import PATH, ROOT, deployed, resolved, written
from tests.infra.test_template import VERSIONED

ACM = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"
DOMAIN = {"DomainName": "keys.example.com", "DomainCertificateArn": ACM}
# All that goes together, translated once: it takes a second.
ALL = {
    **DOMAIN,
    "Firewall": "true",
    "Operating": "true",
    "ProvisionedConcurrency": "3",
    "Rollout": "Canary10Percent5Minutes",
}
STACK = "AWS::CloudFormation::Stack"
FIREWALL = ROOT / "infra/firewall.yaml"
GUARDED = {
    "Stack": "keyturn",
    "StageArn": "arn:stage",
    "RequestsPerAddress": "2000",
    "LogRetentionDays": "90",
}


def of(kind: str, **given: str) -> dict[str, dict[str, Any]]:
    """Return the properties of those of a type that SAM makes."""
    return {n: r["Properties"] for n, r in deployed(PATH, **given).items() if r["Type"] == kind}


def nested(**given: str) -> dict[str, dict[str, Any]]:
    return resolved(STACK, given)


def test_nothing_optional_is_there_where_nobody_asks() -> None:
    assert nested() == {}
    assert not [name for name in resolved("AWS::CloudWatch::Alarm") if "Rollout" in name]
    assert not of("AWS::CodeDeploy::Application")
    assert not of("AWS::CodeDeploy::DeploymentGroup")
    assert not [alias for alias in deployed().values() if "UpdatePolicy" in alias]
    for name in VERSIONED:
        function = resolved("AWS::Serverless::Function")[name]
        assert function["SnapStart"] == {"ApplyOn": "None"}
        assert "ProvisionedConcurrencyConfig" not in function


@pytest.mark.parametrize(
    ("given", "stack"),
    [
        (DOMAIN, "DomainStack"),
        ({"Firewall": "true"}, "FirewallStack"),
        ({"Operating": "true"}, "OperatingStack"),
    ],
    ids=["domain", "firewall", "operating"],
)
def test_a_stack_of_its_own_is_told_all_it_asks_for(given: dict[str, str], stack: str) -> None:
    ((name, declared),) = nested(**given).items()
    template = written(ROOT / declared["TemplateURL"])
    assert name == stack
    assert declared["Parameters"].keys() == template["Parameters"].keys()
    # And it waits for the stage, where it is about one.
    if stack != "OperatingStack":
        assert "ApiStage" in json.dumps(deployed(PATH, **ALL)[stack]["Properties"]["Parameters"])


def test_snapstart_starts_what_decides_and_nothing_else() -> None:
    functions = resolved("AWS::Serverless::Function", {"SnapStart": "PublishedVersions"})
    snapped = {
        name: function["SnapStart"]
        for name, function in functions.items()
        if "SnapStart" in function
    }
    assert snapped == {name: {"ApplyOn": "PublishedVersions"} for name in VERSIONED}


def test_processes_wait_behind_the_alias_that_is_asked() -> None:
    given = {"ProvisionedConcurrency": "3"}
    for name in VERSIONED:
        function = resolved("AWS::Serverless::Function", given)[name]
        config = function["ProvisionedConcurrencyConfig"]
        assert config == {"ProvisionedConcurrentExecutions": "3"}
    aliases = of("AWS::Lambda::Alias", **ALL)
    assert {alias["FunctionName"]["Ref"] for alias in aliases.values()} == {*VERSIONED}
    assert all("ProvisionedConcurrencyConfig" in alias for alias in aliases.values())


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, set()),
        ({"SnapStart": "PublishedVersions"}, set()),
        ({"ProvisionedConcurrency": "1"}, set()),
        (
            {"SnapStart": "PublishedVersions", "ProvisionedConcurrency": "1"},
            {"StartFastInOneWay"},
        ),
        ({"DomainName": "keys.example.com"}, {"DomainHasACertificate"}),
        (DOMAIN, set()),
        ({"ReplicaRegion": "us-east-1"}, {"ReplicaIsElsewhere"}),
        ({"ReplicaRegion": "eu-west-1"}, set()),
    ],
    ids=["nothing", "snapshots", "processes", "both", "no certificate", "domain", "here", "there"],
)
def test_parameters_that_exclude_each_other_are_refused(
    given: dict[str, str], broken: set[str]
) -> None:
    def holds(said: Any) -> bool:  # noqa: ANN401 - any intrinsic function
        function, operands = said
        if function == "Not":
            return not holds(operands[0])
        first, second = (value(part[1]) if isinstance(part, tuple) else part for part in operands)
        return bool(first == second)

    def value(name: str) -> str:
        if name == "AWS::Region":
            return "us-east-1"
        return str(given.get(name, written()["Parameters"][name]["Default"]))

    rules = written()["Rules"].items()
    assert broken == {
        name
        for name, rule in rules
        if holds(rule["RuleCondition"])
        and not all(holds(each["Assert"]) for each in rule["Assertions"])
    }


ROLLOUTS = written()["Parameters"]["Rollout"]["AllowedValues"]


def test_every_rollout_but_all_at_once_is_gradual() -> None:
    gradual = written()["Mappings"]["Gradual"]
    assert gradual.keys() == {*ROLLOUTS}
    assert {name for name, said in gradual.items() if said["Enabled"] == "false"} == {"AllAtOnce"}


def test_a_gradual_rollout_has_every_alias_moved_by_codedeploy() -> None:
    groups = of("AWS::CodeDeploy::DeploymentGroup", **ALL)
    aliases = {n: r for n, r in deployed(PATH, **ALL).items() if r["Type"] == "AWS::Lambda::Alias"}

    assert groups.keys() == {f"{name}DeploymentGroup" for name in VERSIONED}
    for group in groups.values():
        assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": ALL["Rollout"]}
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert {alias["Properties"]["FunctionName"]["Ref"] for alias in aliases.values()} == {
        *VERSIONED
    }
    assert all("CodeDeployLambdaAliasUpdate" in a["UpdatePolicy"] for a in aliases.values())


def test_the_brakes_of_a_rollout_are_alarms_that_are_there_with_it() -> None:
    given = {"Rollout": "Canary10Percent5Minutes"}
    alarms = resolved("AWS::CloudWatch::Alarm", given)
    brakes = {"RolloutCannotKnowAlarm", "RolloutCrashesAlarm"}
    assert brakes == alarms.keys() - resolved("AWS::CloudWatch::Alarm").keys()
    for group in of("AWS::CodeDeploy::DeploymentGroup", **ALL).values():
        condition, there, absent = group["AlarmConfiguration"]["Fn::If"]
        assert (condition, absent) == ("IsGradual", {})
        assert there["Enabled"] is True
        assert {alarm["Name"]["Ref"] for alarm in there["Alarms"]} == brakes
    for name in brakes:
        # A canary has five minutes.
        assert alarms[name]["EvaluationPeriods"] == 1
        metrics = alarms[name].get("Metrics", [])
        periods = {m["MetricStat"]["Period"] for m in metrics if "MetricStat" in m}
        assert periods | {alarms[name].get("Period", 60)} == {60}


def test_a_refusal_is_no_crash_to_the_brake() -> None:
    given = {"Rollout": "Canary10Percent5Minutes"}
    metrics = resolved("AWS::CloudWatch::Alarm", given)["RolloutCrashesAlarm"]["Metrics"]
    stats = {m["Id"]: m["MetricStat"]["Metric"] for m in metrics if "MetricStat" in m}
    looked = {
        dimension["Value"]
        for metric in stats.values()
        if metric["MetricName"] == "Errors"
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "Resource"
    }
    (share,) = [m["Expression"] for m in metrics if m.get("ReturnData", True)]

    assert looked == {f"{name}.Ref:live" for name in VERSIONED}
    assert stats["refused"]["MetricName"] == "Denied"
    assert "failed - SUM([refused, zero])" in share
    assert len(stats) <= 10  # all that an alarm may look at
    assert {id for id in re.findall(r"\w+", share) if id.islower()} <= {m["Id"] for m in metrics}


@pytest.mark.row("T3")
def test_the_firewall_logs_and_samples_nothing_that_can_hold_a_key() -> None:
    (acl,) = resolved("AWS::WAFv2::WebACL", GUARDED, FIREWALL).values()
    (logging,) = resolved("AWS::WAFv2::LoggingConfiguration", GUARDED, FIREWALL).values()
    redacted = [json.dumps(field) for field in logging["RedactedFields"]]
    protected = {
        each["Field"]["FieldType"]: each for each in acl["DataProtectionConfig"]["DataProtections"]
    }

    assert {*redacted} == {
        '{"UriPath": {}}',
        '{"QueryString": {}}',
        '{"SingleHeader": {"Name": "authorization"}}',
        '{"SingleHeader": {"Name": "x-api-key"}}',
    }
    assert protected.keys() == {"SINGLE_HEADER", "QUERY_STRING", "BODY"}
    assert protected["SINGLE_HEADER"]["Field"]["FieldKeys"] == ["authorization", "x-api-key"]
    assert {each["Action"] for each in protected.values()} == {"SUBSTITUTION"}
    assert not [name for each in protected.values() for name in each if name.startswith("Exclude")]
    seen = [acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])]
    assert [each["SampledRequestsEnabled"] for each in seen] == [False] * len(seen)


def test_the_firewall_stands_before_the_stage_and_logs_where_waf_may() -> None:
    (association,) = resolved("AWS::WAFv2::WebACLAssociation", GUARDED, FIREWALL).values()
    (group,) = resolved("AWS::Logs::LogGroup", GUARDED, FIREWALL).values()
    (logging,) = resolved("AWS::WAFv2::LoggingConfiguration", GUARDED, FIREWALL).values()
    (acl,) = resolved("AWS::WAFv2::WebACL", GUARDED, FIREWALL).values()
    limit, common = acl["Rules"]

    assert association == {"ResourceArn": "arn:stage", "WebACLArn": "Acl.Arn"}
    assert group["LogGroupName"].startswith("aws-waf-logs-")
    assert logging["LogDestinationConfigs"][0].endswith(":log-group:Logs.Ref")
    assert limit["Statement"]["RateBasedStatement"]["Limit"] == "2000"
    group_rule = common["Statement"]["ManagedRuleGroupStatement"]
    assert group_rule["Name"] == "AWSManagedRulesCommonRuleSet"
    # The contract's own limit on bodies is twice that of the rule.
    counted = {each["Name"] for each in group_rule["RuleActionOverrides"]}
    assert counted == {"SizeRestrictions_BODY", "NoUserAgent_HEADER"}


@pytest.mark.parametrize("zone", ["", "Z0123456789"])
@pytest.mark.parametrize("base", ["", "keys"])
def test_a_domain_leads_to_the_stage(zone: str, base: str) -> None:
    given = {
        **DOMAIN,
        "DomainName": "keys.example.com",
        "CertificateArn": ACM,
        "HostedZoneId": zone,
        "BasePath": base,
        "ApiId": "api",
        "StageName": "v1",
    }
    path = ROOT / "infra/domain.yaml"
    (mapping,) = resolved("AWS::ApiGateway::BasePathMapping", given, path).values()
    (domain,) = resolved("AWS::ApiGateway::DomainName", given, path).values()
    records = resolved("AWS::Route53::RecordSet", given, path)

    expected = {"DomainName": "Domain.Ref", "RestApiId": "api", "Stage": "v1"}
    assert mapping == expected | ({"BasePath": base} if base else {})
    assert (domain["RegionalCertificateArn"], domain["SecurityPolicy"]) == (ACM, "TLS_1_2")
    assert bool(records) is bool(zone)
