"""When a key was last used, and how often: rows `usage` and `usage#<day>#<shard>` beside it.

Never a key's row, and in no index: counting must not slow what decides. `usage` knows of two
generations when they were last seen, the latest even and the latest odd one, and so always of the
current and of the one before. A day's counters lie in `SHARDS` rows, each batch in one of them,
since one row takes no more than a thousand writes a second. Each of these rows remembers the last
batches that it counted: so one that comes again is known without a read (`marks`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keyturn import marks, row
from keyturn.aws import answered
from keyturn.errors import Unavailable
from keyturn.keys import DAY, Outcome
from keyturn.tally import COUNTED, NEVER, Day, LastUse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SHARDS = 4

_ITEM = "usage"
_PARITIES = ("even", "odd")
_NOT_COUNTED = marks.unknown("batch")
_REMEMBER = marks.remember("batch")
_SEEN_EARLIER = (
    "(attribute_not_exists({0}_generation) OR {0}_generation < :{0}_generation"
    " OR ({0}_generation = :{0}_generation AND {0}_seen_at < :{0}_seen_at))"
)


class Usage:
    """The rows of usage in a table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Use `table`, the same that holds the keys."""
        self._client = client
        self._table = table

    def last(self, id: str) -> LastUse:
        """Read when a key was last used; eventually consistent, as the log is anyway.

        Raises:
            Unavailable: DynamoDB did not answer, or the row cannot be read.
        """
        with answered():
            item = self._client.get_item(TableName=self._table, Key=_primary_key(id)).get("Item")
        return _last_use(item or {})

    def last_of(self, ids: Sequence[str]) -> dict[str, LastUse]:
        """Read the same of up to 100 keys in one call; what that leaves out is asked for once more.

        Raises:
            Unavailable: DynamoDB did not answer for all, or a row cannot be read.
        """
        found = dict.fromkeys(ids, NEVER)
        asked: Any = {self._table: {"Keys": [_primary_key(id) for id in ids]}} if ids else {}
        for _ in range(2):
            if asked:
                with answered():
                    got = self._client.batch_get_item(RequestItems=asked)
                for item in got["Responses"].get(self._table, []):
                    found[item["id"]["S"]] = _last_use(item)
                asked = got.get("UnprocessedKeys")
        if asked:
            raise Unavailable("BatchGetItem: UnprocessedKeys")
        return found

    def days(self, id: str, first: int, last: int) -> list[Day]:
        """Read how often a key was used, on each day from `first` to `last`.

        Raises:
            Unavailable: DynamoDB did not answer, or a row cannot be read.
        """
        days = [Day(day, Counter()) for day in range(first, last + 1)]
        counts = {f"{_ITEM}#{day.name}": day.counts for day in days}
        start: dict[str, Any] = {}
        while True:
            with answered():
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="id = :id AND #item BETWEEN :first AND :last",
                    ExpressionAttributeNames={"#item": "item"},
                    ExpressionAttributeValues={
                        ":id": {"S": id},
                        ":first": {"S": _counters(days[0], 0)},
                        ":last": {"S": _counters(days[-1], SHARDS - 1)},
                    },
                    **start,
                )
            for item in page["Items"]:
                counts[item["item"]["S"].rpartition("#")[0]].update(_counts(item))
            if "LastEvaluatedKey" not in page:
                return days
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def see(self, id: str, seen: Mapping[int, int]) -> None:
        """Note when generations were seen, where that is later than what is known of each.

        One write. Where it saw two generations, and of one of them something later is known, the
        other is written once more, alone. Loser of a race, lost reply and repeat: the later time
        stays.

        Raises:
            Unavailable: DynamoDB did not answer; it may or may not be noted.
        """
        latest = {_PARITIES[it % 2]: (it, at) for it, at in sorted(seen.items())}
        if not self._see(id, latest) and len(latest) > 1:
            for parity, known in latest.items():
                self._see(id, {parity: known})

    def count(self, id: str, day: Day, batch: str, keep: int) -> None:
        """Add to a day's counters, which are kept for so many days after it.

        Lost reply, and repeat: nothing, where `batch` is among the last ones; else counted again.

        Raises:
            Unavailable: DynamoDB did not answer; it may or may not be counted.
        """
        sets = ["delete_at = :delete_at", *_REMEMBER]
        self._update(
            id,
            _counters(day, int(batch, 16) % SHARDS),
            f"SET {', '.join(sets)} ADD {', '.join(f'{name} :{name}' for name in day.counts)}",
            _NOT_COUNTED,
            {
                ":delete_at": row.number((day.day + 1 + keep) * DAY),
                ":batch": {"S": batch},
                **{f":{name}": row.number(times) for name, times in day.counts.items()},
            },
        )

    def _see(self, id: str, latest: Mapping[str, tuple[int, int]]) -> bool:
        values: row.Item = {}
        for parity, (generation, at) in latest.items():
            values[f":{parity}_generation"] = row.number(generation)
            values[f":{parity}_seen_at"] = row.number(at)
        return self._update(
            id,
            _ITEM,
            f"SET {', '.join(f'{value[1:]} = {value}' for value in values)}",
            " AND ".join(map(_SEEN_EARLIER.format, latest)),
            values,
        )

    def _update(self, id: str, item: str, update: str, condition: str, values: row.Item) -> bool:
        """Tell whether the condition held."""
        with answered():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"id": {"S": id}, "item": {"S": item}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True


def _primary_key(id: str) -> row.Item:
    return {"id": {"S": id}, "item": {"S": _ITEM}}


def _counters(day: Day, shard: int) -> str:
    return f"{_ITEM}#{day.name}#{shard}"


def _last_use(item: row.Read) -> LastUse:
    return row.parsed(
        lambda: LastUse(
            {
                int(item[f"{parity}_generation"]["N"]): int(item[f"{parity}_seen_at"]["N"])
                for parity in _PARITIES
                if f"{parity}_generation" in item
            }
        )
    )


def _counts(item: row.Read) -> dict[Outcome, int]:
    return row.parsed(lambda: {name: int(item[name]["N"]) for name in COUNTED if name in item})
