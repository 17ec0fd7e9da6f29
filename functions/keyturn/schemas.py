"""Requests over HTTP. Pydantic is imported here, in `answers` and in `event_schemas` only.

Error messages name a field and its rule and never hold what was sent. Lone surrogates are refused
in every text: DynamoDB stores UTF-8, which cannot hold them.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from uuid import uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from keyturn import keytext
from keyturn.errors import AliasRequired, FieldInvalid, NameRequired, RequestError, RolesInvalid
from keyturn.keys import Grant, Rotation
from keyturn.settings import LONGEST_GRACE, settings

_ALIAS_LENGTH = 128
_NAME_LENGTH = 256
_METADATA_BYTES = 2048
_SHOWABLE_NAME = re.compile(r"[a-z_]{1,32}")
_IN_ORDER = (AliasRequired, NameRequired, RolesInvalid, FieldInvalid)
_MISSING = {"alias": AliasRequired, "name": NameRequired}
_OF_CODE = {error.code: error for error in _IN_ORDER}


def _refused(error: type[RequestError], message: str = "") -> PydanticCustomError:
    return PydanticCustomError(error.code, message or error.message)


def _text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _refused(FieldInvalid, "must not contain lone surrogates")
    return value


def _no_key(value: str) -> str:
    if keytext.parse(value) is not None:
        raise _refused(FieldInvalid, "must not be a key")
    return value


def _alias(value: object) -> str:
    if not value:
        raise _refused(AliasRequired)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _refused(FieldInvalid, "must be a string or an integer")
    alias = unicodedata.normalize("NFC", str(value).strip())
    if not alias:
        raise _refused(AliasRequired)
    if len(alias) > _ALIAS_LENGTH:
        raise _refused(FieldInvalid, f"must be at most {_ALIAS_LENGTH} characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in alias):
        raise _refused(FieldInvalid, "must not contain control characters or lone surrogates")
    return alias


def _name(value: object) -> object:
    if not value:
        raise _refused(NameRequired)
    if isinstance(value, str) and len(value) > _NAME_LENGTH:
        raise _refused(FieldInvalid, f"must be at most {_NAME_LENGTH} characters")
    return value


def _roles(value: object) -> tuple[str, ...]:
    allowed = sorted(settings().allowed_roles)
    if not isinstance(value, list) or not all(role in allowed for role in value):
        raise _refused(RolesInvalid, f"roles must be a subset of {allowed}")
    return tuple(dict.fromkeys(value))


def _ttl_days(value: int) -> int:
    if not 1 <= value <= settings().max_ttl_days:
        raise _refused(FieldInvalid, f"must be an integer from 1 to {settings().max_ttl_days}")
    return value


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(json.dumps(value, ensure_ascii=False).encode()) > _METADATA_BYTES:
        raise _refused(FieldInvalid, "must be at most 2 KiB as JSON")
    return value


def _alias_prefix(value: str) -> str:
    return unicodedata.normalize("NFC", _text(value))


Text = Annotated[str, AfterValidator(_text)]
Alias = Annotated[str, BeforeValidator(_alias, json_schema_input_type=str | int)]
Roles = Annotated[tuple[str, ...], BeforeValidator(_roles, json_schema_input_type=list[str])]
Name = Annotated[Text, BeforeValidator(_name)]
TtlDays = Annotated[int, AfterValidator(_ttl_days)]
Metadata = Annotated[dict[Text, Text], AfterValidator(_metadata)]
AliasPrefix = Annotated[str, Field(max_length=_ALIAS_LENGTH), AfterValidator(_alias_prefix)]
RotationId = Annotated[Text, Field(min_length=1, max_length=64), AfterValidator(_no_key)]


def stored_alias(value: object) -> str | None:
    """Return an alias in stored form, by the rules of a request; `None` where it breaks them."""
    try:
        return _alias(value)
    except PydanticCustomError:
        return None


class CreateRequest(BaseModel):
    """POST /api/apikey."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    alias: Alias
    name: Name
    roles: Roles = ()
    ttl_days: TtlDays = Field(default_factory=lambda: settings().default_ttl_days)
    metadata: Metadata = Field(default_factory=dict)
    rotate_every_days: Annotated[int, Field(ge=1, le=365)] | None = None

    def grant(self) -> Grant:
        """Return what is asked for; only the domain knows what leaving a field out means."""
        return Grant(
            alias=self.alias,
            name=self.name,
            roles=self.roles,
            ttl_days=self.ttl_days,
            metadata=self.metadata if "metadata" in self.model_fields_set else None,
            rotate_every_days=self.rotate_every_days,
            keeps_rotation="rotate_every_days" not in self.model_fields_set,
        )


class RotateRequest(BaseModel):
    """POST /api/apikey/{id}/rotate."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    grace_seconds: Annotated[int, Field(ge=0, le=LONGEST_GRACE)] = Field(
        default_factory=lambda: settings().default_grace_seconds
    )
    rotation_id: RotationId = Field(default_factory=lambda: uuid4().hex)
    force: bool = False

    def rotation(self) -> Rotation:
        """Return what is asked for."""
        return Rotation(id=self.rotation_id, grace_seconds=self.grace_seconds, force=self.force)


class VerifyRequest(BaseModel):
    """POST /api/apikey/verify."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(repr=False)
    roles: Roles = ()

    def asked(self) -> frozenset[str] | None:
        """Return the roles of which the key must have one; `None`, any key will do."""
        return frozenset(self.roles) or None


def refusal(errors: Iterable[Mapping[str, Any]]) -> RequestError:
    """Choose the error to answer: in the contract's order, then in the fields' own."""
    return min(
        (_refusal(error) for error in errors), key=lambda error: _IN_ORDER.index(type(error))
    )


def _refusal(error: Mapping[str, Any]) -> RequestError:
    kind, (_, *path), message = error["type"], error["loc"], error["msg"]
    name = str(path[0]) if path else ""
    if kind == "missing":
        return _MISSING[name]() if name in _MISSING else FieldInvalid(f"{name}: is required")
    if kind == "extra_forbidden" or not path:  # a name that is no text has no path
        shown = f" {name}" if _SHOWABLE_NAME.fullmatch(name) else ""
        return FieldInvalid(f"unknown field{shown}")
    if kind in _OF_CODE and kind != FieldInvalid.code:
        return _OF_CODE[kind](message)
    return FieldInvalid(f"{name}: {message}")
