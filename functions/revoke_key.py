"""DELETE /api/apikey/{key}: revoke a key by its id or its string.

Invoked by API Gateway behind the admin authorizer. May update rows, and nothing else; where keys of
another service were imported, also get rows: their strings do not say which.
"""

from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, service
from keyturn.answers import MessageResponse
from keyturn.imported import Intake
from keyturn.keys import Reason
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.web import Web

tracer = Tracer()
web = Web()
_client = aws.dynamodb()
store = KeyStore(_client, settings().table_name)
find = Intake(_client, settings().table_name).find if settings().imported_keys else None


@web.app.delete("/api/apikey/<key>")
def revoke(
    key: Annotated[str, Path()],
    reason: Annotated[Reason, Query(description="Why; for the record.")] = Reason.UNSPECIFIED,
) -> MessageResponse:
    """Revoke a key.

    Once this is answered, no strongly consistent verification in the Region accepts a string of
    it, until it is renewed or rotated. Unknown, wrong secret, or already inactive: 404.
    """
    web.only_parameters("reason")
    done = service.revoke(key, reason, web.by(), store, service.clock(), find=find)
    web.done("Revoked", done)
    return MessageResponse(message="API key revoked successfully")


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
