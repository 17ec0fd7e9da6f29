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
from keyturn.answers import VerifyResponse
from keyturn.errors import Unavailable
from keyturn.reader import finder, reader
from keyturn.schemas import VerifyRequest
from keyturn.web import Web

tracer = Tracer()
web = Web()
read, find = reader(), finder()


@web.app.post("/api/apikey/verify")
def verify(request: Annotated[VerifyRequest, Body()]) -> dict[str, Any]:
    """Judge a key: 200, whatever the outcome."""
    started = time.perf_counter()
    try:
        verdict = service.verify(request.key, request.asked(), read, service.clock(), find)
    except Unavailable as error:
        decision.write(None, web.request_id, started, error.detail)
        raise
    decision.write(verdict, web.request_id, started)
    return VerifyResponse.of(verdict).model_dump(exclude_none=True)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
