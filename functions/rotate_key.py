"""A new string for the same key, the old one good for a grace: by a call, an event, a schedule.

`POST /api/apikey/{id}/rotate` comes from API Gateway behind the admin authorizer. `Rotation
Requested` and `Key Compromised` come from EventBridge, and so does the schedule, which has the
sweep do what is due. May get, query and update rows, and encrypt and decrypt with the KMS key
(decrypt: a repeat is answered with the current string).
"""

from contextlib import suppress
from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, event_schemas
from keyturn.answers import RotatedResponse
from keyturn.errors import FieldInvalid, GraceRunning, KeyInactive, KeyNotFound, Unavailable
from keyturn.event_schemas import KeyCompromised, RotationRequested
from keyturn.issuer import Issuer
from keyturn.keys import ApiKey, By
from keyturn.log import log
from keyturn.schemas import RotateRequest
from keyturn.settings import compromised_action, settings
from keyturn.store import KeyStore
from keyturn.sweep import sweep
from keyturn.tally import NEVER, LastUse
from keyturn.usage import Usage
from keyturn.vault import Vault
from keyturn.web import Web, count

# The sweep stops here, so that what it does last ends before the function does: see aws.CONFIG.
_LAST_MILLISECONDS = 25_000

tracer = Tracer()
web = Web(body_optional=True)
issuer = Issuer(
    KeyStore(aws.dynamodb(), settings().table_name),
    Vault(aws.kms(), settings().kms_key_id),
    settings(),
)
usage = Usage(aws.dynamodb(aws.HASTY), settings().table_name)
on_compromised = compromised_action()


@web.app.post("/api/apikey/<key>/rotate")
def rotate(
    key: Annotated[str, Path()], request: Annotated[RotateRequest, Body()]
) -> RotatedResponse:
    """Give a key a new string.

    The old one works until `previous_expires_at`, the new one for the key's own `ttl_days` from
    now. A `rotation_id` among the key's last eight is answered with the current key, and nothing
    changes. A key revoked as `compromised` becomes active with the new string, and no grace.
    """
    issued = issuer.rotate(key, request.rotation(), web.by())
    web.done("Rotated", issued.key)
    return RotatedResponse.of(issued, _last_use(issued.key))


def _last_use(key: ApiKey) -> LastUse:
    try:
        return usage.last(key.id)
    except Unavailable as error:  # the key is rotated, and whoever asked must get its string
        log.warning("usage not read", extra={"id": key.id, "detail": error.detail})
        return NEVER


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Answer a REST proxy event, or do what an EventBridge event asks for.

    Raises:
        Unavailable: an event that asks for something could not be served now; it comes again.
    """
    if "requestContext" in event:
        return web(event, context)
    line = {"request_id": context.aws_request_id}
    try:
        _require_own_account(event, context)
        if (event.get("source"), event.get("detail-type")) == event_schemas.SCHEDULE:
            line |= _sweep(context)
        else:
            line |= _serve(event_schemas.asked(event), context)
    except (FieldInvalid, KeyNotFound, KeyInactive, GraceRunning) as error:
        # Coming again would change nothing: said, counted, and gone.
        log.warning("event refused", extra=line | {"code": error.code, "detail": error.message})
        count("EventRefused")
    else:
        log.info("event served", extra=line)
        count("EventServed")
    return None


def _require_own_account(event: dict[str, Any], context: LambdaContext) -> None:
    if event.get("account") != context.invoked_function_arn.split(":")[4]:
        raise FieldInvalid("account: not this one")


def _serve(asked: RotationRequested | KeyCompromised, context: LambdaContext) -> dict[str, Any]:
    key_id = asked.detail.key_id()
    by = By(f"event:{asked.id}", context.aws_request_id)
    if isinstance(asked, RotationRequested):
        issuer.rotate(key_id, asked.rotation(), by)
    else:
        _contain(asked, key_id, by)
    return {"id": key_id, "event_id": asked.id}


def _contain(asked: KeyCompromised, key_id: str, by: By) -> None:
    """Make the string that leaked worthless: the one of that time, be it the current or not."""
    key = issuer.store.get(key_id)
    if key is None:
        raise KeyNotFound
    if asked.id in key.rotation_ids:
        return  # done; what has been rotated since did not leak
    if asked.at < (key.rotated_at or 0):
        _end_grace(key, by)
    elif on_compromised == "revoke":
        _condemn(key_id, by)
    else:
        try:
            key = issuer.rotate(key_id, asked.rotation(), by).key
        except KeyInactive:  # nothing to hand over; but it must never be renewed
            _condemn(key_id, by)
        else:
            _end_grace(key, by)  # where somebody else rotated it at this moment, with a grace


def _end_grace(key: ApiKey, by: By) -> None:
    now = issuer.clock()
    if (key.previous_expires_at or 0) > now:
        with suppress(KeyNotFound):  # ended meanwhile
            issuer.store.end_grace(key.id, key.generation, now, now, by)


def _condemn(key_id: str, by: By) -> None:
    with suppress(KeyNotFound):  # known already
        issuer.store.condemn(key_id, issuer.clock(), by)


def _sweep(context: LambdaContext) -> dict[str, Any]:
    swept = sweep(
        issuer,
        context.aws_request_id,
        lambda: context.get_remaining_time_in_millis() > _LAST_MILLISECONDS,
    )
    count("SweepFailed", len(swept.failed))
    return {"done": swept.done, "failed": swept.failed, "finished": swept.finished}
