"""One conditional update of a key's row, and what it means where it is refused.

The SDK repeats a write whose reply was lost, and that repeat then meets its own success. So each
write leaves a random mark on the row, and is refused if it is there already: it asks for the row
then, and recognises itself. What others have written since stands. One that was repeated and is
refused for another reason is of unknown outcome: its first request may still be under way.
"""

from secrets import token_urlsafe
from typing import TYPE_CHECKING, NamedTuple

from keyturn import marks, row
from keyturn.aws import answered
from keyturn.errors import Unavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError  # noqa: TID251 - the type's name, not the package
    from mypy_boto3_dynamodb.client import DynamoDBClient

_UNMARKED = marks.unknown("mark")
_MARK = marks.remember("mark")


class Update(NamedTuple):
    """What is written to a row, and on what condition.

    `change` by attribute, `None` removes it; `values` are the condition's; `counts`: whether
    `version` does.
    """

    change: row.Change
    condition: str
    values: row.Item
    counts: bool = True


def mark() -> str:
    """Return a write's own mark: 48 random bits, told from those of one row."""
    return token_urlsafe(6)


def updated(client: "DynamoDBClient", table: str, id: str, update: Update) -> row.Read | None:
    """Write, and return the whole row; as it is by now, where this very write was done before.

    `None`: the condition does not hold.

    Raises:
        Unavailable: DynamoDB did not answer, or the row cannot be read; the write may or may not be
            done.
    """
    written = {name: value for name, value in update.change.items() if value is not None}
    clauses = {
        "SET": [*(f"#{name} = :{name}" for name in written), *_MARK],
        "REMOVE": [f"#{name}" for name in update.change if name not in written],
        "ADD": ["version :counts"],
    }
    own = mark()
    with answered():
        try:
            return client.update_item(
                TableName=table,
                Key=row.primary_key(id),
                UpdateExpression=" ".join(
                    f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts
                ),
                # What another version of ours wrote is not for this one to write over.
                ConditionExpression=f"#schema = :schema AND {update.condition} AND {_UNMARKED}",
                ExpressionAttributeNames={f"#{name}": name for name in ("schema", *update.change)},
                ExpressionAttributeValues={
                    **{f":{name}": value for name, value in written.items()},
                    **update.values,
                    ":schema": row.number(row.SCHEMA),
                    ":mark": {"S": own},
                    ":counts": row.number(int(update.counts)),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except client.exceptions.ConditionalCheckFailedException as error:
            item = present(error)
            if marks.knows(item, "mark", own):
                return item
            if item:
                row.to_key(item)  # refused for what it holds, then, and not for what it lacks
            if error.response["ResponseMetadata"]["RetryAttempts"]:
                raise Unavailable("UpdateItem: refused when repeated") from None
            return None


def present(error: "ClientError") -> row.Read:
    """Return the row that made a condition fail; empty where there is none."""
    item: row.Read = error.response.get("Item", {})  # type: ignore[assignment]
    return item
