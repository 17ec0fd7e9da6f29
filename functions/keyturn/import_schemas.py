"""Keys of another service, as they are handed over to be imported.

Like the errors of requests, those of rows name a field and its rule and hold nothing of the row.
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from keyturn import foreign, keytext
from keyturn.errors import FieldInvalid
from keyturn.foreign import ForeignText
from keyturn.imported import AT_ONCE
from keyturn.keys import ApiKey, By, Reason
from keyturn.schemas import Alias, Metadata, Name, Roles, TtlDays, refusal
from keyturn.settings import settings

_STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
_LAST = 253_402_300_799  # a second later, years have five digits
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _expire(value: object) -> int:
    try:
        expire = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        expire = None
    epoch = int(expire.timestamp()) if expire and expire.tzinfo else -1
    if not 0 <= epoch <= _LAST:
        raise PydanticCustomError(
            "time", "must be a time in ISO 8601 with its zone, from 1970 to 9999 in UTC"
        )
    return epoch


def _foreign(value: object) -> ForeignText:
    text = foreign.parse(value) if isinstance(value, str) else None
    if text is None:
        raise PydanticCustomError("key", f"must be {foreign.RULE}")
    return text


def _sha256(value: object) -> bytes:
    if not isinstance(value, str) or not _SHA256.fullmatch(value.lower()):
        raise PydanticCustomError("sha256", "must be 64 hexadecimal digits")
    return bytes.fromhex(value)


class Row(BaseModel):
    """A key: its string, or the SHA-256 of that in hexadecimal."""

    model_config = {**_STRICT, "arbitrary_types_allowed": True}

    alias: Alias
    name: Name
    roles: Roles = ()
    key: Annotated[ForeignText | None, BeforeValidator(_foreign)] = Field(None, repr=False)
    sha256: Annotated[bytes | None, BeforeValidator(_sha256)] = Field(None, repr=False)
    is_active: bool = True
    expire: Annotated[int, BeforeValidator(_expire)]
    ttl_days: TtlDays = Field(default_factory=lambda: settings().default_ttl_days)
    metadata: Metadata = Field(default_factory=dict)

    def to_key(self, digest: bytes, now: int, by: By) -> ApiKey:
        """Return the key it becomes, still without ciphertext."""
        return ApiKey(
            id=keytext.id_of(settings().id_salt, self.alias),
            alias=self.alias,
            name=self.name,
            roles=self.roles,
            metadata=self.metadata,
            is_active=self.is_active,
            revoked_at=None if self.is_active else now,
            revoke_reason=None if self.is_active else Reason.UNSPECIFIED,
            expires_at=self.expire,
            ttl_days=self.ttl_days,
            created_at=now,
            updated_at=now,
            updated_by=by.actor,
            updated_request=by.request_id,
            generation=1,
            secret_hash=digest,
            hint=self.key.hint if self.key else "...",
            ciphertext=b"",
        )


class ImportRequest(BaseModel):
    """Rows, each judged by itself; `dry_run`, only judged."""

    model_config = _STRICT

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=AT_ONCE)]
    dry_run: bool = False


def asked(event: object) -> ImportRequest:
    """Read what a direct invoke asks for.

    Raises:
        FieldInvalid: it has another shape; the message holds nothing of it.
    """
    try:
        return ImportRequest.model_validate(event)
    except ValidationError:
        rule = f"must be an object with rows, a list of 1 to {AT_ONCE} objects, and dry_run or none"
        raise FieldInvalid(f"event: {rule}") from None


def arrival(row: dict[str, Any], now: int, by: By) -> tuple[ApiKey, ForeignText | None]:
    """Read a row: the key it becomes, and its string, where the row has that and not its hash.

    Raises:
        RequestError: a field breaks its rule.
    """
    try:
        read = Row.model_validate(row)
    except ValidationError as error:
        errors = error.errors(include_input=False)
        raise refusal([each | {"loc": ("row", *each["loc"])} for each in errors]) from None
    digest = read.key.digest if read.key else read.sha256
    if digest is None or (read.key and read.sha256):
        raise FieldInvalid("key: either it or sha256 is required")
    return read.to_key(digest, now, by), read.key
