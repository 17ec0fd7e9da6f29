"""Lists of keys, from the index `by_alias`: in the order of their aliases, eventually consistent.

The index holds neither hashes nor ciphertext. A page reads as many rows as it may hold, wherever it
starts; with a status asked for it may come out short, or empty, though more follow.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from keyturn import row
from keyturn.aws import answered
from keyturn.keys import ApiKey, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_FILTERS = {
    Status.REVOKED: "is_active = :no",
    Status.EXPIRED: "is_active <> :no AND expires_at <= :now",
    Status.ACTIVE: "is_active <> :no AND expires_at > :now",
}


class Page(NamedTuple):
    """Some keys, and the alias and id of the last one read; `None` where no more follow."""

    keys: list[ApiKey]
    last: list[str] | None


class Listing:
    """The index of a table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Use `table`."""
        self._client = client
        self._table = table

    def page(
        self,
        limit: int,
        after: list[str] | None,
        alias_prefix: str,
        status: Status | None,
        now: int,
    ) -> Page:
        """Read one page: keys whose alias starts with `alias_prefix`, after `after`.

        Raises:
            Unavailable: DynamoDB did not answer, or a row cannot be read.
        """
        query: dict[str, Any] = {}
        condition = "kind = :kind"
        values: row.Item = {":kind": {"S": row.ITEM}}
        if alias_prefix:
            condition += " AND begins_with(alias, :prefix)"
            values[":prefix"] = {"S": alias_prefix}
        if status is not None:
            query["FilterExpression"] = _FILTERS[status]
            values[":no"] = {"BOOL": False}
            if ":now" in _FILTERS[status]:
                values[":now"] = row.number(now)
        if after is not None:
            alias, id = after
            query["ExclusiveStartKey"] = {
                **row.primary_key(id),
                "kind": {"S": row.ITEM},
                "alias": {"S": alias},
            }
        with answered():
            page = self._client.query(
                TableName=self._table,
                IndexName="by_alias",
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                Limit=limit,
                **query,
            )
        last = page.get("LastEvaluatedKey")
        return Page(
            [row.to_listed(item) for item in page["Items"]],
            None if last is None else [last["alias"]["S"], last["id"]["S"]],
        )
