"""POST /api/apikey: create a key for an alias, or renew it.

Invoked by API Gateway behind the admin authorizer, or directly with the plain body (IAM decides
who may): so the first admin key is made. May read, put and update rows, and encrypt and decrypt
with the KMS key.
"""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws
from keyturn.answers import KeyResponse
from keyturn.issuer import Issuer
from keyturn.schemas import CreateRequest
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.vault import Vault
from keyturn.web import Web

RESOURCE = "/api/apikey"

tracer = Tracer()
web = Web()
issuer = Issuer(
    KeyStore(aws.dynamodb(), settings().table_name),
    Vault(aws.kms(), settings().kms_key_id),
    settings(),
)


@web.app.post(RESOURCE)
def create_or_renew(request: Annotated[CreateRequest, Body()]) -> Response[KeyResponse]:
    """Create a key, or renew it.

    An alias that has a key keeps its string: it is valid anew, and active again whatever it was,
    with the name and roles of this request. Of calls at once for a new alias exactly one creates.
    """
    issued = issuer.create_or_renew(request.grant(), web.by())
    web.done("Renewed" if issued.renewed else "Created", issued.key)
    status = HTTPStatus.OK if issued.renewed else HTTPStatus.CREATED
    return Response(status, "application/json", KeyResponse.of(issued))


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event or a direct invoke."""
    if isinstance(event, dict) and {"httpMethod", "requestContext"} <= event.keys():
        return web(event, context)
    return web.direct(event, RESOURCE, context)
