"""The verbs. Clock, store and vault are passed in; errors rise untouched.

Stands between an entry module and the store, and imports neither the SDK nor pydantic, so that the
authorizer pays for neither.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keyturn import foreign, keytext
from keyturn.errors import (
    AliasConflict,
    FieldInvalid,
    GraceRunning,
    KeyInactive,
    KeyNotFound,
    Unavailable,
)
from keyturn.foreign import Finder, Text
from keyturn.keys import (
    DAY,
    ApiKey,
    By,
    Credential,
    Grant,
    Outcome,
    Reason,
    Rotation,
    Status,
    Verdict,
)
from keyturn.settings import Settings

if TYPE_CHECKING:
    from keyturn.store import KeyStore
    from keyturn.vault import Vault

START_OVER = 3.0
_PAUSE = 0.02


def clock() -> int:
    """Return now, in whole epoch seconds."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Issued:
    """A key as the table holds it, with its string; `renewed` where it existed before.

    Only whoever holds the string of a key that was imported as a hash knows it: `known` is `None`.
    """

    key: ApiKey
    known: Text | None
    renewed: bool

    @property
    def text(self) -> Text:
        """The string.

        Raises:
            FieldInvalid: it is not known here.
        """
        if self.known is None:
            raise FieldInvalid("key: imported as a hash, so its string is not known here")
        return self.known


@dataclass(frozen=True, slots=True)
class Issuer:
    """Creates and renews keys."""

    store: "KeyStore"
    vault: "Vault"
    settings: Settings
    clock: Callable[[], int] = clock

    def create_or_renew(self, grant: Grant, by: By) -> Issued:
        """Create the alias's key, or renew it: same string, validity anew, active again.

        Every write is conditional on what was read, so whoever loses a race starts over with a new
        read, for at most `START_OVER` seconds. KMS comes before the write: without it nothing is
        written, and validity never changes unless the caller learns the key.

        Raises:
            KeyCompromised: the string is known to have leaked.
            AliasConflict: the id is another alias's.
            Unavailable: DynamoDB or KMS did not answer, or every race was lost.
        """
        id = keytext.id_of(self.settings.id_salt, grant.alias)

        def attempt() -> Issued | None:
            key = self.store.get(id)
            if key is None:
                return self.create(id, grant, by)
            return self._renew(key, grant, by)

        return self._until_won(attempt)

    def _until_won(self, attempt: Callable[[], Issued | None]) -> Issued:
        started, pause = time.monotonic(), _PAUSE
        while True:
            issued = attempt()
            if issued is not None:
                return issued
            left = started + START_OVER - time.monotonic()
            if left < 0:
                raise Unavailable("lost every race")
            time.sleep(random.uniform(0, min(pause, left)))  # noqa: S311 - jitter, not a secret
            pause *= 2

    def rotate(self, id: str, rotation: Rotation, by: By) -> Issued:
        """Give the key a new string; the old one works until its grace ends.

        A rotation whose id is among the key's last eight was done already: answered is the current
        key, and nothing changes. So a repeat is safe; and one under another id meets the running
        grace, so that no repeat ends a string that consumers still use. Whoever loses a race starts
        over, as with `create_or_renew`; whoever loses it to another rotation meets that one, even
        if it left no grace: the string it answered must not end by a rotation of the same moment.

        Raises:
            KeyNotFound: no such id.
            KeyInactive: expired or revoked, other than as compromised.
            GraceRunning: another string would end by this, and `force` was not asked for.
            Unavailable: DynamoDB or KMS did not answer, or every race was lost.
        """
        if not keytext.is_id(id):
            # A key string, perhaps: it must not be asked for as a row, where AWS would log it.
            raise KeyNotFound
        seen: list[int] = []

        def attempt() -> Issued | None:
            key = self.store.get(id)
            if key is None:
                raise KeyNotFound
            if key.has_done(rotation):
                return self.current(key)
            seen.append(key.generation)
            if key.generation != seen[0] and not rotation.force:
                raise GraceRunning
            return self._rotate(key, rotation, by)

        return self._until_won(attempt)

    def _rotate(self, key: ApiKey, rotation: Rotation, by: By) -> Issued | None:
        now = self.clock()
        key.grace_end(rotation, now)
        text = keytext.mint(self.settings.key_prefix, key.id)
        rotated = key.rotated(text, self.vault.seal(text), rotation, now, by)
        return self._issued(self.store.rotate(key, rotated), text, renewed=False)

    def hand_on(self, key: ApiKey, rotation: Rotation, by: By) -> Issued | None:
        """Have the string that the key has, and not a new one, be what this rotation hands out.

        Its validity begins anew, as a new string's would; the grace of the one before runs on. A
        repeat of the rotation answers the same. `None` where the key has changed since it was read.

        Raises:
            KeyInactive: expired or revoked.
            Unavailable: DynamoDB or KMS did not answer.
        """
        now = self.clock()
        if key.status(now) is not Status.ACTIVE:
            raise KeyInactive
        text = self._opened(key)
        stored = self.store.rotate(key, key.handed_on(rotation, now, by))
        return self._issued(stored, text, renewed=False)

    def current(self, key: ApiKey) -> Issued:
        """Return a key with the string it has.

        Raises:
            Unavailable: KMS did not answer, or the string is not this row's.
        """
        return Issued(key, self._opened(key), renewed=False)

    def create(
        self, id: str, grant: Grant, by: By, rotation_ids: tuple[str, ...] = ()
    ) -> Issued | None:
        """Create the key; `None` where its id has a row.

        `rotation_ids`: rotations that this answers already, so that a repeat rotates nothing.

        Raises:
            FieldInvalid: its validity is too short for its rotation.
            Unavailable: DynamoDB or KMS did not answer.
        """
        text = keytext.mint(self.settings.key_prefix, id)
        now = self.clock()
        minted = ApiKey(
            id=id,
            alias=grant.alias,
            name=grant.name,
            roles=grant.roles,
            metadata=grant.metadata or {},
            ttl_days=grant.ttl_days,
            is_active=True,
            rotate_every_days=grant.rotate_every_days,
            expires_at=now + grant.ttl_days * DAY,
            created_at=now,
            updated_at=now,
            updated_by=by.actor,
            updated_request=by.request_id,
            generation=1,
            rotation_ids=rotation_ids,
            secret_hash=text.digest,
            ciphertext=b"",
            hint=text.hint,
        )
        self._require_room(minted)
        minted = replace(minted, ciphertext=self.vault.seal(text))
        return self._issued(self.store.create(minted), text, renewed=False)

    def _renew(self, key: ApiKey, grant: Grant, by: By) -> Issued | None:
        if key.alias != grant.alias:
            raise AliasConflict
        renewed = key.renewed(grant, self.clock(), by)
        self._require_room(renewed)
        text = self._opened(key)
        return self._issued(self.store.renew(key, renewed, grant), text, renewed=True)

    def _issued(self, stored: ApiKey | None, text: Text | None, *, renewed: bool) -> Issued | None:
        if stored is None:
            return None
        if text is None or not text.matches(stored.secret_hash):
            # Our write's reply was lost and the key has been rotated since.
            text = self._opened(stored)
        return Issued(stored, text, renewed)

    def _opened(self, key: ApiKey) -> Text | None:
        return self.vault.open(key.ciphertext, key.id, key.secret_hash) if key.ciphertext else None

    def _require_room(self, key: ApiKey) -> None:
        """Refuse a validity that ends before a rotation and its grace could.

        Raises:
            FieldInvalid: as above.
        """
        if key.rotate_every_days is None:
            return
        if key.ttl_days * DAY < key.rotate_every_days * DAY + self.settings.default_grace_seconds:
            raise FieldInvalid("ttl_days: must not be shorter than rotate_every_days and the grace")


