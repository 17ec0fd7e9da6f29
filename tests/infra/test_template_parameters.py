"""What the template lets a deployer choose is what the code accepts."""

import re
from typing import Any

import pytest

from keyturn.settings import Settings, required_roles, verify_cache_seconds
from tests.infra.declared import written


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
