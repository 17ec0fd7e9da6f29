"""Answers over HTTP."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from keyturn.keys import ApiKey, Outcome, Reason, Status, Verdict, moment
from keyturn.service import Issued
from keyturn.tally import NEVER, Day, LastUse


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
    """A key with its string: the answer to whoever may hold it, and the only place it leaves by.

    A key that was imported as a hash has none to show: `key` is `null`, and `recoverable` is there
    to say so.
    """

    key: str | None = Field(repr=False)
    renewed: bool
    recoverable: Literal[False] | None = None

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

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, serialize: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if self.recoverable is None:
            del fields["recoverable"]
        return fields


class RotatedResponse(KeyResponse):
    """A key with its new string, until when the old one works, and when that was last presented."""

    previous_expires_at: str | None
    previous_last_seen_at: str | None

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
    hint: str
    revoked_at: str | None
    revoke_reason: Reason | None
    previous_expires_at: str | None
    rotate_every_days: int | None
    updated_by: str
    last_used_at: str | None
    last_generation_used: int | None
    previous_last_seen_at: str | None

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


class EventsResponse(BaseModel):
    """A page of what happened to a key: events as on the bus, with their `type`."""

    items: list[dict[str, Any]]
    cursor: str | None


class UsageDay(BaseModel):
    """How often a key was presented on a day (UTC), by what was decided."""

    day: str
    allowed: int
    denied: int
    denied_by_reason: dict[Outcome, int]


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
