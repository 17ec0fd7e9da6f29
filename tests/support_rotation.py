"""What asks for a rotation, what a rotation leaves behind, and how much time a function has."""

import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

import boto3

from keyturn import keytext
from keyturn.keys import Outcome, moment
from keyturn.row import to_credential
from tests.support import NOW, Context, request
from tests.support_aws import Aws, Table, onlooker

ACCOUNT = "123456789012"
BILLING = keytext.id_of("", "billing")


class Lasting(Context):
    """A context of a function that has time."""

    def __init__(self, *left: int) -> None:
        """Take what each look at the time left finds, in milliseconds; the last one stays."""
        super().__init__()
        self._left = list(left or (60_000,))

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def rotate(key: str = BILLING, body: object = b"", **parts: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build POST /api/apikey/{id}/rotate; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": ["application/json"]}
    return request(
        "POST",
        "/api/apikey/{key}/rotate",
        path={"key": key},
        body=data or None,
        headers=headers,
        **parts,
    )


def get(resource: str, key: str = "", **query: str) -> dict[str, Any]:
    """Build a GET of a list, of a key, or of what happened to it."""
    return request(
        "GET",
        resource,
        path={"key": key} if key else None,
        query={name: [value] for name, value in query.items()},
    )


def requested(detail: object = None, at: int = NOW, **envelope: object) -> dict[str, Any]:
    """Build `Rotation Requested` as EventBridge delivers it."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Rotation Requested",
        "source": "keyturn.request",
        "account": ACCOUNT,
        "time": moment(at),
        "region": "us-east-1",
        "resources": [],
        "detail": {"alias": "billing"} if detail is None else detail,
    } | envelope


def compromised(detail: object = None, at: int = NOW, **envelope: object) -> dict[str, Any]:
    """Build `Key Compromised` as EventBridge delivers it."""
    return requested(detail, at, **{"detail-type": "Key Compromised"} | envelope)


def scheduled(at: int = NOW) -> dict[str, Any]:
    """Build what a schedule sends."""
    return requested({}, at, **{"detail-type": "Scheduled Event", "source": "aws.events"})


def judge(text: str, now: int) -> Outcome:
    """Verify a string against the row as it is; looking is no call."""
    key = keytext.parse(text)
    assert key is not None
    row = Table().key(key.id)
    return to_credential(row).verify(key.digest, now, None).outcome if row else Outcome.NOT_FOUND


def sealed(row: dict[str, Any]) -> str:
    """Return the string that a row seals, which a renewal would hand out; looking is no call."""
    opened = onlooker("kms").decrypt(
        CiphertextBlob=row["ciphertext"]["B"],
        EncryptionContext={"service": "keyturn", "id": row["id"]["S"]},
    )
    return str(opened["Plaintext"].decode())


KEY_ITEM = {"S": "key"}


def events(aws: Aws) -> list[dict[str, Any]]:
    """Return every entry that was put on a bus, its detail parsed."""
    entries = []
    for operation, sent in zip(aws.calls, aws.sent, strict=True):
        if operation == "PutEvents":
            entries += json.loads(sent)["Entries"]
    return [entry | {"Detail": json.loads(entry["Detail"])} for entry in entries]


class Stream:
    """The table's stream from now on, as Lambda is given it: base64, and key rows only."""

    def __init__(self, client: Any = None, table: str = "keyturn-Table") -> None:  # noqa: ANN401
        self._client = client or boto3.client(
            "dynamodbstreams", aws_access_key_id="onlooker", aws_secret_access_key="onlooker"
        )
        # Those of tables that are no more are listed for a day.
        streams = self._client.list_streams(TableName=table)["Streams"]
        stream = max(streams, key=lambda stream: stream["StreamLabel"])
        described = self._client.describe_stream(StreamArn=stream["StreamArn"])
        self._iterators = [
            self._client.get_shard_iterator(
                StreamArn=stream["StreamArn"],
                ShardId=shard["ShardId"],
                ShardIteratorType="LATEST",
            )["ShardIterator"]
            for shard in described["StreamDescription"]["Shards"]
        ]

    def records(self) -> list[dict[str, Any]]:
        """Return what came since the last look."""
        came: list[dict[str, Any]] = []
        for place, iterator in enumerate(self._iterators):
            got = self._client.get_records(ShardIterator=iterator)
            self._iterators[place] = got["NextShardIterator"]
            came += [dict(record) for record in got["Records"]]
        return [as_lambda(record) for record in came if _is_of_a_key(record)]


def _is_of_a_key(record: dict[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["item"] == KEY_ITEM)


def as_lambda(value: Any) -> Any:  # noqa: ANN401 - any part of a record
    """Return a record of the stream as JSON has it."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {
            name: as_lambda(part)
            for name, part in value.items()
            if name != "ApproximateCreationDateTime"
        }
    return [as_lambda(part) for part in value] if isinstance(value, list) else value


def put(row: dict[str, Any]) -> None:
    """Write a row as no verb does."""
    onlooker("dynamodb").put_item(TableName="keyturn-Table", Item=row)
