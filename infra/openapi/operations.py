"""What the document says of each operation and nobody else does: its errors, and examples.

No string here is a key: what stands for one is cut off.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from keyturn import errors
from keyturn.errors import KeyturnError

Json = dict[str, Any]


class Answer(NamedTuple):
    """An answer that is no error; `next`, the operations that its `id` leads to."""

    says: str
    example: Json
    next: tuple[str, ...] = ()


class Operation(NamedTuple):
    """By status its answers; the errors that its function raises; requests by name."""

    tag: str
    answers: Mapping[int, Answer]
    refuses: tuple[type[KeyturnError], ...] = ()
    asks: Mapping[str, Json] = MappingProxyType({})
    wrong: str = ""
    """A message of `field_invalid`, which comes in many."""
    path: str = "id"
    """Which of `PATHS` its `key` is."""
    body_optional: bool = False


ABOUT = """\
Create, renew, rotate, revoke and verify API keys in your own AWS account.

Every answer is JSON and carries `Cache-Control: no-store` and `X-Request-Id`. Times are UTC, to the
second. A trailing slash is the same resource. HEAD and OPTIONS are not served: there is no CORS. A
path or method that is not here is a 404 `route_not_found`.

Bounds and roles that a deployment sets have the values of the template's defaults."""
TAGS = {
    "keys": "Make, show and end keys.",
    "verification": "For backends that do not sit behind API Gateway.",
    "self": "For whoever holds a key.",
}
MEANINGS = {
    "unauthorized": "No key; one that is malformed, unknown, expired or revoked; two that differ.",
    "forbidden": "The key is valid, and lacks the role.",
    "roles_invalid": "`roles` is not a list, or holds what this deployment does not define.",
    "internal_error": "Our own fault; what it is stands in the log under `request_id`.",
    "throttled": "More requests than the stage takes.",
    "unavailable": "The database or KMS did not answer, or what a write came to is unknown. Repeat"
    " the call: that is safe for what is stored. But a create or a renewal that is repeated after"
    " somebody's revocation makes the key active again, and a 404 to a repeated revocation means"
    " that it is done.",
}
MESSAGES = {"roles_invalid": "roles must be a subset of ['admin', 'creator', 'user']"}
PATHS = {
    "id": {
        "description": "The key's id. A key string is a 404 here.",
        "schema": {"type": "string", "pattern": "^[0-9A-Za-z]{17}$"},
        "example": "03Oz2OpdnmGrg8ARP",
    },
    "either": {
        "description": "The key's id, or its string. Prefer the id: a URL is no place for a key.",
        "schema": {"type": "string", "minLength": 1},
        "example": "03Oz2OpdnmGrg8ARP",
    },
}
EVENT = {
    "event_id": "03Oz2OpdnmGrg8ARP-1",
    "id": "03Oz2OpdnmGrg8ARP",
    "alias": "billing",
    "roles": ["user"],
    "generation": 1,
    "version": 1,
    "actor": "1UhkVImU8ltdd11z9:admin",
    "request_id": "Yw/A//S3Syrv+Jk=",
    "at": "2026-11-23T19:11:58Z",
    "expire": "2026-12-08T19:11:58Z",
    "previous_expires_at": None,
    "reason": None,
}

_RECORD = {
    "id": "03Oz2OpdnmGrg8ARP",
    "alias": "billing",
    "name": "Billing",
    "roles": ["user"],
    "is_active": True,
    "expire": "2026-12-08T19:11:58Z",
    "ttl_days": 15,
    "generation": 1,
    "created_at": "2026-11-23T19:11:58Z",
    "updated_at": "2026-11-23T19:11:58Z",
    "metadata": {"team": "payments"},
}
_STRING = "kt_03Oz2OpdnmGrg8ARP_..."
_KEY = _RECORD | {"key": _STRING, "renewed": False}
_RENEWED = _KEY | {
    "renewed": True,
    "expire": "2027-02-22T08:00:00Z",
    "ttl_days": 90,
    "updated_at": "2026-11-24T08:00:00Z",
}
_ROTATED = _KEY | {
    "expire": "2026-12-09T08:00:00Z",
    "generation": 2,
    "updated_at": "2026-11-24T08:00:00Z",
    "previous_expires_at": "2026-11-25T08:00:00Z",
    "previous_last_seen_at": "2026-11-24T07:59:12Z",
}
_ITEM = _RECORD | {
    "status": "active",
    "hint": "kt_...x7Qa",
    "revoked_at": None,
    "revoke_reason": None,
    "previous_expires_at": None,
    "rotate_every_days": None,
    "updated_by": "1UhkVImU8ltdd11z9:admin",
    "last_used_at": "2026-11-24T07:59:12Z",
    "last_generation_used": 1,
    "previous_last_seen_at": None,
}
_DAY = {
    "day": "2026-11-24",
    "allowed": 1204,
    "denied": 3,
    "denied_by_reason": {"insufficient_role": 3},
}
_REVOKED = {"message": "API key revoked successfully"}
_MORE = ("get_key", "list_events", "read_usage", "rotate", "revoke")
_BODY = (errors.BodyTooLarge, errors.InvalidBody, errors.FieldInvalid)
_QUERY = "unknown query parameter"

