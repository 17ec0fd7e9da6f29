"""Lambda's event source mapping: a table's stream, read and handed to a function in batches.

In order, as on AWS: a record that fails holds up those behind it. It is tried a few times and then
given up, for the next. Of the template count the filter, the batch's size, and whether the function
reports which record failed; how often and how long is tried does not.
"""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local import patterns
from infra.local.functions import Function, FunctionError
from infra.local.invocations import PAUSES, given_up

Record = dict[str, Any]

_IDLE_SECONDS = 1.0
_BUSY_SECONDS = 0.05


class Stream:
    """One stream and the function that it is mapped to."""

    def __init__(self, client: Any, function: Function, mapping: Mapping[str, Any]) -> None:  # noqa: ANN401
        """Take a `dynamodbstreams` client, and the mapping as the template declares it.

        Raises:
            TemplateError: its filter is not supported here.
        """
        self._client = client
        self._arn = mapping["EventSourceArn"]
        self._function = function
        self._patterns = [
            patterns.checked(json.loads(each["Pattern"]))
            for each in mapping.get("FilterCriteria", {}).get("Filters", [])
        ]
        self._size = int(mapping.get("BatchSize", 100))
        self._reports = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
        self._iterators: dict[str, str | None] = {}

    def run(self, ending: threading.Event) -> None:
        """Read and hand on from the stream's beginning, until the end."""
        pause = _BUSY_SECONDS
        while not ending.wait(pause):
            # Seldom where nothing happens: the emulator remembers every time that it was asked.
            pause = min(2 * pause, _IDLE_SECONDS)
            with suppress(BotoCoreError, ClientError):  # the emulator is ending
                for records in self._pages():
                    pause = _BUSY_SECONDS
                    self._hand_on(records, ending)

    def _pages(self) -> Iterator[list[Record]]:
        """Yield what is new, shard by shard."""
        if not any(self._iterators.values()):
            described = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]
            for shard in described["Shards"]:
                if shard["ShardId"] not in self._iterators:
                    self._iterators[shard["ShardId"]] = self._client.get_shard_iterator(
                        StreamArn=self._arn,
                        ShardId=shard["ShardId"],
                        ShardIteratorType="TRIM_HORIZON",
                    )["ShardIterator"]
        for shard_id, iterator in self._iterators.items():
            if iterator is None:
                continue
            page = self._client.get_records(ShardIterator=iterator)
            if page["Records"]:
                yield [_as_lambda_gets_it(record, self._arn) for record in page["Records"]]
            self._iterators[shard_id] = page.get("NextShardIterator")

    def _hand_on(self, records: list[Record], ending: threading.Event) -> None:
        wanted = [
            record
            for record in records
            if not self._patterns
            or any(patterns.matches(pattern, record) for pattern in self._patterns)
        ]
        tries = 0
        while wanted and not ending.is_set():
            batch = wanted[: 1 if tries else self._size]
            done = self._told(batch)
            wanted = wanted[done:]
            if done:
                tries = 0
            if done == len(batch):
                continue
            if tries == len(PAUSES):
                number = wanted.pop(0)["dynamodb"]["SequenceNumber"]
                given_up(self._function, f"the stream's record {number}")
                tries = 0
            else:
                ending.wait(PAUSES[tries])
                tries += 1

    def _told(self, batch: list[Record]) -> int:
        """Return how many records the function is done with, from the first."""
        try:
            answer = self._function.invoke({"Records": batch})
        except FunctionError:
            return 0
        failures = (answer or {}).get("batchItemFailures", []) if self._reports else []
        failed = {failure["itemIdentifier"] for failure in failures}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        return next((n for n, number in enumerate(numbers) if number in failed), len(batch))


def _as_lambda_gets_it(record: Record, arn: str) -> Record:
    """Translate a record of the stream's API: binary values as base64, times as epoch seconds."""
    change = {**record["dynamodb"]}
    created = change.get("ApproximateCreationDateTime")
    if created is not None:
        change["ApproximateCreationDateTime"] = created.timestamp()
    for part in ("Keys", "NewImage", "OldImage"):
        if part in change:
            change[part] = _plain(change[part])
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": record["awsRegion"],
        "dynamodb": change,
        "eventSourceARN": arn,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - an attribute value or a part of one
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | set) else value
