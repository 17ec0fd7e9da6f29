"""Requests and responses over HTTP. The only module that imports pydantic.

Error messages name a field and its rule and never hold what was sent. Lone surrogates are refused
in every text: DynamoDB stores UTF-8, which cannot hold them.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from keyturn.errors import AliasRequired, FieldInvalid, NameRequired, RequestError, RolesInvalid
from keyturn.keys import Grant, moment
from keyturn.service import Issued
from keyturn.settings import settings

_ALIAS_LENGTH = 128
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


Text = Annotated[str, AfterValidator(_text)]


class CreateRequest(BaseModel):
    """POST /api/apikey."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    alias: Annotated[str, BeforeValidator(_alias, json_schema_input_type=str | int)]
    name: Annotated[Text, Field(max_length=256), BeforeValidator(_name)]
    roles: Annotated[
        tuple[str, ...], BeforeValidator(_roles, json_schema_input_type=list[str])
    ] = ()
    ttl_days: Annotated[int, AfterValidator(_ttl_days)] = Field(
        default_factory=lambda: settings().default_ttl_days
    )
    metadata: Annotated[dict[Text, Text], AfterValidator(_metadata)] = Field(default_factory=dict)

    def grant(self) -> Grant:
        """Return what is asked for; only the domain knows what leaving a field out means."""
        return Grant(
            alias=self.alias,
            name=self.name,
            roles=self.roles,
            ttl_days=self.ttl_days,
            metadata=self.metadata if "metadata" in self.model_fields_set else None,
        )


class KeyResponse(BaseModel):
    """A key with its string: the answer to whoever may hold it, and the only place it leaves by."""

    id: str
    key: str = Field(repr=False)
    alias: str
    name: str
    roles: list[str]
    is_active: bool
    expire: str
    ttl_days: int
    generation: int
    created_at: str
    updated_at: str
    metadata: dict[str, str]
    renewed: bool

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Build the answer to a create or a renewal."""
        key = issued.key
        return cls(
            id=key.id,
            key=issued.text.reveal(),
            alias=key.alias,
            name=key.name,
            roles=list(key.roles),
            is_active=key.is_active,
            expire=moment(key.expires_at),
            ttl_days=key.ttl_days,
            generation=key.generation,
            created_at=moment(key.created_at),
            updated_at=moment(key.updated_at),
            metadata=key.metadata,
            renewed=issued.renewed,
        )


class MessageResponse(BaseModel):
    """Something was done."""

    message: str


def refusal(errors: Iterable[Mapping[str, Any]]) -> RequestError:
    """Choose the error to answer: in the contract's order, then in the fields' own."""
    return min(
        (_refusal(error) for error in errors), key=lambda error: _IN_ORDER.index(type(error))
    )


def _refusal(error: Mapping[str, Any]) -> RequestError:
    kind, (_, *path), message = error["type"], error["loc"], error["msg"]
    name = str(path[0]) if path else "body"
    if kind == "missing":
        return _MISSING.get(name, FieldInvalid)()
    if kind == "extra_forbidden":
        shown = f" {name}" if _SHOWABLE_NAME.fullmatch(name) else ""
        return FieldInvalid(f"unknown field{shown}")
    if kind in _OF_CODE and kind != FieldInvalid.code:
        return _OF_CODE[kind](message)
    return FieldInvalid(f"{name}: {message}")
