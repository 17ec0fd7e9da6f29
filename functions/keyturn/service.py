"""Verify and revoke. Clock, store and reader are passed in; errors rise untouched.

Stands between an entry module and the store, and imports neither the SDK nor pydantic, so that the
authorizer pays for neither.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from keyturn import foreign, keytext
from keyturn.errors import (
    KeyNotFound,
)
from keyturn.foreign import Finder
from keyturn.keys import (
    ApiKey,
    By,
    Credential,
    Outcome,
    Reason,
    Verdict,
)

if TYPE_CHECKING:
    from keyturn.store import KeyStore


def clock() -> int:
    """Return now, in whole epoch seconds."""
    return int(time.time())


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
