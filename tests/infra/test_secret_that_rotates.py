"""What docs/secrets-manager.md has people add to their stacks, on our template and function."""

import json
import re
from typing import Any

import pytest
import yaml

from keyturn.keys import DAY
from tests.infra.declared import ROOT, Loader, written
from tests.support import Clock
from tests.support_secret import Safe

PAGE = (ROOT / "docs/secrets-manager.md").read_text()


def lines() -> str:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def added() -> dict[str, Any]:
    resources: dict[str, Any] = yaml.load(lines(), Loader)  # noqa: S506 - is safe
    return resources


def test_six_lines_name_what_our_stack_exports() -> None:
    secret, schedule = added().values()

    assert len(lines().splitlines()) == 6
    assert schedule["Properties"]["SecretId"] == ("Ref", next(iter(added())))
    tag, name = schedule["Properties"]["RotationLambdaARN"]
    exported = written()["Outputs"]["RotateSecretFunctionArn"]
    assert tag == "ImportValue"
    assert exported["Export"]["Name"] == ("Sub", name.replace("keyturn-", "${AWS::StackName}-"))
    assert exported["Value"] == ("GetAtt", "RotateSecretFunction.Arn")
    assert secret["Type"] == "AWS::SecretsManager::Secret"


@pytest.mark.usefixtures("aws")
def test_secret_that_is_added_rotates_itself_from_its_first_day(clock: Clock) -> None:
    secret, schedule = (each["Properties"] for each in added().values())
    days = schedule["RotationRules"]["AutomaticallyAfterDays"]
    safe = Safe(json.loads(secret["SecretString"]), days)

    for month in range(3):
        safe.rotate()
        safe.works()
        assert safe.value()["generation"] == month + 1
        clock.now += days * DAY
        safe.works()


def test_validity_that_is_recommended_outlasts_a_rotation_that_fails() -> None:
    days = added()["BillingKeyRotation"]["Properties"]["RotationRules"]["AutomaticallyAfterDays"]
    grace = int(written()["Parameters"]["DefaultGraceSeconds"]["Default"])
    (recommended,) = map(int, re.findall(r'"ttl_days": (\d+)', PAGE))
    (least,) = map(int, re.findall(r"(\d+) would do", PAGE))

    assert least * DAY == days * DAY + grace
    # A rotation comes at any time of its day.
    assert recommended * DAY == 2 * days * DAY + grace + DAY
