"""POST /api/apikey/{id}/rotate: a new string for the same key, the old one good for a grace.

Invoked by API Gateway behind the admin authorizer. May get and update rows, and encrypt and decrypt
with the KMS key (decrypt: a repeat is answered with the current string).
"""

from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws
from keyturn.schemas import RotatedResponse, RotateRequest
from keyturn.service import Issuer
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.vault import Vault
from keyturn.web import Web

tracer = Tracer()
web = Web(body_optional=True)
issuer = Issuer(
    KeyStore(aws.dynamodb(), settings().table_name),
    Vault(aws.kms(), settings().kms_key_id),
    settings(),
)


@web.app.post("/api/apikey/<key>/rotate")
def rotate(
    key: Annotated[str, Path()], request: Annotated[RotateRequest, Body()]
) -> RotatedResponse:
    """Rotate a key."""
    issued = issuer.rotate(key, request.rotation(), web.by())
    web.done("Rotated", issued.key)
    return RotatedResponse.of(issued)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
