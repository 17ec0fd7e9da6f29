"""The SDK's own GetItem, as anyone would call it: the base of every ratio."""

import boto3
from lambda_event import ID

client = boto3.client("dynamodb")


def get() -> dict[str, object]:
    """Read the row once."""
    return client.get_item(
        TableName="keys", Key={"id": {"S": ID}, "item": {"S": "key"}}, ConsistentRead=True
    )["Item"]


def first() -> None:
    """Read once."""
    if get()["id"] != {"S": ID}:
        raise SystemExit("another row")


def read(times: int) -> None:
    """Read."""
    for _ in range(times):
        get()


CASES = {"sdk": read}
