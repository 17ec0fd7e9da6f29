"""What a key is and may become.

Knows nothing of AWS, HTTP or the clock: time comes in as whole epoch seconds.

    created ──> active ──(expires_at)──> expired
                  ^ |                      |
          renew   | └──────> revoked <─────┘      renew keeps the string, revoke keeps the row;
                  └─────────────┘                 a string revoked as compromised is never renewed
"""

import hmac
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum

from keyturn.errors import GraceRunning, KeyCompromised, KeyInactive
from keyturn.keytext import KeyText

DAY = 86_400
REMEMBERED_ROTATIONS = 8


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


@dataclass(frozen=True, slots=True)
class By:
    """Who changes a key, and from which request: both stay on the row and go into its events."""

    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a create or a renewal asks for.

    `metadata` is `None` where the request left it out; so is `rotate_every_days` where
    `keeps_rotation`, otherwise `None` ends the rotation.
    """

    alias: str
    name: str
    roles: tuple[str, ...]
    ttl_days: int
    metadata: dict[str, str] | None = None
    rotate_every_days: int | None = None
    keeps_rotation: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation asks for.

    `id` makes a repeat of it known. So does `asked_at`, which an event has: what was asked for
    before the last rotation has been answered by that. And so does `generation`, where the rotation
    is of that one only.
    """

    id: str
    grace_seconds: int
    force: bool = False
    asked_at: int | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(Credential):
    """The whole record, as stored; `version` counts every change.

    `grace_told`: somebody ended the grace before its time, which was told by that.
    """

    name: str
    metadata: dict[str, str]
    ttl_days: int
    created_at: int
    updated_at: int
    updated_by: str
    updated_request: str = ""
    hint: str
    ciphertext: bytes = field(repr=False)
    revoked_at: int | None = None
    revoke_reason: Reason | None = None
    rotate_every_days: int | None = None
    rotated_at: int | None = None
    rotation_ids: tuple[str, ...] = ()
    grace_told: bool = False
    due_at: int | None = field(default=None, compare=False)
    version: int = 1

    def status(self, now: int) -> Status:
        """Return the state at `now`. Expiry counts from its very second."""
        if not self.is_active:
            return Status.REVOKED
        return Status.EXPIRED if now >= self.expires_at else Status.ACTIVE

    def renewed(self, grant: Grant, now: int, by: By) -> "ApiKey":
        """Return the key with its validity begun anew at `now`: same string, active again.

        Raises:
            KeyCompromised: the string is known to have leaked, and must not be handed out again.
        """
        if self.is_compromised:
            raise KeyCompromised
        return replace(
            self,
            name=grant.name,
            roles=grant.roles,
            metadata=self.metadata if grant.metadata is None else grant.metadata,
            rotate_every_days=(
                self.rotate_every_days if grant.keeps_rotation else grant.rotate_every_days
            ),
            ttl_days=grant.ttl_days,
            is_active=True,
            revoked_at=None,
            revoke_reason=None,
            expires_at=now + grant.ttl_days * DAY,
            updated_at=now,
            updated_by=by.actor,
            updated_request=by.request_id,
        )

    @property
    def is_compromised(self) -> bool:
        """Whether it was revoked for that reason."""
        return not self.is_active and self.revoke_reason is Reason.COMPROMISED

    def has_done(self, rotation: Rotation) -> bool:
        """Tell whether this rotation is a repeat, or came too late."""
        late = rotation.asked_at is not None and rotation.asked_at < (self.rotated_at or 0)
        past = rotation.generation not in {None, self.generation}
        return late or past or rotation.id in self.rotation_ids

    def grace_end(self, rotation: Rotation, now: int) -> int:
        """Return until when the current string works if it is rotated at `now`.

        Never past its own end; a compromised one ends at once, whatever was asked.

        Raises:
            KeyInactive: it does not work now; or it was compromised, and an event asks: what was
                revoked comes back by whoever may call, and not by an event, which may be late.
            GraceRunning: another string would end by this, and `force` was not asked for.
        """
        if self.is_compromised and rotation.asked_at is None:
            return now
        if self.status(now) is not Status.ACTIVE:
            raise KeyInactive
        if (self.previous_expires_at or 0) > now and not rotation.force:
            raise GraceRunning
        return min(now + rotation.grace_seconds, self.expires_at)

    def rotated(
        self, text: KeyText, ciphertext: bytes, rotation: Rotation, now: int, by: By
    ) -> "ApiKey":
        """Return the key with a new string, `text`, valid for `ttl_days` from `now`.

        Raises:
            KeyInactive, GraceRunning: see `grace_end`, which says how long the old one works.
        """
        return replace(
            self.handed_on(rotation, now, by),
            is_active=True,
            revoked_at=None,
            revoke_reason=None,
            secret_hash=text.digest,
            ciphertext=ciphertext,
            hint=text.hint,
            generation=self.generation + 1,
            previous_hash=self.secret_hash,
            previous_expires_at=self.grace_end(rotation, now),
            due_at=None,
            grace_told=False,
            rotated_at=now,
        )

    def handed_on(self, rotation: Rotation, now: int, by: By) -> "ApiKey":
        """Return the key as a rotation leaves it that hands out the string it has."""
        return replace(
            self,
            expires_at=now + self.ttl_days * DAY,
            rotation_ids=(*self.rotation_ids, rotation.id)[-REMEMBERED_ROTATIONS:],
            updated_at=now,
            updated_by=by.actor,
            updated_request=by.request_id,
        )


def moment(epoch: int) -> str:
    """Return a time as people and machines are given it: ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
