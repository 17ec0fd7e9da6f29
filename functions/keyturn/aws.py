"""The one SDK configuration, and what the SDK's failures mean.

The only module that imports boto3 or botocore. The arithmetic of `CONFIG`, per call: two attempts
of at most 1 s to connect and 2 s to read, between them at most 1 s of back-off (throttling; 25 to
50 ms otherwise): 7 s. A create or renewal makes three calls, 21 s; `issuer.START_OVER` is 3 s;
together below the function's timeout of 25 s, which is below API Gateway's 29 s. So the caller gets
our 503 and not the gateway's, but where a server asks for a longer pause. Stated here and not left
to defaults: those change (the default retry mode did in botocore 1.44.0), and 60 s per attempt
would outlive everyone.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from keyturn.errors import Unavailable

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

C = TypeVar("C", bound="BaseClient")

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=1,
    read_timeout=2,
)
# For what an answer can do without, and must not wait for: a second more in all.
HASTY = Config(retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=0.5)

# Whatever level a deployment chooses for its own log: on DEBUG these would show what is sent to KMS
# and what it answers, key strings in base64.
logging.getLogger("botocore").setLevel(logging.INFO)


def dynamodb(config: Config = CONFIG) -> "DynamoDBClient":
    """Return a client; its credentials and endpoint come from the environment."""
    return _careful(boto3.client("dynamodb", config=config))


def kms() -> "KMSClient":
    """Return a client; its credentials and endpoint come from the environment."""
    return _careful(boto3.client("kms", config=CONFIG))


def events() -> "EventBridgeClient":
    """Return a client; its credentials and endpoint come from the environment."""
    return _careful(boto3.client("events", config=CONFIG))


def secretsmanager() -> "SecretsManagerClient":
    """Return a client; its credentials and endpoint come from the environment."""
    return _careful(boto3.client("secretsmanager", config=CONFIG))


def _careful(client: C) -> C:
    """Have a client believe no answer that was cut off or changed on its way.

    The SDK asks again for one that fails DynamoDB's checksum, but takes the last one as it is; and
    it never looks at the length. Half an answer reads as none: there would be no such key.
    """
    client.meta.events.register("after-call", _require_whole)
    return client


def _require_whole(http_response: "AWSResponse", model: "OperationModel", **_: object) -> None:
    headers, body = http_response.headers, http_response.content
    length, checksum = headers.get("Content-Length"), headers.get("x-amz-crc32")
    if length not in {None, str(len(body))} or checksum not in {None, str(crc32(body))}:
        raise Unavailable(f"{model.name}: not the whole answer")


@contextmanager
def answered() -> Iterator[None]:
    """Turn an SDK failure into `Unavailable`.

    Throttled, down, denied, too slow, or a write whose outcome is unknown: all mean that nobody can
    know now. `from None`, and only the operation's name and the error's code: the service's message
    may quote what was sent. A request that is wrong in itself is our fault and stays an exception.

    Raises:
        Unavailable: as above.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ValidationException":
            raise
        raise Unavailable(f"{error.operation_name}: {code}") from None
    except ParamValidationError:
        raise
    except BotoCoreError as error:
        raise Unavailable(type(error).__name__) from None
