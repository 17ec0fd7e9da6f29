"""The deployment's parameters, read once from the environment.

The only module that reads `os.environ`. Defaults live in `template.yaml`, not here: a variable that
is missing fails at start and is named.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_PREFIX = re.compile(r"(?=.{1,20}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_CACHE = 60
LONGEST_GRACE = 2_592_000
_ROLE = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """What every function shares; each field is the environment variable of the same name."""

    table_name: str
    kms_key_id: str
    key_prefix: str
    id_salt: str
    allowed_roles: tuple[str, ...]
    default_ttl_days: int
    max_ttl_days: int
    default_grace_seconds: int
    imported_keys: bool

    def __post_init__(self) -> None:
        """Refuse what would only fail later, or lock everyone out.

        Raises:
            ValueError: naming the variable.
        """
        if not _PREFIX.fullmatch(self.key_prefix):
            raise ValueError(
                "KEY_PREFIX must be lower case words joined by single underscores, at most 20 long"
            )
        if "admin" not in self.allowed_roles:
            raise ValueError(
                "ALLOWED_ROLES must contain admin: without it nobody could manage keys"
            )
        if not 1 <= self.default_ttl_days <= self.max_ttl_days:
            raise ValueError("DEFAULT_TTL_DAYS must be between 1 and MAX_TTL_DAYS")
        if not 0 <= self.default_grace_seconds <= LONGEST_GRACE:
            raise ValueError(f"DEFAULT_GRACE_SECONDS must be between 0 and {LONGEST_GRACE}")


def from_env(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: a variable is missing or is not what it must be; the message names it.
    """
    return Settings(
        table_name=_required(env, "TABLE_NAME"),
        kms_key_id=_required(env, "KMS_KEY_ID"),
        key_prefix=_required(env, "KEY_PREFIX"),
        id_salt=_salt(env),
        allowed_roles=_roles(env, "ALLOWED_ROLES"),
        default_ttl_days=_number(env, "DEFAULT_TTL_DAYS"),
        max_ttl_days=_number(env, "MAX_TTL_DAYS"),
        default_grace_seconds=_number(env, "DEFAULT_GRACE_SECONDS"),
        imported_keys=_flag(env, "IMPORTED_KEYS"),
    )


@cache
def settings() -> Settings:
    """Return this process's settings."""
    return from_env(os.environ)


def required_roles() -> frozenset[str] | None:
    """Return the roles of which an authorizer asks for one; `None` (`"*"`) means any valid key.

    Raises:
        ValueError: REQUIRED_ROLES is missing or empty. A forgotten setting must not open a door.
    """
    if os.environ.get("REQUIRED_ROLES") == "*":
        return None
    return frozenset(_roles(os.environ, "REQUIRED_ROLES"))


def verify_cache_seconds() -> int:
    """Return for how long a process may remember what it read to verify; 0, not at all.

    Raises:
        ValueError: VERIFY_CACHE_SECONDS is not an integer from 0 to 60.
    """
    seconds = os.environ.get("VERIFY_CACHE_SECONDS") or "0"
    if not seconds.isdecimal() or int(seconds) > _LONGEST_CACHE:
        raise ValueError(f"VERIFY_CACHE_SECONDS must be an integer from 0 to {_LONGEST_CACHE}")
    return int(seconds)


def compromised_action() -> str:
    """Return what a report of a leak does: `revoke`, or `rotate` without grace.

    Raises:
        ValueError: COMPROMISED_ACTION is neither.
    """
    action = _required(os.environ, "COMPROMISED_ACTION")
    if action not in {"revoke", "rotate"}:
        raise ValueError("COMPROMISED_ACTION must be revoke or rotate")
    return action


def event_bus() -> str:
    """Return the name of the bus on which changes are told.

    Raises:
        ValueError: EVENT_BUS is missing or empty.
    """
    return _required(os.environ, "EVENT_BUS")


def audit_days() -> int:
    """Return for how many days what happened to a key is kept beside it.

    Raises:
        ValueError: AUDIT_DAYS is missing or no number.
    """
    return _number(os.environ, "AUDIT_DAYS")


def usage_days() -> int:
    """Return for how many days it is kept how often keys were used.

    Raises:
        ValueError: USAGE_DAYS is missing or no number.
    """
    return _number(os.environ, "USAGE_DAYS")


def service_name() -> str:
    """Return what the metrics of this stack are told from another's by: the stack's name."""
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "keyturn")


def environment() -> Mapping[str, str]:
    """Return what AWS itself sets: region, credentials, endpoints."""
    return os.environ


def _salt(env: Mapping[str, str]) -> str:
    # It may be empty, but not forgotten: another salt, and every key has another id.
    if "ID_SALT" not in env:
        raise ValueError("environment variable ID_SALT is missing")
    return env["ID_SALT"]


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise ValueError(f"environment variable {name} is missing or empty")
    return value


def _number(env: Mapping[str, str], name: str) -> int:
    value = _required(env, name)
    if not value.isdecimal():
        raise ValueError(f"{name} must be a whole number")
    return int(value)


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = _required(env, name)
    if value not in {"true", "false"}:
        raise ValueError(f"{name} must be true or false")
    return value == "true"


def _roles(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in _required(env, name).split(","))
    if not all(_ROLE.fullmatch(role) for role in roles):
        raise ValueError(f"{name} must be role names joined by commas")
    return roles
