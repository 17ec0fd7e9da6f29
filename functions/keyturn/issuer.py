"""Whoever hands out key strings: creates, renews and rotates. Errors rise untouched.

Every write is conditional on what was read: whoever loses a race starts over with a new read.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keyturn import keytext
from keyturn.errors import (
    AliasConflict,
    FieldInvalid,
    GraceRunning,
    KeyInactive,
    KeyNotFound,
    Unavailable,
)
from keyturn.foreign import Text
from keyturn.keys import DAY, ApiKey, By, Grant, Rotation, Status
from keyturn.service import clock
from keyturn.settings import Settings

if TYPE_CHECKING:
    from keyturn.store import KeyStore
    from keyturn.vault import Vault

START_OVER = 3.0
_PAUSE = 0.02


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
