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
from keyturn.keys import ApiKey, Grant, Outcome, Reason, Status, Verdict, moment
from keyturn.service import Issued
from keyturn.settings import settings

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


Roles = Annotated[tuple[str, ...], BeforeValidator(_roles, json_schema_input_type=list[str])]
Text = Annotated[str, AfterValidator(_text)]


class CreateRequest(BaseModel):
    """POST /api/apikey."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    alias: Annotated[str, BeforeValidator(_alias, json_schema_input_type=str | int)]
    name: Annotated[Text, BeforeValidator(_name)]
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


class VerifyRequest(BaseModel):
    """POST /api/apikey/verify."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(repr=False)
    roles: Roles = ()

    def asked(self) -> frozenset[str] | None:
        """Return the roles of which the key must have one; `None`, any key will do."""
        return frozenset(self.roles) or None


class VerifyResponse(BaseModel):
    """A verdict; of the key, only if it is valid."""

    valid: bool
    code: Outcome
    id: str | None = None
    alias: str | None = None
    roles: list[str] | None = None
    expire: str | None = None
    generation: int | None = None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Build the answer to a verification."""
        credential = verdict.credential
        if credential is None or verdict.outcome is not Outcome.VALID:
            return cls(valid=False, code=verdict.outcome)
        return cls(
            valid=True,
            code=verdict.outcome,
            id=credential.id,
            alias=credential.alias,
            roles=list(credential.roles),
            expire=moment(verdict.expires_at),
            generation=verdict.generation,
        )


class Record(BaseModel):
    """What every answer about one key tells."""

    id: str
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

    @staticmethod
    def fields(key: ApiKey) -> dict[str, Any]:
        """Return them."""
        return {
            "id": key.id,
            "alias": key.alias,
            "name": key.name,
            "roles": list(key.roles),
            "is_active": key.is_active,
            "expire": moment(key.expires_at),
            "ttl_days": key.ttl_days,
            "generation": key.generation,
            "created_at": moment(key.created_at),
            "updated_at": moment(key.updated_at),
            "metadata": key.metadata,
        }


class KeyResponse(Record):
    """A key with its string: the answer to whoever may hold it, and the only place it leaves by."""

    key: str = Field(repr=False)
    renewed: bool

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Build the answer to a create or a renewal."""
        return cls(**cls.fields(issued.key), key=issued.text.reveal(), renewed=issued.renewed)


class ItemResponse(Record):
    """A key without its string."""

    status: Status
    hint: str
    revoked_at: str | None
    revoke_reason: Reason | None
    previous_expires_at: str | None
    rotate_every_days: int | None
    updated_by: str
    last_used_at: str | None = None

    @classmethod
    def of(cls, key: ApiKey, now: int) -> Self:
        """Build what is shown of a key at `now`."""
        return cls(
            **cls.fields(key),
            status=key.status(now),
            hint=key.hint,
            revoked_at=_moment(key.revoked_at),
            revoke_reason=key.revoke_reason,
            previous_expires_at=_moment(key.previous_expires_at),
            rotate_every_days=key.rotate_every_days,
            updated_by=key.updated_by,
        )


class MessageResponse(BaseModel):
    """Something was done."""

    message: str


def _moment(epoch: int | None) -> str | None:
    return None if epoch is None else moment(epoch)


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
