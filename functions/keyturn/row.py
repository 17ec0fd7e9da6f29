"""The key's row: one DynamoDB item under (`id`, `item = "key"`).

The only module that knows the item's layout; stdlib only, so that verification reads it without the
SDK. Values are DynamoDB's own attribute values, `{"S": "..."}`; binary ones come as bytes (SDK) or
as base64 text (the wire).
"""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

from keyturn.due import Notice, Task, next_due_of_changed
from keyturn.errors import Unavailable
from keyturn.keys import ApiKey, By, Credential, Reason

SCHEMA = 1
ITEM = "key"
DUE_SHARDS = 8
CREDENTIAL = (
    *("schema", "id", "alias", "roles", "is_active", "expires_at", "generation"),
    *("secret_hash", "previous_hash", "previous_expires_at"),
)
_HASH_LENGTH = 32

Value: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Value]
Read: TypeAlias = Mapping[str, Any]
Change: TypeAlias = dict[str, Value | None]  # None: the attribute is removed
T = TypeVar("T")


def primary_key(id: str) -> Item:
    """Return the primary key of a key's row."""
    return {"id": {"S": id}, "item": {"S": ITEM}}


def number(value: int) -> Value:
    """Return a number's attribute value."""
    return {"N": str(value)}


def of_key(key: ApiKey, mark: str) -> Item:
    """Return the item of a new key, created or imported as it was; `mark` is its first."""
    written = {
        **primary_key(key.id),
        **of_renewal(key),
        **of_metadata(key),
        **of_rotation_period(key),
        **of_rotation_ids(key),
        "schema": number(SCHEMA),
        "kind": {"S": ITEM},
        "alias": {"S": key.alias},
        "created_at": number(key.created_at),
        "generation": number(key.generation),
        "secret_hash": {"B": key.secret_hash},
        "ciphertext": {"B": key.ciphertext},
        "hint": {"S": key.hint},
        "version": number(key.version),
        "mark_0": {"S": mark},
    }
    if not key.is_active:
        written |= {
            "is_active": {"BOOL": False},
            "revoked_at": _optional_number(key.revoked_at),
            "revoke_reason": {"S": key.revoke_reason} if key.revoke_reason else None,
            **of_due(key.id, None),
        }
    return {name: value for name, value in written.items() if value is not None}


def of_renewal(key: ApiKey) -> Change:
    """Return what every renewal writes; what a request may leave out is not among it."""
    return {
        "name": {"S": key.name},
        "roles": {"L": [{"S": role} for role in key.roles]},
        "ttl_days": number(key.ttl_days),
        **_of_active(key),
    }


def of_metadata(key: ApiKey) -> Change:
    """Return the metadata, as JSON text: any map of strings, also one with an empty name."""
    return {"metadata": {"S": json.dumps(key.metadata)}}


def of_rotation_period(key: ApiKey) -> Change:
    """Return how often the key is to be rotated."""
    return {"rotate_every_days": _optional_number(key.rotate_every_days)}


def of_rotation(key: ApiKey) -> Change:
    """Return what a rotation writes."""
    return {
        "generation": number(key.generation),
        "secret_hash": {"B": key.secret_hash},
        "ciphertext": {"B": key.ciphertext},
        "hint": {"S": key.hint},
        "previous_hash": None if key.previous_hash is None else {"B": key.previous_hash},
        "previous_expires_at": _optional_number(key.previous_expires_at),
        "rotated_at": _optional_number(key.rotated_at),
        "grace_told": None,
        **of_rotation_ids(key),
        **_of_active(key),
    }


def of_rotation_ids(key: ApiKey) -> Change:
    """Return which rotations are done; none, no attribute."""
    ids = [{"S": id} for id in key.rotation_ids]
    return {"rotation_ids": {"L": ids} if ids else None}


def of_revocation(id: str, reason: Reason, now: int, by: By) -> Change:
    """Return what a revocation writes; nothing is due of a revoked key."""
    return {
        "is_active": {"BOOL": False},
        "revoked_at": number(now),
        "revoke_reason": {"S": reason},
        **of_update(now, by),
        **of_due(id, None),
    }


def of_grace(until: int, now: int, by: By) -> Change:
    """Return what ending a grace writes; where that is now, it is told by this, not when due."""
    told: Change = {"grace_told": {"BOOL": True}} if until <= now else {}
    return {"previous_expires_at": number(until), **told, **of_update(now, by)}


def of_update(now: int, by: By) -> Change:
    """Return what every change of a key by somebody writes."""
    return {
        "updated_at": number(now),
        "updated_by": {"S": by.actor},
        "updated_request": {"S": by.request_id},
    }


