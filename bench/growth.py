"""Verification as the table grows: 10^3, 10^4, 10^5 and 10^6 rows in AWS's own DynamoDB Local.

All four tables are loaded before anything is measured, and measured in turns: wall clock, our
authorizer with its read, another key each time. The rows hold what verification reads and nothing
more, so that a million of them load in minutes; a longer row takes longer in a table of any size.
"""

import http.client
import json
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from bench.pairs import Sandwich
from bench.warm import Worker
from bench.workers import Bench, minted
from tests.dynamodb_local import NotAvailableError, running

SIZES = (10**3, 10**4, 10**5, 10**6)
_SAMPLE = 200
_BLOCK = 50  # calls: short, so that a disturbed block is one of many
_BATCH = 25
_WRITERS = 3
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    # DynamoDB Local looks at the form of a signature, and not at the signature.
    "Authorization": "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20261123/us-east-1/dynamodb"
    "/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00",
    "X-Amz-Date": "20261123T000000Z",
}


def measure(bench: Bench, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Load the tables, measure each against the smallest, count the reads.

    Raises:
        SystemExit: DynamoDB Local cannot be had here.
    """
    with ExitStack() as stack:
        try:
            endpoint = stack.enter_context(running())
        except NotAvailableError as reason:
            raise SystemExit(str(reason)) from None
        keys = minted(bench.bundle, _SAMPLE)
        (bench.folder / "keys.json").write_text(json.dumps([key["key"] for key in keys]))
        samples = [
            json.dumps({**key["answers"]["GetItem keys"]["Item"], "item": {"S": "key"}})
            for key in keys
        ]
        loaded = {}
        for size in SIZES:
            begun = time.perf_counter()
            _load(endpoint, _table(size), size, samples)
            loaded[str(size)] = round(time.perf_counter() - begun, 1)
            say(f"growth: {size} rows loaded in {loaded[str(size)]} s")
        return {"load_seconds": loaded, **_compare(bench, endpoint, rounds, stack)}


def _compare(bench: Bench, endpoint: str, rounds: int, stack: ExitStack) -> dict[str, Any]:
    workers = {}
    for name, size in {
        "base": SIZES[0],
        "control": SIZES[0],
        **{str(n): n for n in SIZES[1:]},
    }.items():
        env = {**bench.env, "TABLE_NAME": _table(size), "AWS_ENDPOINT_URL_DYNAMODB": endpoint}
        workers[name] = Worker(replace(bench, env=env), "growth_case", stack)
        workers[name].ask(f"run verify {2 * _SAMPLE}")
    asks = {name: _wall(worker) for name, worker in workers.items()}
    base = asks.pop("base")
    sandwich = Sandwich()
    for turn in range(rounds):
        sandwich.round(base, asks, turn)
    return {
        "ratios": {name: sandwich.ratio(name) for name in asks},
        "ms": {name: round(sandwich.per_call(name) * 1e3, 3) for name in ("base", *asks)},
        "reads": {
            name: worker.ask(f"count verify {_SAMPLE}")[0] / _SAMPLE
            for name, worker in workers.items()
        },
    }


def _wall(worker: Worker) -> Callable[[], float]:
    return lambda: worker.ask(f"run verify {_BLOCK}")[1] / _BLOCK


def _table(size: int) -> str:
    return f"keys-{size}"


def _load(endpoint: str, table: str, size: int, samples: list[str]) -> None:
    """Make a table and fill it, the sample's keys spread evenly among rows of nobody's."""
    _ask(
        _connection(endpoint),
        "CreateTable",
        json.dumps(
            {
                "TableName": table,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("id", "item")
                ],
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "item", "KeyType": "RANGE"},
                ],
            }
        ),
    )
    puts, turn = _puts(size, samples), Lock()
    with ThreadPoolExecutor(_WRITERS) as pool:
        for done in [pool.submit(_write, endpoint, table, puts, turn) for _ in range(_WRITERS)]:
            done.result()


def _puts(size: int, samples: list[str]) -> Iterator[str]:
    step = size // len(samples)
    for number in range(size):
        item = samples[number // step] if number % step == 0 else _row()
        yield f'{{"PutRequest":{{"Item":{item}}}}}'


def _row() -> str:
    noise = os.urandom(41)
    secret_hash = b64encode(noise[9:]).decode()
    id = noise[:9].hex()[:17]
    return (
        f'{{"id":{{"S":"{id}"}},"item":{{"S":"key"}},"schema":{{"N":"1"}},"alias":{{"S":"{id}"}},'
        '"roles":{"L":[{"S":"user"}]},"is_active":{"BOOL":true},"expires_at":{"N":"4102444800"},'
        f'"generation":{{"N":"1"}},"secret_hash":{{"B":"{secret_hash}"}}}}'
    )


def _write(endpoint: str, table: str, puts: Iterator[str], turn: Lock) -> None:
    """Write batches until there are no more; `turn` lets one writer at a time take the next."""
    connection = _connection(endpoint)
    while True:
        with turn:
            batch = ",".join(islice(puts, _BATCH))
        if not batch:
            return connection.close()
        body = f'{{"RequestItems":{{"{table}":[{batch}]}}}}'
        if b'"UnprocessedItems":{}' not in _ask(connection, "BatchWriteItem", body):
            raise SystemExit("DynamoDB Local did not take a batch")


def _ask(connection: http.client.HTTPConnection, operation: str, body: str) -> bytes:
    headers = {**_HEADERS, "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    connection.request("POST", "/", body, headers)
    with connection.getresponse() as response:
        answer = response.read()
        if response.status != http.client.OK:
            raise SystemExit(f"{operation}: {answer!r}")
        return answer


def _connection(endpoint: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(endpoint).netloc)
