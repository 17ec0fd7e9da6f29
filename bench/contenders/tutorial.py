"""The authorizer that tutorials lead to, as a competent user of Powertools would write it.

A Table resource, a pydantic model of the row, Logger, Tracer and Metrics from their decorators, the
event and the answer through the data classes. Only a hash of the key is stored. Tracer is switched
off, as it switches itself off outside Lambda: with X-Ray it would cost more.
"""

import hashlib
import os
import time

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

REQUIRED_ROLE = "admin"

logger = Logger(service="authorizer")
tracer = Tracer(service="authorizer")
metrics = Metrics(namespace="Tutorial", service="authorizer")
table = boto3.resource("dynamodb").Table(os.environ["TUTORIAL_TABLE"])


class ApiKey(BaseModel):
    """The row."""

    key_hash: str
    key_id: str
    name: str
    roles: list[str]
    active: bool
    expires_at: int


@tracer.capture_method(capture_response=False)
def find(key: str) -> ApiKey | None:
    """Read the key's row by its hash."""
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    item = table.get_item(Key={"key_hash": key_hash}, ConsistentRead=True).get("Item")
    return ApiKey.model_validate(item) if item else None


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_source(data_class=APIGatewayAuthorizerRequestEvent)
def handler(event: APIGatewayAuthorizerRequestEvent, context: LambdaContext) -> dict:  # noqa: ARG001
    """Answer a REST REQUEST authorizer event."""
    scheme, _, key = (event.headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        metrics.add_metric(name="Denied", unit=MetricUnit.Count, value=1)
        raise Exception("Unauthorized")  # noqa: TRY002 - the text is what API Gateway looks at
    try:
        found = find(key)
    except ValidationError:
        logger.exception("malformed row")
        raise
    if found is None or not found.active or found.expires_at <= time.time():
        metrics.add_metric(name="Denied", unit=MetricUnit.Count, value=1)
        logger.info("denied")
        raise Exception("Unauthorized")  # noqa: TRY002
    arn = event.parsed_arn
    answer = APIGatewayAuthorizerResponse(
        principal_id=found.key_id,
        context={"name": found.name, "roles": ",".join(found.roles)},
        region=arn.region,
        aws_account_id=arn.aws_account_id,
        api_id=arn.api_id,
        stage=arn.stage,
    )
    if REQUIRED_ROLE in found.roles:
        answer.allow_all_routes()
    else:
        answer.deny_all_routes()
    metrics.add_metric(name="Allowed", unit=MetricUnit.Count, value=1)
    logger.info("allowed", extra={"key_id": found.key_id})
    return answer.asdict()
