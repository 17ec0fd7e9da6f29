"""What answers hold, as far as it is used here; what else they hold is kept and shown as JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Any answer."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)

    def said(self) -> dict[str, Any]:
        """Return what the server said, no more and no less."""
        return self.model_dump(exclude_unset=True)


class Record(Answer):
    """What every answer about one key tells; times are ISO 8601 in UTC."""

    id: str
    alias: str
    name: str
    roles: list[str]
    expire: str
    ttl_days: int
    generation: int
    metadata: dict[str, str]
    previous_expires_at: str | None = None
    previous_last_seen_at: str | None = None


class Issued(Record):
    """A key with its string; `None`, it was imported as a hash, and only its holder knows it."""

    key: str | None = Field(repr=False)
    renewed: bool


class Item(Record):
    """A key without its string."""

    status: str
    revoke_reason: str | None
    last_used_at: str | None = None


class Page(Answer):
    """Some keys, and where the next page starts."""

    items: list[Item]
    cursor: str | None


class Verdict(Answer):
    """What verification says of a key."""

    valid: bool
    code: str


class Day(Answer):
    """Decisions about a key on one day."""

    day: str
    allowed: int
    denied: int


class Usage(Answer):
    """Decisions about a key."""

    items: list[Day]


class Event(Answer):
    """Something that happened to a key."""

    type: str
    at: str
    generation: int
    actor: str
    reason: str | None = None


class Events(Answer):
    """A page of what happened to a key, the newest first."""

    items: list[Event]
    cursor: str | None


class Message(Answer):
    """Something was done."""

    message: str
