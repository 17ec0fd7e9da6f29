"""Secrets Manager's rotation function: a secret that holds a key gets a new one.

Each step may be repeated, and the rotation may stop for good after any call: whoever reads
AWSCURRENT always reads a string that works. The new string is made with a grace for the old one up
to that one's own end; only when consumers read the new one is the grace cut to the deployment's.

    createSecret   rotate the key, with the version's token as rotation id; store the new string
    setSecret      nothing: the table took it when it was made
    testSecret     the new string passes the real verification
    finishSecret   move AWSCURRENT, then shorten the grace

Where a rotation was given up half way, AWSCURRENT holds the previous string: the next one hands out
the string that is there already, and makes none. Or it holds the new one, and the old one's grace
was not cut: the next one does that, and can be done when it is over. May get, put and update rows,
encrypt and decrypt with the KMS key, and describe, read, put and stage the secret.
"""

import re
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, foreign, keytext, service
from keyturn.errors import FieldInvalid, GraceRunning
from keyturn.issuer import Issued, Issuer
from keyturn.keys import DAY, ApiKey, By, Grant, Outcome, Rotation
from keyturn.log import log
from keyturn.reader import reader
from keyturn.secret import Holding, Secret
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.vault import Vault

# Longer than any key: the grace is cut to the old string's own end.
_AS_LONG_AS_IT_LIVES = 10_000 * DAY

tracer = Tracer()
client = aws.secretsmanager()
store = KeyStore(aws.dynamodb(), settings().table_name)
issuer = Issuer(store, Vault(aws.kms(), settings().kms_key_id), settings())
read = reader()


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Do one step.

    Raises:
        FieldInvalid: the secret, its schedule or the step is not what it must be.
        GraceRunning, KeyInactive: the key cannot be rotated now; see `Issuer.rotate`.
        Unavailable: somebody did not answer. After any of them, Secrets Manager tries again.
    """
    step = re.sub("_s", "S", str(event["Step"]))
    if step not in _STEPS:
        raise FieldInvalid("Step: unknown")
    token = event["ClientRequestToken"]
    secret = Secret(client, event["SecretId"], token)
    _STEPS[step](secret, By(f"secret:{token}", context.aws_request_id))
    log.info("step done", extra={"request_id": context.aws_request_id, "step": step})


def _create(secret: Secret, by: By) -> None:
    """Make the new string and store it, unless this version has one."""
    if secret.is_current or secret.pending() is not None:
        return
    holding = secret.current()
    id = keytext.id_of(settings().id_salt, holding.alias)
    secret.put(_next(secret, holding, id, by))


def _set(_secret: Secret, _by: By) -> None:
    """Do nothing: the table took the new string when it was made."""


def _test(secret: Secret, _by: By) -> None:
    """Have the new string verified, and see that it is the alias's latest."""
    pending = secret.pending() or Holding("")
    verdict = service.verify(pending.key, None, read, service.clock())
    if verdict.outcome is not Outcome.VALID or verdict.credential is None:
        raise FieldInvalid(f"secret: the pending key is {verdict.outcome}")
    if verdict.credential.alias != pending.alias:
        raise FieldInvalid("secret: the pending key is another alias's")
    if verdict.generation != verdict.credential.generation:
        raise FieldInvalid("secret: the pending key was rotated away: cancel this rotation")


def _finish(secret: Secret, by: By) -> None:
    """Have consumers read the new string; then the old one need not live so long."""
    if not secret.is_current:
        _test(secret, by)  # it may have been rotated away since
        secret.promote()
    holding = secret.pending()
    text = keytext.parse(holding.key) if holding else None
    key = text and store.get(text.id)
    if text and key and text.matches(key.secret_hash):
        service.shorten_grace(key, settings().default_grace_seconds, by, store, service.clock())


_STEPS: dict[str, Callable[[Secret, By], None]] = {
    "createSecret": _create,
    "setSecret": _set,
    "testSecret": _test,
    "finishSecret": _finish,
}


def _next(secret: Secret, holding: Holding, id: str, by: By) -> Issued:
    """Return the string that this version is to hold."""
    key = store.get(id)
    if key is None:
        # Without roles: who may write a secret must not thereby make keys that may do anything.
        grant = Grant(alias=holding.alias, name=holding.alias, roles=(), ttl_days=_ttl_days(secret))
        first = issuer.create(id, grant, by, (secret.token,))
        if first is not None:
            return first
        raise FieldInvalid("secret: its key was created meanwhile")
    _require_fit(secret, holding, key)
    rotation = Rotation(id=secret.token, grace_seconds=_AS_LONG_AS_IT_LIVES)
    try:
        return issuer.rotate(id, rotation, by)
    except GraceRunning:
        issued = _hand_on(secret, holding, id, rotation, by)
        if issued is None:
            raise
        return issued


def _hand_on(
    secret: Secret, holding: Holding, id: str, rotation: Rotation, by: By
) -> Issued | None:
    """Return the latest string, where consumers of this secret do not have it yet."""
    key = store.get(id)
    text = foreign.parse_any(holding.key, id)
    if key is None:
        return None
    if text is None or not text.matches(key.secret_hash):
        return issuer.hand_on(key, rotation, by)
    if key.rotation_ids[-1:] == (secret.current_version,):
        # This secret's last rotation: it may have stopped before it did this.
        service.shorten_grace(key, settings().default_grace_seconds, by, store, service.clock())
    return None


def _ttl_days(secret: Secret) -> int:
    """Return for how many days a first key is to be valid."""
    days = max(settings().default_ttl_days, -(-_needed(secret) // DAY))
    if days > settings().max_ttl_days:
        raise FieldInvalid("secret: no key may be valid for its rotation interval and the grace")
    return days


def _needed(secret: Secret) -> int:
    return secret.interval(service.clock()) + settings().default_grace_seconds


def _require_fit(secret: Secret, holding: Holding, key: ApiKey) -> None:
    if key.alias != holding.alias or not _holds(holding, key):
        raise FieldInvalid("secret: must hold a string of the alias's key, this one or the last")
    if key.rotate_every_days is not None:
        raise FieldInvalid("rotate_every_days: must be null, the secret's schedule rotates the key")
    if key.ttl_days * DAY < _needed(secret):
        raise FieldInvalid("ttl_days: must outlast the secret's rotation interval and the grace")


def _holds(holding: Holding, key: ApiKey) -> bool:
    """Tell whether the secret may have the key's next string.

    Who may write a secret must not thereby get hold of any alias's key: one of its strings must be
    in there. Without one, there is what the first rotation could have made: a key without roles.
    """
    if not holding.key:
        return not key.roles
    text = foreign.parse_any(holding.key, key.id)
    hashes = (key.secret_hash, key.previous_hash)
    return text is not None and any(digest and text.matches(digest) for digest in hashes)