def of_notice(notice: Notice) -> Change:
    """Return what telling that something is due writes."""
    return {
        "notice": {"S": notice.task},
        "noticed_at": number(notice.at),
        "noticed_by": {"S": notice.by.actor},
        "noticed_request": {"S": notice.by.request_id},
    }


def of_due(id: str, at: int | None) -> Change:
    """Return the place in the index of what is due; nothing due, no place."""
    if at is None:
        return {"due_shard": None, "due_at": None}
    return {"due_shard": number(crc32(id.encode()) % DUE_SHARDS), "due_at": number(at)}


def _of_active(key: ApiKey) -> Change:
    return {
        "is_active": {"BOOL": True},
        "revoked_at": None,
        "revoke_reason": None,
        "expires_at": number(key.expires_at),
        **of_update(key.updated_at, By(key.updated_by, key.updated_request)),
        **of_due(key.id, next_due_of_changed(key)),
    }


def to_credential(item: Read) -> Credential:
    """Read what verification needs.

    Raises:
        Unavailable: the row is not one this version can read, so nobody can know.
    """
    return parsed(lambda: Credential(**_credential(item)))


def to_key(item: Read) -> ApiKey:
    """Read a whole record.

    Raises:
        Unavailable: the row is not one this version can read.
    """
    return parsed(
        lambda: ApiKey(
            **_credential(item),
            name=item["name"]["S"],
            metadata=_metadata(item["metadata"]),
            ttl_days=int(item["ttl_days"]["N"]),
            created_at=int(item["created_at"]["N"]),
            updated_at=int(item["updated_at"]["N"]),
            updated_by=item["updated_by"]["S"],
            updated_request=item.get("updated_request", {"S": ""})["S"],
            hint=item["hint"]["S"],
            ciphertext=_bytes(item["ciphertext"]),
            revoked_at=_optional(item, "revoked_at"),
            revoke_reason=Reason(item["revoke_reason"]["S"]) if "revoke_reason" in item else None,
            rotate_every_days=_optional(item, "rotate_every_days"),
            rotated_at=_optional(item, "rotated_at"),
            rotation_ids=tuple(id["S"] for id in item.get("rotation_ids", {"L": []})["L"]),
            grace_told="grace_told" in item,
            due_at=_optional(item, "due_at"),
            version=int(item["version"]["N"]),
        )
    )


def to_listed(item: Read) -> ApiKey:
    """Read a record as the index of aliases holds it: no hash and no string are in there.

    Raises:
        Unavailable: the row is not one this version can read.
    """
    return to_key(
        {
            "schema": number(SCHEMA),
            "secret_hash": {"B": bytes(_HASH_LENGTH)},
            "ciphertext": {"B": b""},
            **item,
        }
    )


def to_notice(item: Read) -> Notice:
    """Read what was last told to be due.

    Raises:
        Unavailable: the row is not one this version can read.
    """
    return parsed(
        lambda: Notice(
            Task(item["notice"]["S"]),
            int(item["noticed_at"]["N"]),
            By(item["noticed_by"]["S"], item["noticed_request"]["S"]),
        )
    )


def parsed(build: Callable[[], T]) -> T:
    """Build something out of a row.

    Raises:
        Unavailable: the row is not one this version can read.
    """
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        # `from None`: the cause's text would quote the row.
        raise Unavailable("malformed row") from None


def _credential(item: Read) -> dict[str, Any]:
    if int(item["schema"]["N"]) != SCHEMA:
        raise ValueError("schema")
    return {
        "id": item["id"]["S"],
        "alias": item["alias"]["S"],
        "roles": tuple(role["S"] for role in item["roles"]["L"]),
        "is_active": item["is_active"]["BOOL"] is True,
        "expires_at": int(item["expires_at"]["N"]),
        "generation": int(item["generation"]["N"]),
        "secret_hash": _hash(item["secret_hash"]),
        "previous_hash": _hash(item["previous_hash"]) if "previous_hash" in item else None,
        "previous_expires_at": _optional(item, "previous_expires_at"),
    }


def _optional_number(value: int | None) -> Value | None:
    return None if value is None else number(value)


def _bytes(value: Value) -> bytes:
    binary = value["B"]
    return binary if isinstance(binary, bytes) else b64decode(binary, validate=True)


def _hash(value: Value) -> bytes:
    # A good key would not match half a hash: that is not for a 401 to say.
    digest = _bytes(value)
    if len(digest) != _HASH_LENGTH:
        raise ValueError("hash")
    return digest


def _metadata(value: Value) -> dict[str, str]:
    metadata = json.loads(value["S"])
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise TypeError("metadata")
    return metadata


def _optional(item: Read, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
