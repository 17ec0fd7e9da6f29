"""What happened to a key, told from its row before and after: one change, one event.

`detail.event_id` is `<id>-<version>`, the same however often a change is told; `version` orders a
key's events. What is told is chosen name by name: never a hash, a ciphertext or a mark of a write.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyturn import row
from keyturn.due import Task
from keyturn.keys import ApiKey, By, moment

SOURCE = "keyturn"


class Happening(StrEnum):
    """The detail types."""

    CREATED = "Key Created"
    RENEWED = "Key Renewed"
    REACTIVATED = "Key Reactivated"
    ROTATED = "Key Rotated"
    REVOKED = "Key Revoked"
    EXPIRING = "Key Expiring"
    EXPIRED = "Key Expired"
    GRACE_SHORTENED = "Grace Shortened"
    GRACE_ENDED = "Grace Ended"


_NOTICES = {
    Task.EXPIRING: Happening.EXPIRING,
    Task.EXPIRED: Happening.EXPIRED,
    Task.GRACE_ENDED: Happening.GRACE_ENDED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One event: its type, when it happened (epoch seconds), by whom, and the key it left."""

    happening: Happening
    at: int
    by: By
    key: ApiKey

    @property
    def event_id(self) -> str:
        """The same for the same change, always."""
        return f"{self.key.id}-{self.key.version}"

    def detail(self) -> dict[str, Any]:
        """Return the event's detail."""
        key = self.key
        return {
            "event_id": self.event_id,
            "id": key.id,
            "alias": key.alias,
            "roles": list(key.roles),
            "generation": key.generation,
            "version": key.version,
            "actor": self.by.actor,
            "request_id": self.by.request_id,
            "at": moment(self.at),
            "expire": moment(key.expires_at),
            "previous_expires_at": (
                None if key.previous_expires_at is None else moment(key.previous_expires_at)
            ),
            "reason": key.revoke_reason,
        }


def of(old: row.Read | None, new: row.Read | None) -> Change | None:
    """Return what happened between two images of a key's row; `None`, nothing to be told.

    A row that was removed by hand, and one that only moved on in the index of what is due, tell
    nothing.

    Raises:
        Unavailable: an image is not a row this version can read.
    """
    if new is None:
        return None
    key = row.to_key(new)
    by = By(key.updated_by, key.updated_request)
    if old is None:
        return Change(Happening.CREATED, key.created_at, by, key)
    before = row.to_key(old)
    if key.version == before.version:
        return None
    if new.get("noticed_at") != old.get("noticed_at") or new.get("notice") != old.get("notice"):
        return _noticed(new, key)
    return Change(_by_somebody(before, key), key.updated_at, by, key)


def _noticed(new: row.Read, key: ApiKey) -> Change:
    notice = row.to_notice(new)
    return Change(_NOTICES[notice.task], notice.at, notice.by, key)


def _by_somebody(before: ApiKey, key: ApiKey) -> Happening:
    if key.generation != before.generation:
        return Happening.ROTATED
    if key.previous_expires_at != before.previous_expires_at:
        ended = (key.previous_expires_at or 0) <= key.updated_at
        return Happening.GRACE_ENDED if ended else Happening.GRACE_SHORTENED
    if not key.is_active:
        return Happening.REVOKED
    if not before.is_active:
        return Happening.REACTIVATED
    return Happening.RENEWED
