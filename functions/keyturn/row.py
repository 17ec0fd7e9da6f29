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

from keyturn.errors import Unavailable
from keyturn.keys import ApiKey, Credential, Grant, Reason, due_at

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
T = TypeVar("T")


def primary_key(id: str) -> Item:
    """Return the primary key of a key's row."""
    return {"id": {"S": id}, "item": {"S": ITEM}}


def number(value: int) -> Value:
    """Return a number's attribute value."""
    return {"N": str(value)}


def of_key(key: ApiKey, create_id: str) -> Item:
    """Return the item of a key that was just created."""
    return {
        **primary_key(key.id),
        **of_grant(
            key.id,
            Grant(
                alias=key.alias,
                name=key.name,
                roles=key.roles,
                ttl_days=key.ttl_days,
                metadata=key.metadata,
            ),
            key.created_at,
            key.updated_by,
        ),
        "schema": number(SCHEMA),
        "kind": {"S": ITEM},
        "alias": {"S": key.alias},
        "created_at": number(key.created_at),
        "generation": number(key.generation),
        "secret_hash": {"B": key.secret_hash},
        "ciphertext": {"B": key.ciphertext},
        "hint": {"S": key.hint},
        "version": number(key.version),
        "create_id": {"S": create_id},
    }


def of_grant(id: str, grant: Grant, now: int, actor: str) -> Item:
    """Return what a create and a renewal both write.

    Metadata that was left out is not written: what is stored stays, whoever wrote it last.
    """
    expires_at = grant.expires_at(now)
    metadata = {} if grant.metadata is None else {"metadata": {"S": json.dumps(grant.metadata)}}
    return {
        "name": {"S": grant.name},
        "roles": {"L": [{"S": role} for role in grant.roles]},
        "is_active": {"BOOL": True},
        "ttl_days": number(grant.ttl_days),
        "expires_at": number(expires_at),
        "updated_at": number(now),
        "updated_by": {"S": actor},
        "due_shard": number(crc32(id.encode()) % DUE_SHARDS),
        "due_at": number(due_at(expires_at, now)),
        **metadata,
    }


def to_credential(item: Read) -> Credential:
    """Read what verification needs.

    Raises:
        Unavailable: the row is not one this version can read, so nobody can know.
    """
    return _read(lambda: Credential(**_credential(item)))


def to_key(item: Read) -> ApiKey:
    """Read a whole record.

    Raises:
        Unavailable: the row is not one this version can read.
    """
    return _read(
        lambda: ApiKey(
            **_credential(item),
            name=item["name"]["S"],
            metadata=_metadata(item["metadata"]),
            ttl_days=int(item["ttl_days"]["N"]),
            created_at=int(item["created_at"]["N"]),
            updated_at=int(item["updated_at"]["N"]),
            updated_by=item["updated_by"]["S"],
            hint=item["hint"]["S"],
            ciphertext=_bytes(item["ciphertext"]),
            revoked_at=_optional(item, "revoked_at"),
            revoke_reason=Reason(item["revoke_reason"]["S"]) if "revoke_reason" in item else None,
            rotate_every_days=_optional(item, "rotate_every_days"),
            version=int(item["version"]["N"]),
        )
    )


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


def _read(build: Callable[[], T]) -> T:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        # `from None`: the cause's text would quote the row.
        raise Unavailable("malformed row") from None


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
