"""Keys of another service become rows: each with its pointer, or neither.

The one place with transactions: a key without its pointer could not be found, and a pointer without
its key would keep its string from ever being imported.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from keyturn import foreign, row
from keyturn.aws import answered
from keyturn.errors import Unavailable
from keyturn.keys import ApiKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

AT_ONCE = 25  # two items each: half of what one transaction takes, so that it ends in time

_NEW = "attribute_not_exists(id)"
_FAILED = "ConditionalCheckFailed"


class Fate(StrEnum):
    """What became of a key that was to be imported."""

    IMPORTED = "imported"
    PRESENT = "present"
    ALIAS_TAKEN = "alias_taken"
    KEY_KNOWN = "key_known"


class Intake:
    """Where imported keys go in: the table of keys."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Use `table`."""
        self._client = client
        self._table = table

    def find(self, pointer: str) -> str | None:
        """Return the id of the key that a pointer leads to, strongly consistent.

        Raises:
            Unavailable: DynamoDB did not answer, or the row cannot be read.
        """
        with answered():
            item = self._client.get_item(
                TableName=self._table, Key=foreign.primary_key(pointer), ConsistentRead=True
            ).get("Item")
        return None if item is None else foreign.to_target(item)

    def look(self, keys: Sequence[ApiKey]) -> list[Fate]:
        """Say what would become of keys, at most `AT_ONCE`, were they taken now, in this order.

        Raises:
            Unavailable: DynamoDB did not answer.
        """
        ids = {key.id for key in keys}
        pointers = {foreign.pointer(key.secret_hash) for key in keys}
        primary_keys = [*map(row.primary_key, ids), *map(foreign.primary_key, pointers)]
        with answered():
            answer = self._client.batch_get_item(
                RequestItems={self._table: {"Keys": primary_keys, "ConsistentRead": True}}
            )
        if answer["UnprocessedKeys"]:
            raise Unavailable("BatchGetItem: unprocessed keys")
        found = answer["Responses"][self._table]
        ids = {item["id"]["S"] for item in found if item["item"]["S"] == row.ITEM}
        targets = {
            item["id"]["S"]: foreign.to_target(item)
            for item in found
            if item["item"]["S"] == foreign.POINTER
        }
        fates = []
        for key in keys:
            pointer = foreign.pointer(key.secret_hash)
            if pointer in targets:
                fates.append(Fate.PRESENT if targets[pointer] == key.id else Fate.KEY_KNOWN)
            elif key.id in ids:
                fates.append(Fate.ALIAS_TAKEN)
            else:
                fates.append(Fate.IMPORTED)
                ids.add(key.id)
                targets[pointer] = key.id
        return fates

    def take(self, keys: Sequence[ApiKey]) -> list[Fate]:
        """Store keys, at most `AT_ONCE` and no alias or string twice; say what became of each.

        What cannot be stored keeps the others from nothing: they are tried again without it. Loser
        of a race, and repeat: `PRESENT`, if the string is known as the same alias's; whatever has
        been done to that key since stays. Lost reply: the SDK's repeat carries the same token and
        is the same transaction to DynamoDB.

        Raises:
            Unavailable: DynamoDB did not answer, or somebody is writing the same rows. None of the
                keys that were left is stored, or all are: a repeat finds out.
        """
        fates: dict[int, Fate] = {}
        while left := [place for place in range(len(keys)) if place not in fates]:
            with answered():
                try:
                    self._client.transact_write_items(
                        TransactItems=[put for place in left for put in self._puts(keys[place])],
                        ClientRequestToken=uuid4().hex,
                    )
                except self._client.exceptions.TransactionCanceledException as error:
                    reasons = error.response["CancellationReasons"]
                    refused = _refused([keys[place] for place in left], reasons)
                    if not refused:
                        raise Unavailable("TransactWriteItems: TransactionConflict") from None
                    fates |= {left[place]: fate for place, fate in refused.items()}
                else:
                    fates |= dict.fromkeys(left, Fate.IMPORTED)
        return [fates[place] for place in range(len(keys))]

    def _puts(self, key: ApiKey) -> list["TransactWriteItemTypeDef"]:
        items = (row.of_key(key, uuid4().hex), foreign.of_pointer(key.secret_hash, key.id))
        return [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": _NEW,
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
            for item in items
        ]


def _refused(keys: list[ApiKey], reasons: Sequence[Mapping[str, Any]]) -> dict[int, Fate]:
    """Return what is known of the keys that hindered the transaction, by their places in it."""
    refused: dict[int, Fate] = {}
    for place, key in enumerate(keys):
        of_key, of_pointer = reasons[2 * place : 2 * place + 2]
        if of_pointer["Code"] == _FAILED:
            same = foreign.to_target(of_pointer.get("Item", {})) == key.id
            refused[place] = Fate.PRESENT if same else Fate.KEY_KNOWN
        elif of_key["Code"] == _FAILED:
            refused[place] = Fate.ALIAS_TAKEN
    return refused
