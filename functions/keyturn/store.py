"""One item per alias in DynamoDB, one conditional write per change.

What the loser of a race sees, what a lost reply does, what a repeat does, is said at each write.
The SDK repeats a write whose reply was lost, and that repeat then meets its own success: so each
write carries a random id in an attribute of its own (`create_id`, `renew_id`, `revoke_id`), asks
for the row when its condition fails, and recognises itself.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import uuid4

from keyturn import row
from keyturn.aws import answered
from keyturn.errors import KeyNotFound
from keyturn.keys import ApiKey, Grant, Reason

if TYPE_CHECKING:
    from botocore.exceptions import ClientError  # noqa: TID251 - the type's name, not the package
    from mypy_boto3_dynamodb.client import DynamoDBClient

_NEW = "attribute_not_exists(id)"
_RENEWABLE = (
    "alias = :is_alias AND generation = :is_generation AND (is_active = :yes"
    " OR attribute_not_exists(revoke_reason) OR revoke_reason <> :compromised)"
)
_ACTIVE = "attribute_exists(id) AND is_active = :yes"
_THIS_STRING = (
    "(secret_hash = :only OR (previous_hash = :only AND previous_expires_at > :updated_at))"
)
_THIS_GENERATION = "generation = :only"
_UNMARKED = "(attribute_not_exists(#{0}) OR #{0} <> :{0})"


class KeyStore:
    """The table of keys. Every method but `get` is one write."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Use `table`, which `template.yaml` declares."""
        self._client = client
        self._table = table

    def get(self, id: str) -> ApiKey | None:
        """Read a key, strongly consistent: what any write answered before is seen.

        Raises:
            Unavailable: DynamoDB did not answer, or the row cannot be read.
        """
        with answered():
            item = self._client.get_item(
                TableName=self._table, Key=row.primary_key(id), ConsistentRead=True
            ).get("Item")
        return None if item is None else row.to_key(item)

    def create(self, key: ApiKey) -> ApiKey | None:
        """Store a new key; `None` where its id already has a row.

        Loser of a race: `None`, it renews instead. Lost reply: recognised by `create_id`; answered
        is what the row holds now. Repeat: `None`.

        Raises:
            Unavailable: DynamoDB did not answer; the key may or may not be stored.
        """
        create_id = uuid4().hex
        with answered():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=row.of_key(key, create_id),
                    ConditionExpression=_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                item = _present(error)
                if item.get("create_id") != {"S": create_id}:
                    return None
                return row.to_key(item)
        return key

    def renew(self, key: ApiKey, grant: Grant, now: int, actor: str) -> ApiKey | None:
        """Start `key`'s validity anew; `None` where it changed since it was read.

        The condition is what the answer depends on: the alias, the generation (so that the string
        answered is the string stored) and that it is not known to have leaked. Renewals of one
        generation commute, the last one stays. Lost reply: recognised by `renew_id`, unless another
        renewal came between, which makes this one the last. Repeat: validity starts anew again.

        Raises:
            Unavailable: DynamoDB did not answer; the key may or may not be renewed.
        """
        item = self._update(
            key.id,
            {
                **row.of_grant(key.id, grant, now, actor),
                "renew_id": {"S": uuid4().hex},
                "revoked_at": None,
                "revoke_reason": None,
            },
            _RENEWABLE,
            {
                ":is_alias": {"S": key.alias},
                ":is_generation": row.number(key.generation),
                ":compromised": {"S": Reason.COMPROMISED},
                ":yes": {"BOOL": True},
            },
            "renew_id",
        )
        return None if item is None else row.to_key(item)

    def revoke(
        self, id: str, only: bytes | int | None, reason: Reason, now: int, actor: str
    ) -> ApiKey:
        """Revoke the key, where it is active and `only` is it.

        `only`: the digest of a secret (the string before the last rotation counts during its
        grace), or a generation (exactly that), or `None`, whatever it is. Loser of a race, and
        repeat: `KeyNotFound`. Lost reply: recognised by `revoke_id`, also after a renewal since,
        which stands. The row stays; it leaves the `due` index.

        Raises:
            KeyNotFound: no such key, another secret, or already revoked.
            Unavailable: DynamoDB did not answer; the key may or may not be revoked.
        """
        condition = _ACTIVE
        values: row.Item = {":yes": {"BOOL": True}}
        if isinstance(only, bytes):
            condition = f"{_ACTIVE} AND {_THIS_STRING}"
            values[":only"] = {"B": only}
        elif only is not None:
            condition = f"{_ACTIVE} AND {_THIS_GENERATION}"
            values[":only"] = row.number(only)
        change = {
            "is_active": {"BOOL": False},
            "revoked_at": row.number(now),
            "revoke_reason": {"S": reason},
            "updated_at": row.number(now),
            "updated_by": {"S": actor},
            "due_shard": None,
            "due_at": None,
        }
        return self._end(id, change, condition, values)

    def end_grace(self, id: str, generation: int, now: int, actor: str) -> ApiKey:
        """End the string before the last rotation at once, where `generation` is the current one.

        Loser of a race, repeat and lost reply: as with `revoke`.

        Raises:
            KeyNotFound: no grace runs, or it is another generation's.
            Unavailable: DynamoDB did not answer; the grace may or may not be ended.
        """
        change = {
            "previous_expires_at": row.number(now),
            "updated_at": row.number(now),
            "updated_by": {"S": actor},
        }
        values = {":yes": {"BOOL": True}, ":only": row.number(generation)}
        condition = f"{_ACTIVE} AND {_THIS_GENERATION} AND previous_expires_at > :updated_at"
        return self._end(id, change, condition, values)

    def _end(
        self, id: str, change: Mapping[str, row.Value | None], condition: str, values: row.Item
    ) -> ApiKey:
        marked = {**change, "revoke_id": {"S": uuid4().hex}}
        item = self._update(id, marked, condition, values, "revoke_id")
        if item is None:
            raise KeyNotFound
        return row.to_key(item)

    def _update(
        self,
        id: str,
        change: Mapping[str, row.Value | None],
        condition: str,
        values: row.Item,
        mark: str,
    ) -> row.Read | None:
        """Write `change` (`None` removes), unless its `mark` is there, and return the whole row.

        Where that or the condition fails: the row if the mark on it is our own, else `None`. The
        repeat of a write whose reply was lost must not undo what others have done since.
        """
        written = {name: value for name, value in change.items() if value is not None}
        sets = ", ".join(f"#{name} = :{name}" for name in written)
        removed = [f"#{name}" for name in change if name not in written]
        removes = f"REMOVE {', '.join(removed)}" if removed else ""
        with answered():
            try:
                return self._client.update_item(
                    TableName=self._table,
                    Key=row.primary_key(id),
                    UpdateExpression=f"SET {sets} {removes} ADD version :one",
                    ConditionExpression=f"{condition} AND {_UNMARKED.format(mark)}",
                    ExpressionAttributeNames={f"#{name}": name for name in change},
                    ExpressionAttributeValues={
                        **{f":{name}": value for name, value in written.items()},
                        **values,
                        ":one": row.number(1),
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException as error:
                item = _present(error)
                return item if item.get(mark) == change[mark] else None


def _present(error: "ClientError") -> row.Read:
    """Return the row that made a condition fail; empty where there is none."""
    item: row.Read = error.response.get("Item", {})  # type: ignore[assignment]
    return item