OPERATIONS = {
    "create_or_renew": Operation(
        "keys",
        {
            201: Answer("The alias had no key: here it is.", _KEY, _MORE),
            200: Answer("A renewal: the string that the key had.", _RENEWED, _MORE),
        },
        (
            *_BODY,
            errors.AliasRequired,
            errors.NameRequired,
            errors.RolesInvalid,
            errors.KeyCompromised,
            errors.AliasConflict,
        ),
        {
            "create": {
                "alias": "billing",
                "name": "Billing",
                "roles": ["user"],
                "metadata": {"team": "payments"},
            },
            "renew": {"alias": "billing", "name": "Billing", "roles": ["user"], "ttl_days": 90},
        },
        wrong="ttl_days: must be an integer from 1 to 365",
    ),
    "revoke": Operation(
        "keys",
        {200: Answer("Revoked.", _REVOKED)},
        (errors.FieldInvalid, errors.KeyNotFound),
        wrong=_QUERY,
        path="either",
    ),
    "list_keys": Operation(
        "keys",
        {200: Answer("A page.", {"items": [_ITEM], "cursor": None})},
        (errors.FieldInvalid,),
        wrong="limit: Input should be less than or equal to 100",
    ),
    "get_key": Operation(
        "keys",
        {200: Answer("The key.", _ITEM)},
        (errors.FieldInvalid, errors.KeyNotFound),
        wrong=_QUERY,
    ),
    "list_events": Operation(
        "keys",
        {200: Answer("A page.", {"items": [{"type": "Key Created"} | EVENT], "cursor": None})},
        (errors.FieldInvalid, errors.KeyNotFound),
        wrong="cursor: not one of this list's",
    ),
    "read_usage": Operation(
        "keys",
        {200: Answer("The days.", {"items": [_DAY]})},
        (errors.FieldInvalid, errors.KeyNotFound),
        wrong="days: Input should be less than or equal to 90",
    ),
    "rotate": Operation(
        "keys",
        {
            200: Answer(
                "The key with its current string.",
                _ROTATED,
                _MORE,
            )
        },
        (*_BODY, errors.KeyNotFound, errors.KeyInactive, errors.GraceRunning),
        {
            "default": {},
            "repeatable": {"rotation_id": "2026-11", "grace_seconds": 3600},
            "at once": {"grace_seconds": 0, "force": True},
        },
        wrong="force: Input should be a valid boolean",
        body_optional=True,
    ),
    "verify": Operation(
        "verification",
        {
            200: Answer(
                "The verdict, good or bad.",
                {
                    "valid": True,
                    "code": "valid",
                    "id": "03Oz2OpdnmGrg8ARP",
                    "alias": "billing",
                    "roles": ["user"],
                    "expire": "2026-12-08T19:11:58Z",
                    "generation": 1,
                },
            )
        },
        (*_BODY, errors.RolesInvalid),
        {"any": {"key": _STRING}, "with a role": {"key": _STRING, "roles": ["user"]}},
        wrong="key: is required",
    ),
    "read_own": Operation("self", {200: Answer("The key.", _ITEM)}, (errors.KeyNotFound,)),
    "revoke_own": Operation("self", {200: Answer("Ended.", _REVOKED)}, (errors.KeyNotFound,)),
}
