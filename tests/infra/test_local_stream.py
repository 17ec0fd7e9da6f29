"""A table's stream reaches its function as on AWS: in order, in batches, until it takes them."""

import base64
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import invocations
from infra.local.functions import Function, load
from infra.local.stream import Stream
from tests.support_aws import Aws

HANDLER = """
fails, raises, seen = {}, set(), []  # by key: how often

def handler(event, context):
    seen.append(event["Records"])
    for record in event["Records"]:
        name = record["dynamodb"]["Keys"]["id"]["S"]
        if name in raises:
            raise ValueError("what it says")
        if fails.get(name):
            fails[name] -= 1
            number = record["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
"""
MAPPING = {"BatchSize": 3, "FunctionResponseTypes": ["ReportBatchItemFailures"]}


class Fed:
    """A table whose stream is read, and the function that gets it."""

    def __init__(self, folder: Path, mapping: dict[str, Any]) -> None:
        name = f"fed-{uuid.uuid4().hex}"
        (folder / "fed.py").write_text(HANDLER)
        function = Function(name, f"arn:{name}", "fed.handler", folder, 5, 128, {})
        load([function])
        self.module = sys.modules[f"{name}:fed"]
        self._client = boto3.client("dynamodb")
        self._name = name
        made = self._client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        arn = made["TableDescription"]["LatestStreamArn"]
        self._streams = boto3.client("dynamodbstreams")
        self._stream = Stream(
            self._streams, function, {"EventSourceArn": arn, **MAPPING, **mapping}
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._stream.run, args=(self._ending,), daemon=True)

    def put(self, *names: str, **attributes: Any) -> None:  # noqa: ANN401 - attribute values
        for name in names:
            self._client.put_item(TableName=self._name, Item={"id": {"S": name}, **attributes})

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self._streams.close()
        self._client.close()

    def batches(self, until: Callable[[list[list[str]]], bool]) -> list[list[str]]:
        """Wait for what the function has seen, and return it: the keys, batch by batch."""
        seen: list[list[str]] = []
        for _ in range(400):
            seen = [[_name(record) for record in batch] for batch in list(self.module.seen)]
            if until(seen):
                return seen
            time.sleep(0.02)
        raise AssertionError(seen)


def _name(record: dict[str, Any]) -> str:
    name: str = record["dynamodb"]["Keys"]["id"]["S"]
    return name


def has(name: str) -> Callable[[list[list[str]]], bool]:
    return lambda seen: any(name in batch for batch in seen)


@pytest.fixture
def feed(
    tmp_path: Path,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Fed]]:
    """Make a table that feeds a function; nothing is read before it is started."""
    assert aws.calls == []
    monkeypatch.setattr("infra.local.stream.PAUSES", (0.0, 0.0))
    made: list[Fed] = []

    def make(**mapping: Any) -> Fed:  # noqa: ANN401 - a property of a mapping
        made.append(Fed(tmp_path, mapping))
        return made[-1]

    yield make
    for fed in made:
        fed.end()


def test_records_come_in_order_from_the_streams_beginning_in_batches(
    feed: Callable[..., Fed],
) -> None:
    fed = feed()
    fed.put("a", "b", "c", "d")
    fed.start()
    assert fed.batches(has("d")) == [["a", "b", "c"], ["d"]]
    fed.put("e")
    assert fed.batches(has("e"))[-1] == ["e"]


def test_a_record_has_the_form_that_lambda_gives_it(feed: Callable[..., Fed]) -> None:
    fed = feed()
    fed.put("a", binary={"B": b"\x00\xff"}, many={"L": [{"B": b"x"}, {"N": "1"}]})
    fed.put("a", binary={"B": b"\x01"})
    fed.start()
    fed.batches(has("a"))
    first, second = json.loads(json.dumps(fed.module.seen))[0]

    assert (first["eventName"], second["eventName"]) == ("INSERT", "MODIFY")
    assert first["eventSource"] == "aws:dynamodb"
    assert first["eventSourceARN"].startswith("arn:aws:dynamodb:us-east-1:123456789012:table/fed-")
    change = second["dynamodb"]
    assert change["Keys"] == {"id": {"S": "a"}}
    assert change["NewImage"] == {"id": {"S": "a"}, "binary": {"B": "AQ=="}}
    assert change["OldImage"]["binary"] == {"B": base64.b64encode(b"\x00\xff").decode()}
    assert change["OldImage"]["many"] == {"L": [{"B": "eA=="}, {"N": "1"}]}
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert abs(change["ApproximateCreationDateTime"] - time.time()) < 60
    assert int(change["SequenceNumber"]) > int(first["dynamodb"]["SequenceNumber"])


def test_what_the_filter_keeps_out_does_not_come(feed: Callable[..., Fed]) -> None:
    pattern = json.dumps({"dynamodb": {"Keys": {"id": {"S": ["wanted", "too"]}}}})
    fed = feed(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    fed.put("other", "wanted", "other", "too")
    fed.start()

    assert fed.batches(has("too")) == [["wanted", "too"]]


def test_a_record_that_fails_holds_up_what_is_behind_it_and_nothing_before_it(
    feed: Callable[..., Fed],
) -> None:
    fed = feed()
    fed.module.fails["b"] = 2
    fed.put("a", "b", "c")
    fed.start()

    assert fed.batches(lambda seen: ["c"] in seen) == [["a", "b", "c"], ["b"], ["b"], ["c"]]


def test_a_record_that_always_fails_is_given_up_for_the_next(
    feed: Callable[..., Fed], capsys: pytest.CaptureFixture[str]
) -> None:
    fed = feed()
    fed.module.fails["b"] = 100
    fed.put("a", "b", "c")
    fed.start()

    seen = fed.batches(lambda seen: ["c"] in seen)
    assert seen == [["a", "b", "c"], *[["b"]] * len(invocations.PAUSES), ["c"]]
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["message"], line["level"]) == ("given up", "ERROR")
    number = fed.module.seen[1][0]["dynamodb"]["SequenceNumber"]
    assert line["what"] == f"the stream's record {number}"


def test_a_function_that_dies_gets_the_records_one_by_one(
    feed: Callable[..., Fed], capsys: pytest.CaptureFixture[str]
) -> None:
    fed = feed()
    fed.module.raises.add("b")
    fed.put("a", "b", "c")
    fed.start()

    seen = fed.batches(lambda seen: ["c"] in seen)
    assert seen == [["a", "b", "c"], ["a"], ["b", "c"], ["b"], ["b"], ["c"]]
    assert '"errorType": "ValueError"' in capsys.readouterr().out
