"""The verbs. Clock, store and vault are passed in; errors rise untouched.

Stands between an entry module and the store, and imports neither the SDK nor pydantic, so that the
authorizer pays for neither.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyturn import keytext
from keyturn.errors import AliasConflict, KeyNotFound, Unavailable
from keyturn.keys import ApiKey, Credential, Grant, Outcome, Reason, Verdict
from keyturn.keytext import KeyText
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
    """A key as the table holds it, with its string; `renewed` where it existed before."""

    key: ApiKey
    text: KeyText
    renewed: bool


@dataclass(frozen=True, slots=True)
class Issuer:
    """Creates and renews keys."""

    store: "KeyStore"
    vault: "Vault"
    settings: Settings
    clock: Callable[[], int] = clock

    def create_or_renew(self, grant: Grant, actor: str) -> Issued:
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
        started, pause = time.monotonic(), _PAUSE
        while True:
            key = self.store.get(id)
            issued = (
                self._create(id, grant, actor) if key is None else self._renew(key, grant, actor)
            )
            if issued is not None:
                return issued
            left = started + START_OVER - time.monotonic()
            if left < 0:
                raise Unavailable("lost every race")
            time.sleep(random.uniform(0, min(pause, left)))  # noqa: S311 - jitter, not a secret
            pause *= 2

    def _create(self, id: str, grant: Grant, actor: str) -> Issued | None:
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
            expires_at=grant.expires_at(now),
            created_at=now,
            updated_at=now,
            updated_by=actor,
            generation=1,
            secret_hash=text.digest,
            ciphertext=self.vault.seal(text),
            hint=text.hint,
        )
        stored = self.store.create(minted)
        if stored is None:
            return None
        if not text.matches(stored.secret_hash):
            # Our write's reply was lost and the key has been rotated since.
            text = self.vault.open(stored.ciphertext, id, stored.secret_hash)
        return Issued(stored, text, renewed=False)

    def _renew(self, key: ApiKey, grant: Grant, actor: str) -> Issued | None:
        if key.alias != grant.alias:
            raise AliasConflict
        key.require_renewable()
        text = self.vault.open(key.ciphertext, key.id, key.secret_hash)
        renewed = self.store.renew(key, grant, self.clock(), actor)
        return None if renewed is None else Issued(renewed, text, renewed=True)


def revoke(target: str, reason: Reason, actor: str, store: "KeyStore", now: int) -> ApiKey:
    """Revoke the key that `target` is the string of, or the id.

    Raises:
        KeyNotFound: neither; or no such key, a wrong secret, or already revoked.
        Unavailable: DynamoDB did not answer; the key may or may not be revoked.
    """
    if keytext.is_id(target):
        return store.revoke(target, None, reason, now, actor)
    key = keytext.parse(target)
    if key is None:
        raise KeyNotFound
    return store.revoke(key.id, key.digest, reason, now, actor)


def revoke_own(id: str, generation: int, actor: str, store: "KeyStore", now: int) -> ApiKey:
    """Revoke the caller's own key as compromised, where `generation` is the one it holds.

    Where a rotation made it the previous one, only that string's grace ends: whoever holds the old
    string must not be able to end the new one.

    Raises:
        KeyNotFound: revoked already, or two rotations behind.
        Unavailable: DynamoDB did not answer; the string may or may not be ended.
    """
    try:
        return store.revoke(id, generation, Reason.COMPROMISED, now, actor)
    except KeyNotFound:
        return store.end_grace(id, generation + 1, now, actor)


def verify(
    text: str,
    roles: frozenset[str] | None,
    read: Callable[[str], Credential | None],
    now: int,
) -> Verdict:
    """Judge a presented key: at most one read, and none where its form or check is wrong.

    Raises:
        Unavailable: the read gave no answer, so nobody can know.
    """
    key = keytext.parse(text)
    if key is None:
        return Verdict(Outcome.MALFORMED)
    credential = read(key.id)
    if credential is None:
        return Verdict(Outcome.NOT_FOUND)
    return credential.verify(key.digest, now, roles)
