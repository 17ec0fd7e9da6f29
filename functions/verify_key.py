"""POST /api/apikey/verify: is this key good? For backends that do not sit behind API Gateway.

Invoked by API Gateway behind the authorizer for `VerifyCallerRoles`. The same read, judgement and
log line as the authorizer's. May get rows, and nothing else.
"""

import time
from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import decision, service
from keyturn.answers import InvalidResponse, ValidResponse, verify_response
from keyturn.errors import Unavailable
from keyturn.reader import finder, reader
from keyturn.schemas import VerifyRequest
from keyturn.web import Web

tracer = Tracer()
web = Web()
read, find = reader(), finder()


@web.app.post("/api/apikey/verify")
def verify(
    request: Annotated[VerifyRequest, Body()],
) -> ValidResponse | InvalidResponse:
    """Judge a key.

    200, whatever the verdict. A key that fails its own check never reaches the database.
    """
    web.caller()
    started = time.perf_counter()
    try:
        verdict = service.verify(request.key, request.asked(), read, service.clock(), find)
    except Unavailable as error:
        decision.write(None, web.request_id, started, error.detail)
        raise
    decision.write(verdict, web.request_id, started)
    return verify_response(verdict)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
