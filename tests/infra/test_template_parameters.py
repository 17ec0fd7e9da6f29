"""What the template lets a deployer choose is what the code accepts."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from keyturn.settings import (
    Settings,
    audit_days,
    compromised_action,
    required_roles,
    usage_days,
    verify_cache_seconds,
)
from tests.infra.declared import written


@pytest.mark.row("T17")
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


@pytest.mark.parametrize("parameter", ["VerifyCallerRoles", "AttachRequiredRoles"])
@pytest.mark.parametrize(
    "roles",
    [
        "admin",
        "user,creator",
        "a_1-b",
        "*",
        "",
        " ",
        "Admin",
        "1",
        "a,",
        ",a",
        "a,,b",
        "*,a",
        "a,*",
    ],
)
def test_required_roles_deploy_where_the_code_accepts_them(
    parameter: str, roles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_ROLES", roles)
    try:
        accepted = required_roles() is not None or parameter == "AttachRequiredRoles"
    except ValueError:
        accepted = False
    pattern = written()["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.search(pattern, roles)) == accepted


@pytest.mark.parametrize("seconds", range(-1, 62))
def test_a_memory_deploys_where_the_code_accepts_it(
    seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFY_CACHE_SECONDS", str(seconds))
    parameter = written()["Parameters"]["VerifyCacheSeconds"]
    if parameter["MinValue"] <= seconds <= parameter["MaxValue"]:
        assert verify_cache_seconds() == seconds
    else:
        with pytest.raises(ValueError, match="VERIFY_CACHE_SECONDS"):
            verify_cache_seconds()


@pytest.mark.parametrize("seconds", [-1, 0, 1, 86_400, 2_592_000, 2_592_001])
def test_a_grace_deploys_where_the_code_accepts_it(seconds: int) -> None:
    parameter = written()["Parameters"]["DefaultGraceSeconds"]
    deploys = parameter["MinValue"] <= seconds <= parameter["MaxValue"]
    assert deploys == _accepted(default_grace_seconds=seconds)


def test_what_a_leak_does_is_what_the_code_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for action in written()["Parameters"]["CompromisedAction"]["AllowedValues"]:
        monkeypatch.setenv("COMPROMISED_ACTION", action)
        assert compromised_action() == action


@pytest.mark.parametrize(
    ("parameter", "variable", "read"),
    [("AuditDays", "AUDIT_DAYS", audit_days), ("UsageDays", "USAGE_DAYS", usage_days)],
)
def test_days_that_deploy_are_a_number_to_the_code(
    parameter: str, variable: str, read: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = written()["Parameters"][parameter]
    for days in (declared["MinValue"], declared["Default"], declared["MaxValue"]):
        monkeypatch.setenv(variable, str(days))
        assert read() == days


ARN = "arn:aws:iam::123456789012:role/ci"


@pytest.mark.parametrize(
    ("parameter", "value", "deploys"),
    [
        ("EventRequesterArns", "", True),
        ("EventRequesterArns", ARN, True),
        ("EventRequesterArns", f"{ARN},arn:aws:iam::123456789012:user/a*", True),
        ("EventRequesterArns", f"{ARN}, {ARN}", False),
        ("EventRequesterArns", f"{ARN},", False),
        ("EventRequesterArns", "*", False),
        ("LeakSources", "aws.securityhub,com.example.scanner", True),
        ("LeakSources", "aws.securityhub,", False),
        ("LeakSources", "*", False),
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:people", True),
        ("AlarmTopicArn", "arn:aws:sqs:us-east-1:123456789012:queue", False),
        ("SweepSchedule", "rate(1 hour)", True),
        ("SweepSchedule", "cron(0 3 * * ? *)", True),
        ("SweepSchedule", "hourly", False),
    ],
)
def test_a_parameter_takes_what_it_says(parameter: str, value: str, *, deploys: bool) -> None:
    pattern = written()["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.search(pattern, value)) == deploys


def _accepted(**changed: Any) -> bool:  # noqa: ANN401 - a settings field
    fields: dict[str, Any] = {
        **dict.fromkeys(("table_name", "kms_key_id", "id_salt"), ""),
        **dict.fromkeys(("default_ttl_days", "max_ttl_days"), 1),
        "key_prefix": "kt",
        "allowed_roles": ("admin",),
        "default_grace_seconds": 0,
        "imported_keys": False,
    }
    try:
        Settings(**{**fields, **changed})
    except ValueError:
        return False
    return True
