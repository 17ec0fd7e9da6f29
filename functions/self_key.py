"""GET, DELETE /api/apikey/self: what the holder of a key may do with it.

Invoked by API Gateway behind the authorizer for any valid key, which says whose it is and which
generation was presented: the key itself does not come here. May get and update rows.
"""

from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, service
from keyturn.answers import ItemResponse, MessageResponse
from keyturn.errors import KeyNotFound
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.usage import Usage
from keyturn.web import Web

RESOURCE = "/api/apikey/self"

tracer = Tracer()
web = Web()
_client = aws.dynamodb()
store = KeyStore(_client, settings().table_name)
usage = Usage(_client, settings().table_name)


@web.app.get(RESOURCE)
def read_own() -> ItemResponse:
    """Read the key that calls: when does it end?"""
    key = store.get(web.caller()["id"])
    if key is None:
        raise KeyNotFound
    return ItemResponse.of(key, usage.last(key.id), service.clock())


@web.app.delete(RESOURCE)
def revoke_own() -> MessageResponse:
    """End the key that calls, as compromised.

    Whoever finds a leaked key may. With the string before the last rotation, only that one ends.
    """
    caller = web.caller()
    generation = int(caller["generation"])
    done = service.revoke_own(caller["id"], generation, web.by(), store, service.clock())
    web.done("Revoked", done)
    return MessageResponse(message="API key revoked successfully")


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
