"""Who may deploy: one environment of one repository, by nothing that is stored."""

import re
from typing import Any

import pytest
import yaml

from tests.infra.declared import ROOT, resolved, written

PIPELINE = ROOT / "infra/pipeline.yaml"
GIVEN = {"Repository": "owner/name", "GitHubEnvironment": "prod", "Stack": "keyturn-prod"}
GITHUB = "token.actions.githubusercontent.com"
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/deploy.yaml").read_text())
JOB: dict[str, Any] = WORKFLOW["jobs"]["deploy"]


def role(name: str, **given: str) -> dict[str, Any]:
    return resolved("AWS::IAM::Role", GIVEN | given, PIPELINE)[name]


def statements(name: str) -> list[dict[str, Any]]:
    (policy,) = role(name)["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    for statement in found:
        for part in ("Action", "Resource"):
            value = statement[part]
            statement[part] = value if isinstance(value, list) else [value]
    return found


def test_one_environment_of_one_repository_takes_the_role_and_nobody_else() -> None:
    (trust,) = role("DeployRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Principal"] == {"Federated": "Provider.Ref"}
    # Compared whole: no StringLike, no pattern, and nothing beside it.
    assert trust["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": "repo:owner/name:environment:prod",
        }
    }


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("Repository", "owner/*"),
        ("Repository", "*"),
        ("Repository", "owner/name:ref:refs/heads/main"),
        ("Repository", "owner"),
        ("Repository", ""),
        ("GitHubEnvironment", "*"),
        ("GitHubEnvironment", ""),
        ("Stack", "*"),
        ("Stack", ""),
    ],
)
def test_no_pattern_gets_into_what_is_trusted(parameter: str, value: str) -> None:
    assert not re.search(written(PIPELINE)["Parameters"][parameter]["AllowedPattern"], value)
    assert "Default" not in written(PIPELINE)["Parameters"][parameter]


def test_the_account_has_one_provider_and_it_is_made_where_none_is_given() -> None:
    kind = "AWS::IAM::OIDCProvider"
    (made,) = resolved(kind, GIVEN, PIPELINE).values()
    given = f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"

    assert made == {"Url": f"https://{GITHUB}", "ClientIdList": ["sts.amazonaws.com"]}
    assert resolved(kind, GIVEN | {"ProviderArn": given}, PIPELINE) == {}
    (trust,) = role("DeployRole", ProviderArn=given)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": given}


def test_a_workflow_hands_over_and_makes_nothing_itself() -> None:
    allowed = [s for s in statements("DeployRole") if s["Effect"] == "Allow"]
    services = {action.partition(":")[0] for s in allowed for action in s["Action"]}
    (passed,) = [s for s in allowed if "iam:PassRole" in s["Action"]]

    assert services == {"cloudformation", "s3", "iam"}
    assert not [action for s in allowed for action in s["Action"] if "*" in action]
    assert passed["Action"] == ["iam:PassRole"]
    assert passed["Resource"] == ["MakeRole.Arn"]
    assert passed["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }


def test_what_makes_the_stack_is_taken_by_cloudformation_and_reads_no_row() -> None:
    (trust,) = role("MakeRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    granted = statements("MakeRole")
    (denied,) = [s for s in granted if s["Effect"] == "Deny"]
    kms = {a for s in granted for a in s["Action"] if a.startswith("kms:")}

    assert {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"} <= {*denied["Action"]}
    assert {"dynamodb:DeleteTable", "lambda:InvokeFunction"} <= {*denied["Action"]}
    assert not [a for a in kms if re.search(r"\*|crypt|Grant|GenerateDataKey|ScheduleKey", a)]
    for statement in granted:
        # All of a service is of the stack's own names only.
        if any(action.endswith(":*") for action in statement["Action"]):
            assert "*" not in statement["Resource"]
        roles = {a for a in statement["Action"] if a.startswith("iam:")}
        if roles - {"iam:CreateServiceLinkedRole"}:
            assert statement["Resource"] == ["arn:aws:iam::123456789012:role/keyturn-prod-*"]


def test_the_workflow_keeps_no_secret_and_asks_only_where_it_deploys() -> None:
    text = (ROOT / ".github/workflows/deploy.yaml").read_text()
    assert "secrets." not in text
    assert "aws-access-key-id" not in text
    assert WORKFLOW["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "id-token": "write"}
    # What the trust policy compares.
    assert JOB["environment"] == "${{ inputs.stage }}"


def test_the_workflow_puts_no_input_into_a_shell() -> None:
    commands = [step["run"] for step in JOB["steps"] if "run" in step]
    assert commands == ["make validate build", "make deploy"]


def test_the_workflow_deploys_stages_that_there_are() -> None:
    from infra.stage import stages  # noqa: PLC0415 - beside its one use

    (options,) = [
        asked["stage"]["options"] for asked in (WORKFLOW[True]["workflow_dispatch"]["inputs"],)
    ]
    assert {*options} == stages().keys() - {"default"}
