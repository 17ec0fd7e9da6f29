"""What happened to a key, kept beside it: rows `event#<time>#<version>`, removed after some days.

Never a key row: the stream's filter leaves them out, so that what is kept is not told again.
"""

import json
from typing import TYPE_CHECKING, Any

from keyturn.aws import answered
from keyturn.changes import Change
from keyturn.keys import DAY, moment
from keyturn.row import Item, number

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_PREFIX = "event#"


class Trail:
    """The audit rows of a table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Use `table`, the same that holds the keys."""
        self._client = client
        self._table = table

    def keep(self, change: Change, days: int) -> None:
        """Write what happened, for `days`. A repeat finds it there and changes nothing.

        Raises:
            Unavailable: DynamoDB did not answer; it may or may not be kept.
        """
        item: Item = {
            "id": {"S": change.key.id},
            "item": {"S": f"{_PREFIX}{moment(change.at)}#{change.key.version:010}"},
            "type": {"S": change.happening},
            "detail": {"S": json.dumps(change.detail())},
            "delete_at": number(change.at + days * DAY),
        }
        with answered():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id)",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def page(
        self, id: str, limit: int, after: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return what happened to a key, the newest first, and where the next page starts.

        Rows past their days may still be there for a while: whoever reads decides.

        Raises:
            Unavailable: DynamoDB did not answer.
        """
        start: dict[str, Any] = {}
        if after is not None:
            start = {"ExclusiveStartKey": {"id": {"S": id}, "item": {"S": after}}}
        with answered():
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="id = :id AND begins_with(#item, :prefix)",
                ExpressionAttributeNames={"#item": "item"},
                ExpressionAttributeValues={":id": {"S": id}, ":prefix": {"S": _PREFIX}},
                ScanIndexForward=False,
                Limit=limit,
                **start,
            )
        events = [
            {"type": item["type"]["S"], **json.loads(item["detail"]["S"])} for item in page["Items"]
        ]
        last = page.get("LastEvaluatedKey")
        return events, None if last is None else last["item"]["S"]
