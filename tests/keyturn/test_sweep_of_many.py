"""A sweep of many keys reads what is due and no other, and what fails stops nothing."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import boto3
import pytest

import rotate_key
from keyturn import keytext, row
from keyturn.keys import DAY, ApiKey
from keyturn.settings import settings
from tests.dynamodb_local import own_dynamodb_local
from tests.races.places import Place, on_moto
from tests.support import NOW, Clock, Output, api_key
from tests.support_aws import Aws
from tests.support_metered import Metered
from tests.support_rotation import Lasting, scheduled

__all__ = ["on_moto", "own_dynamodb_local"]

pytestmark = [pytest.mark.prove, pytest.mark.dynamodb_local]

BATCH = 25
POISONS: list[dict[str, Any]] = [
    {"schema": {"N": "9"}},
    {"roles": {"S": "admin"}},
    {"secret_hash": {"B": b"half"}},
    {"metadata": {"S": "["}},
    {"version": {"S": "one"}},
]


def key(number: int, *, due: bool) -> ApiKey:
    """Return a key whose rotation is due now, or in a week."""
    alias = f"alias-{number}"
    text = keytext.mint("kt", keytext.id_of("", alias))
    made = NOW - (7 * DAY if due else 0)
    return replace(
        api_key(text, alias=alias, created_at=made, updated_at=made, ttl_days=30),
        expires_at=made + 30 * DAY,
        rotate_every_days=7,
        ciphertext=bytes(230),  # as long as what KMS makes of a key string
    )


def put(metered: Metered, items: list[row.Item]) -> None:
    client = boto3.client("dynamodb", endpoint_url=metered.url)
    for start in range(0, len(items), BATCH):
        written: Any = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
        assert not client.batch_write_item(RequestItems={"keyturn-Table": written})[
            "UnprocessedItems"
        ]


def swept(output: Output) -> dict[str, Any]:
    """Have the schedule's event served, and return what the log says of it."""
    assert rotate_key.handler(scheduled(), Lasting()) is None
    return [line for line in output.records() if line.get("message") == "event served"][-1]


def read(aws: Aws) -> set[str]:
    """Return the ids of the keys that were read."""
    got = [json.loads(body) for operation, body in aws.done if operation == "GetItem"]
    return {str(each["Key"]["id"]["S"]) for each in got}


def test_sweep_of_10_000_keys_reads_the_100_that_are_due_and_no_other(
    aws: Aws, metered: Metered, clock: Clock, output: Output
) -> None:
    keys = [key(number, due=number % 100 == 0) for number in range(10_000)]
    put(metered, [row.of_key(each, "c") for each in keys])

    line = swept(output)

    assert line["done"]["rotate"] == 100
    assert read(aws) == {each.id for each in keys if each.created_at < clock.now}
    # Eventually consistent queries, half a unit for 4 KB of index; strongly consistent reads of a
    # row, one unit: before the rotation, for it, and after it to see what else is due.
    assert metered.units["Query"] == row.DUE_SHARDS * 0.5
    assert metered.units["GetItem"] == 3 * 100
    assert Counter(aws.calls) == {
        "Query": row.DUE_SHARDS,
        "GetItem": 300,
        "Encrypt": 100,
        "UpdateItem": 100,
    }


def test_of_1_000_due_keys_the_10_poisoned_ones_are_reported_and_read_again_alone(  # noqa: PLR0913, PLR0917
    aws: Aws,
    metered: Metered,
    on_moto: Place,
    clock: Clock,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [key(number, due=True) for number in range(1_000)]
    poisoned = dict.fromkeys([each.id for each in keys[::100]], "unavailable")
    poisons = dict(zip(poisoned, 2 * POISONS, strict=True))
    put(metered, [row.of_key(each, "c") | poisons.get(each.id, {}) for each in keys])

    with monkeypatch.context() as patch:
        # Straight to both servers, other processes: 5,000 calls take long enough without a wire.
        patch.setattr(rotate_key, "issuer", beside(on_moto, metered).issuer())
        line = swept(output)

    assert (line["done"]["rotate"], line["failed"], line["finished"]) == (990, poisoned, True)
    rows = {item["id"]["S"]: item for item in scanned(metered)}
    rotated = {id for id, item in rows.items() if item["generation"] == {"N": "2"}}
    assert rotated == rows.keys() - poisoned.keys()
    aws.forget()
    clock.now += 300

    line = swept(output)

    assert (line["done"]["rotate"], line["failed"]) == (0, poisoned)
    assert Counter(aws.calls) == {"Query": row.DUE_SHARDS, "GetItem": 10}
    assert read(aws) == poisoned.keys()


def beside(place: Place, metered: Metered) -> Place:
    """Return the KMS key of one place and the table of another."""
    named = replace(place.settings, table_name=settings().table_name)
    return replace(place, settings=named, dynamodb=metered.url)


def scanned(metered: Metered) -> list[dict[str, Any]]:
    client = boto3.client("dynamodb", endpoint_url=metered.url)
    pages = client.get_paginator("scan").paginate(TableName="keyturn-Table", ConsistentRead=True)
    return [dict(item) for page in pages for item in page["Items"]]
