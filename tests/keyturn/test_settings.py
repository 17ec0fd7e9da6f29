import ast
import dataclasses
from pathlib import Path

import pytest

import keyturn
from keyturn import keytext, settings
from keyturn.settings import Settings, from_env

GOOD = {
    "TABLE_NAME": "keys",
    "KMS_KEY_ID": "arn:aws:kms:us-east-1:123456789012:key/1",
    "KEY_PREFIX": "kt",
    "ID_SALT": "pepper",
    "ALLOWED_ROLES": "admin, creator,user",
    "DEFAULT_TTL_DAYS": "15",
    "MAX_TTL_DAYS": "365",
    "DEFAULT_GRACE_SECONDS": "86400",
    "IMPORTED_KEYS": "false",
}


def test_every_setting_is_the_variable_of_its_name() -> None:
    assert {field.name.upper() for field in dataclasses.fields(Settings)} == set(GOOD)
    assert from_env(GOOD) == Settings(
        table_name="keys",
        kms_key_id="arn:aws:kms:us-east-1:123456789012:key/1",
        key_prefix="kt",
        id_salt="pepper",
        allowed_roles=("admin", "creator", "user"),
        default_ttl_days=15,
        max_ttl_days=365,
        default_grace_seconds=86400,
        imported_keys=False,
    )


def test_settings_are_read_once_and_cannot_be_changed() -> None:
    assert settings.settings() is settings.settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.settings().table_name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"ID_SALT"}))
def test_a_missing_variable_fails_and_is_named(name: str, value: str | None) -> None:
    env = {key: given for key, given in GOOD.items() if key != name}

    with pytest.raises(ValueError, match=name):
        from_env(env if value is None else env | {name: value})


def test_the_salt_may_be_empty_but_not_missing() -> None:
    assert from_env(GOOD | {"ID_SALT": ""}).id_salt == ""
    with pytest.raises(ValueError, match="ID_SALT"):
        from_env({name: value for name, value in GOOD.items() if name != "ID_SALT"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEY_PREFIX", "KT"),
        ("KEY_PREFIX", "1kt"),
        ("KEY_PREFIX", "kt_"),
        ("KEY_PREFIX", "_kt"),
        ("KEY_PREFIX", "k__t"),
        ("KEY_PREFIX", "k-t"),
        ("KEY_PREFIX", "k" * 21),
        ("ALLOWED_ROLES", "creator,user"),
        ("ALLOWED_ROLES", "admin,,user"),
        ("ALLOWED_ROLES", "admin,User"),
        ("ALLOWED_ROLES", "admin,*"),
        ("ALLOWED_ROLES", "admin,a b"),
        ("DEFAULT_TTL_DAYS", "0"),
        ("DEFAULT_TTL_DAYS", "366"),
        ("DEFAULT_TTL_DAYS", "-1"),
        ("DEFAULT_TTL_DAYS", "15.0"),
        ("DEFAULT_TTL_DAYS", "a week"),
        ("MAX_TTL_DAYS", "14"),
        ("MAX_TTL_DAYS", "1e3"),
        ("IMPORTED_KEYS", "yes"),
    ],
)
def test_what_would_only_fail_later_fails_at_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_env(GOOD | {name: value})


@pytest.mark.parametrize("prefix", ["k", "kt", "my_team_2", "k" * 20])
def test_keys_of_every_allowed_prefix_can_be_parsed(prefix: str) -> None:
    allowed = from_env(GOOD | {"KEY_PREFIX": prefix}).key_prefix

    parsed = keytext.parse(keytext.mint(allowed, "A" * 17).reveal())

    assert parsed is not None
    assert parsed.prefix == prefix


@pytest.mark.parametrize(
    ("value", "roles"),
    [("*", None), ("admin", {"admin"}), (" admin , user ", {"admin", "user"})],
)
def test_an_authorizer_s_roles(
    value: str, roles: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_ROLES", value)

    assert settings.required_roles() == roles


@pytest.mark.parametrize("value", [None, "", "  ", ",", "admin,", "**", "*,admin", "Admin"])
def test_a_forgotten_or_mistaken_setting_opens_no_door(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("REQUIRED_ROLES")
    else:
        monkeypatch.setenv("REQUIRED_ROLES", value)

    with pytest.raises(ValueError, match="REQUIRED_ROLES"):
        settings.required_roles()


@pytest.mark.parametrize(("value", "seconds"), [(None, 0), ("", 0), ("0", 0), ("60", 60)])
def test_remembering_is_off_unless_it_is_asked_for(
    value: str | None, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("VERIFY_CACHE_SECONDS", value)

    assert settings.verify_cache_seconds() == seconds


@pytest.mark.parametrize("value", ["61", "-1", "1.5", "yes"])
def test_remembering_for_longer_than_a_minute_fails_at_start(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFY_CACHE_SECONDS", value)

    with pytest.raises(ValueError, match="VERIFY_CACHE_SECONDS"):
        settings.verify_cache_seconds()


def test_no_other_module_reads_the_environment() -> None:
    (package,) = keyturn.__path__
    readers = {
        path.stem
        for path in (*Path(package).glob("*.py"), *Path(package).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
    }

    assert readers == {"settings"}
