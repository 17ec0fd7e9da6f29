"""Answers over HTTP.

The text below a field is for `infra/openapi.json`, and so is every `WithJsonSchema`: neither is
looked at when a request is answered.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, WithJsonSchema

from keyturn.issuer import Issued
from keyturn.keys import ApiKey, Outcome, Reason, Status, Verdict, moment
from keyturn.schemas import ID
from keyturn.tally import NEVER, Day, LastUse

Id = Annotated[str, WithJsonSchema(ID)]
Time = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        }
    ),
]
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]
Tally = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
_REFUSALS = [each for each in Outcome if each is not Outcome.VALID]
Refusal = Annotated[Outcome, WithJsonSchema({"type": "string", "enum": _REFUSALS})]


class ValidResponse(BaseModel):
    """The key is valid, and has one of the roles asked for."""

    valid: Literal[True]
    code: Literal[Outcome.VALID]
    id: Id
    alias: str
    roles: list[str]
    expire: Time
    """When the string presented ends."""
    generation: Count
    """Of the string presented."""


class InvalidResponse(BaseModel):
    """The key is not to be let in. Nothing is said of it but why."""

    valid: Literal[False]
    code: Refusal
    """The first that applies. A wrong secret is `not_found` too."""


def verify_response(verdict: Verdict) -> ValidResponse | InvalidResponse:
    """Build the answer to a verification."""
    credential = verdict.credential
    if credential is None or verdict.outcome is not Outcome.VALID:
        return InvalidResponse(valid=False, code=verdict.outcome)
    return ValidResponse(
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

    id: Id
    """Computed from the alias; no secret."""
    alias: str
    """In stored form: trimmed, and NFC."""
    name: str
    roles: list[str]
    is_active: bool
    """Not revoked. An expired key keeps `true`."""
    expire: Time
    """When the current string ends."""
    ttl_days: Count
    """For how many days a renewal or a rotation makes it valid."""
    generation: Count
    """Of the current string; each rotation adds one."""
    created_at: Time
    updated_at: Time
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
    """A key with its string: the answer to whoever may hold it, and the only place it leaves by.

    A key that was imported as a hash has none to show: `key` is `null`, and `recoverable` is there
    to say so.
    """

    key: str | None = Field(repr=False)
    """The key string, `<prefix>_<id>_<secret and check>`. Only a renewal shows it again."""
    renewed: bool
    """The alias had a key: this is its string, valid anew."""
    recoverable: Annotated[
        Literal[False] | None, WithJsonSchema({"type": "boolean", "const": False})
    ] = Field(default=None, exclude_if=lambda value: value is None)
    """Only there where `key` is `null`."""

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Build the answer to a create or a renewal."""
        return cls(**cls.issued(issued))

    @classmethod
    def issued(cls, issued: Issued) -> dict[str, Any]:
        """Return the fields of a key with its string."""
        return {
            **cls.fields(issued.key),
            "key": issued.known and issued.known.reveal(),
            "renewed": issued.renewed,
            "recoverable": None if issued.known else False,
        }


class RotatedResponse(KeyResponse):
    """A key with its new string, until when the old one works, and when that was last presented."""

    previous_expires_at: Time | None
    """Until when the string before this one works, or worked."""
    previous_last_seen_at: Time | None
    """When it was last presented, as far as the log has told."""

    @classmethod
    def of(cls, issued: Issued, use: LastUse = NEVER) -> Self:
        """Build the answer to a rotation."""
        return cls(
            **cls.issued(issued),
            previous_expires_at=_moment(issued.key.previous_expires_at),
            previous_last_seen_at=_moment(use.seen.get(issued.key.generation - 1)),
        )


class ItemResponse(Record):
    """A key without its string.

    `last_used_at` is when any of its strings was last presented, let in or not, and
    `last_generation_used` which; `previous_last_seen_at` is when the one before the last rotation
    was. Told by the log, so some seconds late.
    """

    status: Status
    """The first that applies of `revoked`, `expired`, `active`."""
    hint: str
    """The key string's prefix and its last four characters."""
    revoked_at: Time | None
    revoke_reason: Reason | None
    previous_expires_at: Time | None
    """Until when the string before the last rotation works, or worked."""
    rotate_every_days: Count | None
    updated_by: str
    """`<id>:<alias>` of the key that called; `iam`, `event:...`, `secret:...`, `schedule`."""
    last_used_at: Time | None
    last_generation_used: Count | None
    previous_last_seen_at: Time | None

    @classmethod
    def of(cls, key: ApiKey, use: LastUse, now: int) -> Self:
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
            last_used_at=_moment(use.at),
            last_generation_used=use.generation,
            previous_last_seen_at=_moment(use.seen.get(key.generation - 1)),
        )


class MessageResponse(BaseModel):
    """Something was done."""

    message: str


class ListResponse(BaseModel):
    """A page of keys, and where the next one starts."""

    items: list[ItemResponse]
    cursor: str | None
    """For the next page; `null` on the last."""


class EventsResponse(BaseModel):
    """A page of what happened to a key: events as on the bus, with their `type`."""

    items: list[dict[str, Any]]
    cursor: str | None
    """For the next page; `null` on the last."""


class UsageDay(BaseModel):
    """How often a key was presented on a day (UTC), by what was decided."""

    day: Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
    allowed: Tally
    denied: Tally
    denied_by_reason: Annotated[
        dict[Outcome, int],
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"enum": _REFUSALS},
                "additionalProperties": {"type": "integer", "minimum": 0},
            }
        ),
    ]


class UsageResponse(BaseModel):
    """Days, the oldest first and today last; those without use are there, with zeros.

    So a chart has no gaps. What the deployment's `UsageDays` no longer keeps is zero, too.
    """

    items: list[UsageDay]

    @classmethod
    def of(cls, days: list[Day]) -> Self:
        """Build the answer from days, each with its counts."""
        items = []
        for day in days:
            denied = {reason: n for reason, n in day.counts.items() if reason != Outcome.VALID}
            items.append(
                UsageDay(
                    day=day.name,
                    allowed=day.counts[Outcome.VALID],
                    denied=sum(denied.values()),
                    denied_by_reason=denied,
                )
            )
        return cls(items=items)


def _moment(epoch: int | None) -> str | None:
    return None if epoch is None else moment(epoch)