def revoke(  # noqa: PLR0913 - what, why, by whom, where, when, and where else to look
    target: str,
    reason: Reason,
    by: By,
    store: "KeyStore",
    now: int,
    *,
    find: Finder | None = None,
) -> ApiKey:
    """Revoke the key that `target` is the string of, or the id; `find`: as for `verify`.

    Raises:
        KeyNotFound: neither; or no such key, a wrong secret, or already revoked.
        Unavailable: DynamoDB did not answer; the key may or may not be revoked.
    """
    if keytext.is_id(target):
        return store.revoke(target, None, reason, now, by)
    claim = foreign.whose(target, find)
    if claim is None or claim.id is None:
        raise KeyNotFound
    return store.revoke(claim.id, claim.digest, reason, now, by)


def revoke_own(id: str, generation: int, by: By, store: "KeyStore", now: int) -> ApiKey:
    """Revoke the caller's own key as compromised, where `generation` is the one it holds.

    Where a rotation made it the previous one, only that string's grace ends: whoever holds the old
    string must not be able to end the new one.

    Raises:
        KeyNotFound: revoked already, or two rotations behind.
        Unavailable: DynamoDB did not answer; the string may or may not be ended.
    """
    try:
        return store.revoke(id, generation, Reason.COMPROMISED, now, by)
    except KeyNotFound:
        return store.end_grace(id, generation + 1, now, now, by)


def shorten_grace(key: ApiKey, seconds: int, by: By, store: "KeyStore", now: int) -> None:
    """End the string before the last rotation in so many seconds, where it would work for longer.

    Raises:
        Unavailable: DynamoDB did not answer; a repeat does what is left to do.
    """
    with suppress(KeyNotFound):  # it ends earlier already
        key = store.end_grace(key.id, key.generation, now + seconds, now, by)
    # What is due was reckoned with the old end. Two writes, since the first one asks for no more
    # than the generation; a repeat finds the second one still to be made.
    if now < (key.previous_expires_at or 0) < (key.due_at or 0):
        store.move_due(key, now)


def verify(
    text: str,
    roles: frozenset[str] | None,
    read: Callable[[str], Credential | None],
    now: int,
    find: Finder | None = None,
) -> Verdict:
    """Judge a presented key: at most one read, and none where its form or check is wrong.

    `find` gives the id of another service's key by its pointer, in one more read; without it there
    are no such keys.

    Raises:
        Unavailable: a read gave no answer, so nobody can know.
    """
    claim = foreign.whose(text, find)
    if claim is None:
        return Verdict(Outcome.MALFORMED)
    credential = None if claim.id is None else read(claim.id)
    if credential is None:
        return Verdict(Outcome.NOT_FOUND)
    return credential.verify(claim.digest, now, roles)
