"""One item per alias in DynamoDB, one conditional write per change.

What the loser of a race sees and what a repeat does is said at each write. A lost reply is the same
for all: `create` and `update` leave a mark on the row, by which the SDK's repeat recognises itself.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keyturn import marks, row
from keyturn.aws import answered
from keyturn.due import Notice, next_due
from keyturn.errors import KeyNotFound
from keyturn.keys import ApiKey, By, Grant, Reason
from keyturn.update import Update, mark, present, updated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_NEW = "attribute_not_exists(id)"
_RENEWABLE = (
    "alias = :is_alias AND generation = :is_generation AND (is_active = :yes"
    " OR attribute_not_exists(revoke_reason) OR revoke_reason <> :compromised)"
)
_ACTIVE = "is_active = :yes"
_THIS_STRING = (
    "(secret_hash = :only OR (previous_hash = :only AND previous_expires_at > :updated_at))"
)
_THIS_GENERATION = "generation = :only"
_LONGER_GRACE = f"{_THIS_GENERATION} AND previous_expires_at > :previous_expires_at"
_NOT_CONDEMNED = (
    "(is_active = :yes OR attribute_not_exists(revoke_reason) OR revoke_reason <> :revoke_reason)"
)


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

        Loser of a race: `None`, it renews instead. Lost reply: answered is what the row holds now.
        Repeat: `None`.

        Raises:
            Unavailable: DynamoDB did not answer; the key may or may not be stored.
        """
        own = mark()
        with answered():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=row.of_key(key, own),
                    ConditionExpression=_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                item = present(error)
                return row.to_key(item) if marks.knows(item, "mark", own) else None
        return key

    def renew(self, read: ApiKey, renewed: ApiKey, grant: Grant) -> ApiKey | None:
        """Write `renewed`, begun from what was `read`; `None` where that has changed since.

        The condition is what the answer depends on: the alias, the generation (so that the string
        answered is the string stored), that it is not known to have leaked, and what `due_at`
        follows from. Renewals commute otherwise, the last one stays; what `grant` left out is not
        written. Repeat: validity starts anew again.

        Raises:
            Unavailable: DynamoDB did not answer; the key may or may not be renewed.
        """
        change = row.of_renewal(renewed)
        if grant.metadata is not None:
            change |= row.of_metadata(renewed)
        if not grant.keeps_rotation:
            change |= row.of_rotation_period(renewed)
        condition = _RENEWABLE
        values: row.Item = {
            ":is_alias": {"S": read.alias},
            ":is_generation": row.number(read.generation),
            ":compromised": {"S": Reason.COMPROMISED},
            ":yes": {"BOOL": True},
        }
        for name in ("rotate_every_days", "previous_expires_at"):
            if (value := getattr(read, name)) is None:
                condition += f" AND attribute_not_exists({name})"
            else:
                condition += f" AND {name} = :is_{name}"
                values[f":is_{name}"] = row.number(value)
        item = self._update(read.id, Update(change, condition, values))
        return None if item is None else row.to_key(item)

    def rotate(self, read: ApiKey, rotated: ApiKey) -> ApiKey | None:
        """Write `rotated`, begun from what was `read`; `None` where anything has changed since.

        Loser of a race, and repeat: `None`, it reads again and finds a grace running, or its
        rotation id. Lost reply: the row as it is; its digest tells whose string it holds.

        Raises:
            Unavailable: DynamoDB did not answer; the key may or may not be rotated.
        """
        values = {":is_version": row.number(read.version)}
        update = Update(row.of_rotation(rotated), "version = :is_version", values)
        item = self._update(read.id, update)
        return None if item is None else row.to_key(item)

    def revoke(self, id: str, only: bytes | int | None, reason: Reason, now: int, by: By) -> ApiKey:
        """Revoke the key, where it is active and `only` is it.

        `only`: the digest of a secret (the string before the last rotation counts during its
        grace), or a generation (exactly that), or `None`, whatever it is. Loser of a race, and
        repeat: `KeyNotFound`. The row stays; it leaves the `due` index.

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
        change = row.of_revocation(id, reason, now, by)
        return self._end(id, Update(change, condition, values))

    def condemn(self, id: str, now: int, by: By) -> ApiKey:
        """Revoke the key as compromised, also where it was revoked for another reason before.

        Otherwise as `revoke`.

        Raises:
            KeyNotFound: no such key, or known as compromised already.
            Unavailable: DynamoDB did not answer; the key may or may not be revoked.
        """
        change = row.of_revocation(id, Reason.COMPROMISED, now, by)
        return self._end(id, Update(change, _NOT_CONDEMNED, {":yes": {"BOOL": True}}))

    def end_grace(self, id: str, generation: int, until: int, now: int, by: By) -> ApiKey:
        """End the string before the last rotation earlier, where `generation` is the current one.

        Also of a revoked key: its renewal would let the grace run on. Otherwise as `revoke`.

        Raises:
            KeyNotFound: no grace runs for so long, or it is another generation's.
            Unavailable: DynamoDB did not answer; the grace may or may not be shortened.
        """
        values = {":only": row.number(generation)}
        return self._end(id, Update(row.of_grace(until, now, by), _LONGER_GRACE, values))

    def due(self, now: int) -> Iterator[str]:
        """Yield the ids of keys that are due at `now`, the longest overdue first in each shard.

        From an index, so eventually consistent: what is yielded is read again before it is acted
        on. Reads only what is due.

        Raises:
            Unavailable: DynamoDB did not answer.
        """
        for shard in range(row.DUE_SHARDS):
            start: dict[str, Any] = {}
            while True:
                with answered():
                    page = self._client.query(
                        TableName=self._table,
                        IndexName="due",
                        KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                        ExpressionAttributeValues={
                            ":shard": row.number(shard),
                            ":now": row.number(now),
                        },
                        **start,
                    )
                yield from (item["id"]["S"] for item in page["Items"])
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def move_due(self, read: ApiKey, after: int, notice: Notice | None = None) -> None:
        """Move a key on to when it is next due `after`, with a notice of what was due, if any.

        Loser of a race, and repeat: nothing; whatever changed the key has set when it is due, and a
        notice is given once. A key that merely moves on keeps its `version`: nothing happened.

        Raises:
            Unavailable: DynamoDB did not answer; the notice may or may not be given.
        """
        change = row.of_due(read.id, next_due(read, after))
        if notice is not None:
            change |= row.of_notice(notice)
        values = {":is_version": row.number(read.version), ":is_due": row.number(read.due_at or 0)}
        condition = "version = :is_version AND due_at = :is_due"
        self._update(read.id, Update(change, condition, values, counts=notice is not None))

    def _end(self, id: str, update: Update) -> ApiKey:
        item = self._update(id, update)
        if item is None:
            raise KeyNotFound
        return row.to_key(item)

    def _update(self, id: str, update: Update) -> row.Read | None:
        return updated(self._client, self._table, id, update)
