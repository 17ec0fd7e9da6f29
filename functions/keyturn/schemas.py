"""Requests over HTTP. Pydantic is imported here, in `answers` and in `event_schemas` only.

Error messages name a field and its rule and never hold what was sent. Lone surrogates are refused
in every text: DynamoDB stores UTF-8, which cannot hold them.

The text below a field is for `infra/openapi.json`, and so are `WithJsonSchema` and
`json_schema_extra`: what the validators refuse, said again in JSON Schema.
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
    WithJsonSchema,
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


def _digits(value: object) -> object:
    # A query's value is text, of which Python would also take `5.0`, `+5`, `1_0` and ` 5`.
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise _refused(FieldInvalid, "must be an integer")
    return value


def _alias_prefix(value: str) -> str:
    return unicodedata.normalize("NFC", _text(value))


def _say_roles(schema: dict[str, Any]) -> None:
    schema["items"] = {"type": "string", "enum": sorted(settings().allowed_roles)}


def _say_days(schema: dict[str, Any]) -> None:
    days = settings()
    schema |= {"minimum": 1, "maximum": days.max_ttl_days, "default": days.default_ttl_days}


def _say_grace(schema: dict[str, Any]) -> None:
    schema["default"] = settings().default_grace_seconds


_CONTROL = r"\x00-\x1f\x7f-\x9f"
ID = {"type": "string", "pattern": r"^[0-9A-Za-z]{17}$"}
Text = Annotated[str, AfterValidator(_text)]
Alias = Annotated[
    str,
    BeforeValidator(_alias),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": _ALIAS_LENGTH,
                    "pattern": rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$",
                },
                {"type": "integer", "not": {"const": 0}},
            ]
        }
    ),
]
Roles = Annotated[
    tuple[str, ...],
    BeforeValidator(_roles, json_schema_input_type=list[str]),
    Field(json_schema_extra=_say_roles),
]
Name = Annotated[
    Text,
    BeforeValidator(_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": _NAME_LENGTH}),
]
TtlDays = Annotated[int, AfterValidator(_ttl_days), Field(json_schema_extra=_say_days)]
Metadata = Annotated[dict[Text, Text], AfterValidator(_metadata)]
AliasPrefix = Annotated[str, Field(max_length=_ALIAS_LENGTH), AfterValidator(_alias_prefix)]
RotationId = Annotated[
    str, Field(min_length=1, max_length=64), AfterValidator(_text), AfterValidator(_no_key)
]
Limit = Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)]
Days = Annotated[int, Field(ge=1, le=90), BeforeValidator(_digits)]


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
    """Whose key it is. An integer is taken as its decimal text. Trimmed, then NFC."""
    name: Name
    roles: Roles = ()
    """What it may do. Left out on renewal means none."""
    ttl_days: TtlDays = Field(default_factory=lambda: settings().default_ttl_days)
    """For how many days it is valid from now. Left out: the deployment's default."""
    metadata: Metadata = Field(default_factory=dict)
    """At most 2 KiB as JSON. Left out on renewal keeps the old one."""
    rotate_every_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """The schedule rotates it that often. `null`: never. Left out on renewal: as it was."""

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
        default_factory=lambda: settings().default_grace_seconds, json_schema_extra=_say_grace
    )
    """For how long the old string still works. Left out: the deployment's default."""
    rotation_id: RotationId = Field(default_factory=lambda: uuid4().hex)
    """One of your own makes a repeat safe: it is answered with the current key."""
    force: bool = False
    """Rotate though an earlier rotation's grace still runs. The string before this one ends."""

    def rotation(self) -> Rotation:
        """Return what is asked for."""
        return Rotation(id=self.rotation_id, grace_seconds=self.grace_seconds, force=self.force)


class VerifyRequest(BaseModel):
    """POST /api/apikey/verify."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(repr=False)
    roles: Roles = ()
    """Any one of them suffices. None: any key will do."""

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
