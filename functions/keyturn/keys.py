"""What a key is and may become.

Knows nothing of AWS, HTTP or the clock: time comes in as whole epoch seconds.

    created ──> active ──(expires_at)──> expired
                  ^ |                      |
          renew   | └──────> revoked <─────┘      renew keeps the string, revoke keeps the row;
                  └─────────────┘                 a string revoked as compromised is never renewed
"""

import hmac
import time
from dataclasses import dataclass, field
from enum import StrEnum

from keyturn.errors import KeyCompromised

DAY = 86_400
NOTICES = (3 * DAY, DAY)


class Status(StrEnum):
    """A key's state at a time; the first that applies, in this order."""

    REVOKED = "revoked"
    EXPIRED = "expired"
    ACTIVE = "active"


class Reason(StrEnum):
    """Why a key was revoked."""

    UNSPECIFIED = "unspecified"
    SUPERSEDED = "superseded"
    CESSATION = "cessation"
    COMPROMISED = "compromised"


class Outcome(StrEnum):
    """What a verification found; the first that applies, in this order."""

    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    REVOKED = "revoked"
    EXPIRED = "expired"
    INSUFFICIENT_ROLE = "insufficient_role"
    VALID = "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What verification needs to know of a key. Times are epoch seconds, hashes SHA-256."""

    id: str
    alias: str
    roles: tuple[str, ...]
    is_active: bool
    expires_at: int
    generation: int
    secret_hash: bytes = field(repr=False)
    previous_hash: bytes | None = field(default=None, repr=False)
    previous_expires_at: int | None = None

    def verify(self, digest: bytes, now: int, roles: frozenset[str] | None) -> "Verdict":
        """Judge a presented secret by its digest.

        `roles`: any one of them suffices; `None` asks for none. The string before the last rotation
        counts until `previous_expires_at`, as the generation it was.
        """
        generation, expires_at = self.generation, self.expires_at
        if not hmac.compare_digest(digest, self.secret_hash):
            if self.previous_hash is None or not hmac.compare_digest(digest, self.previous_hash):
                return Verdict(Outcome.NOT_FOUND)
            generation -= 1
            expires_at = min(expires_at, self.previous_expires_at or 0)
        if not self.is_active:
            outcome = Outcome.REVOKED
        elif now >= expires_at:
            outcome = Outcome.EXPIRED
        elif roles is not None and roles.isdisjoint(self.roles):
            outcome = Outcome.INSUFFICIENT_ROLE
        else:
            outcome = Outcome.VALID
        return Verdict(outcome, self, generation, expires_at)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verification's outcome; `credential` is set once the presented secret was the key's.

    `generation` and `expires_at` are those of the string presented.
    """

    outcome: Outcome
    credential: Credential | None = None
    generation: int = 0
    expires_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a create or a renewal asks for; `metadata` is `None` where the request left it out."""

    alias: str
    name: str
    roles: tuple[str, ...]
    ttl_days: int
    metadata: dict[str, str] | None = None

    def expires_at(self, now: int) -> int:
        """Validity starts anew at `now`."""
        return now + self.ttl_days * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(Credential):
    """The whole record, as stored; `version` counts every change."""

    name: str
    metadata: dict[str, str]
    ttl_days: int
    created_at: int
    updated_at: int
    updated_by: str
    hint: str
    ciphertext: bytes = field(repr=False)
    revoked_at: int | None = None
    revoke_reason: Reason | None = None
    rotate_every_days: int | None = None
    version: int = 1

    def status(self, now: int) -> Status:
        """Return the state at `now`. Expiry counts from its very second."""
        if not self.is_active:
            return Status.REVOKED
        return Status.EXPIRED if now >= self.expires_at else Status.ACTIVE

    def require_renewable(self) -> None:
        """Refuse to hand out again a string that is known to have leaked.

        Raises:
            KeyCompromised: it was revoked for that reason.
        """
        if not self.is_active and self.revoke_reason is Reason.COMPROMISED:
            raise KeyCompromised


def due_at(expires_at: int, now: int) -> int:
    """Return when the key next wants attention: a notice before its end, or the end itself."""
    return min(
        (at for notice in NOTICES if (at := expires_at - notice) > now),
        default=expires_at,
    )


def moment(epoch: int) -> str:
    """Return a time as people and machines are given it: ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
