"""A hundred thousand keys: a page costs at the end of the list what it costs at its start."""

import http.client
import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from infra.local.stack import local_stack
from keyturn import cursor
from keyturn.keys import moment
from keyturn.row import of_key
from tests.dynamodb_local import own_dynamodb_local
from tests.e2e.served import PATH, Service
from tests.faults.wire import wire_to
from tests.races.places import moto_url
from tests.support import NOW, api_key

__all__ = ["own_dynamodb_local"]

KEYS = 100_000
PAGE = 100
FIRST = (0, KEYS // 2, KEYS - 2 * PAGE, KEYS - PAGE)
"""Where the pages begin that are looked at."""
WRITERS = 3
SIGNED = {
    # DynamoDB Local looks at the form of a signature, and not at the signature.
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20270115/us-east-1/dynamodb/aws4_request,"
    " SignedHeaders=host;x-amz-date;x-amz-target, Signature=00",
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20270115T000000Z",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
}


def alias(number: int) -> str:
    return f"key-{number:06}"


def id_of(number: int) -> str:
    return f"{number:017}"


def load(endpoint: str, table: str) -> None:
    """Put the rows there, as they are after a create but for what is due."""
    row = of_key(replace(api_key(), id="<id>", alias="<alias>"), "create")
    kept = {name: value for name, value in row.items() if not name.startswith("due_")}
    item = json.dumps(kept, default=lambda value: b64encode(value).decode())

    def write(writer: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        for first in range(25 * writer, KEYS, 25 * WRITERS):
            items = [
                item.replace("<id>", id_of(number)).replace("<alias>", alias(number))
                for number in range(first, min(first + 25, KEYS))
            ]
            puts = ",".join(f'{{"PutRequest":{{"Item":{item}}}}}' for item in items)
            connection.request("POST", "/", f'{{"RequestItems":{{"{table}":[{puts}]}}}}', SIGNED)
            answer = connection.getresponse().read()
            assert b'"UnprocessedItems":{}' in answer, answer
        connection.close()

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))


def use(dynamodb: Any, table: str, first: int) -> None:  # noqa: ANN401 - a client
    """Let the keys of a page have been used."""
    seen = {"odd_generation": {"N": "1"}, "odd_seen_at": {"N": str(NOW)}}
    for begun in range(first, first + PAGE, 25):
        items = [
            {"id": {"S": id_of(number)}, "item": {"S": "usage"}, **seen}
            for number in range(begun, begun + 25)
        ]
        puts = [{"PutRequest": {"Item": item}} for item in items]
        assert not dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]


@pytest.fixture
def many(dynamodb_local: str) -> Iterator[Service]:
    """The service with so many keys on DynamoDB Local."""
    with (
        wire_to(dynamodb_local) as wire,
        local_stack(aws=moto_url(), dynamodb=wire.url, name="growth") as stack,
        closing(boto3.client("dynamodb", endpoint_url=dynamodb_local)) as onlooker,
    ):
        load(dynamodb_local, stack.table)
        for first in FIRST:
            use(onlooker, stack.table, first)
        assert stack.admin_key
        yield Service(stack, wire, onlooker)


def sealed(first: int) -> str:
    """Return the cursor of a page that begins there."""
    place = [alias(first - 1), id_of(first - 1)]
    return cursor.seal(place, "list None key-") if first else ""


def page(service: Service, after: str) -> tuple[list[dict[str, Any]], str | None, list[float]]:
    """Return a page's items, the next one's cursor, and what each call for it costs.

    The cost is told to an onlooker who makes the same call once more.
    """
    service.wire.heal()
    query = f"?alias_prefix=key-&limit={PAGE}" + (f"&cursor={after}" if after else "")
    answer = service.send("GET", f"{PATH}{query}", headers=service.bearer())
    assert answer.status == 200
    assert service.wire.calls == ["GetItem", "Query", "BatchGetItem"]
    queried, batch = [passed.body for passed in service.wire.passed[1:]]
    told = service.dynamodb.query(**queried, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    (each,) = service.dynamodb.batch_get_item(**batch, ReturnConsumedCapacity="TOTAL")[
        "ConsumedCapacity"
    ]
    costs = [told["CapacityUnits"], each["CapacityUnits"]]
    return answer.body["items"], answer.body["cursor"], costs


@pytest.mark.prove
@pytest.mark.dynamodb_local
@pytest.mark.timeout(600)
def test_a_page_costs_the_same_at_the_end_of_a_hundred_thousand_keys_as_at_the_start(
    many: Service,
) -> None:
    pages = [page(many, sealed(first)) for first in FIRST]

    for first, (items, following, costs) in zip(FIRST, pages, strict=True):
        assert [item["alias"] for item in items] == [alias(first + n) for n in range(PAGE)]
        assert {item["last_used_at"] for item in items} == {moment(NOW)}
        assert costs == pages[0][2]
        assert first + PAGE == KEYS or following == sealed(first + PAGE)
    assert min(pages[0][2]) > 0
