"""The emulated AWS keeps the promise that everything here is built on."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier
from typing import TYPE_CHECKING

import boto3
import pytest

from infra.local.emulator import moto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

ROUNDS, WRITERS = 60, 4


@pytest.fixture
def clients() -> "Iterator[list[DynamoDBClient]]":
    with moto() as url, ExitStack() as stack:
        made = [
            stack.enter_context(closing(boto3.client("dynamodb", endpoint_url=url)))
            for _ in range(WRITERS)
        ]
        made[0].create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield made


@pytest.mark.prove
def test_of_writers_at_once_one_meets_the_condition(clients: "list[DynamoDBClient]") -> None:
    barrier = Barrier(WRITERS)

    def write(client: "DynamoDBClient", id: str) -> bool:
        barrier.wait()
        try:
            client.update_item(
                TableName="t",
                Key={"id": {"S": id}},
                UpdateExpression="ADD version :one",
                ConditionExpression="version = :zero",
                ExpressionAttributeValues={":zero": {"N": "0"}, ":one": {"N": "1"}},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as threads:
        for n in range(ROUNDS):
            clients[0].put_item(TableName="t", Item={"id": {"S": str(n)}, "version": {"N": "0"}})
            won = list(threads.map(write, clients, [str(n)] * WRITERS))
            assert won.count(True) == 1


def test_a_transaction_changes_all_or_nothing(clients: "list[DynamoDBClient]") -> None:
    client = clients[0]
    client.put_item(TableName="t", Item={"id": {"S": "there"}, "version": {"N": "0"}})
    puts: list[TransactWriteItemTypeDef] = [
        {
            "Put": {
                "TableName": "t",
                "Item": {"id": {"S": id}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        for id in ("a", "b", "there", "c")
    ]

    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=puts)
    assert client.scan(TableName="t")["Items"] == [{"id": {"S": "there"}, "version": {"N": "0"}}]
    client.transact_write_items(TransactItems=[*puts[:2], puts[3]])
    assert client.scan(TableName="t", Select="COUNT")["Count"] == 4
