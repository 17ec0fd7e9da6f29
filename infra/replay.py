"""End in a restored table what has ended since: `python -m infra.replay --table RESTORED ...`.

A table restored to an earlier time holds keys active that were revoked since, and strings current
that were rotated away. What ended them is taken from the table as it was (`--from-table`) or from
events (`--from-events`, JSON lines of the bus's archive), and is only ever taken away here: a key
that was rotated since is revoked as compromised, so that no renewal hands its old string out again.

Repeating it is safe: what is ended is left. Prints a line for each key, and nothing of its string.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "functions"))

from keyturn import aws, row
from keyturn.changes import Happening
from keyturn.errors import KeyNotFound, Unavailable
from keyturn.keys import By, Reason
from keyturn.store import KeyStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_BEGINS = {Happening.CREATED, Happening.REACTIVATED, Happening.ROTATED}
_GRACES = {Happening.GRACE_SHORTENED, Happening.GRACE_ENDED}


class End(NamedTuple):
    """What ended of a key: it as a whole for a `reason`, or a grace of this `generation` `until`.

    Neither: it was made since, and nothing of it is here.
    """

    id: str
    why: str
    reason: Reason | None = None
    generation: int = 0
    until: int = 0


def in_table(client: "DynamoDBClient", table: str, since: int, now: KeyStore) -> Iterator[End]:
    """Yield what ended since, by the keys' rows in `table`; `now` is the restored one.

    A row that cannot be read is named on standard error and passed over.
    """
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="#item = :key AND updated_at >= :since",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues={":key": {"S": row.ITEM}, ":since": row.number(since)},
    )
    for item in (item for page in pages for item in page["Items"]):
        try:
            key = row.to_key(item)
            restored = now.get(key.id)
        except Unavailable as error:
            sys.stderr.write(f"{item['id']['S']}: not read: {error.detail}\n")
            continue
        if restored is None:
            yield End(key.id, "created since")
            continue
        if not key.is_active:
            yield End(key.id, "revoked since", key.revoke_reason or Reason.UNSPECIFIED)
        if key.generation > restored.generation:
            yield End(key.id, "rotated since", Reason.COMPROMISED)
        elif (key.previous_expires_at or 0) < (restored.previous_expires_at or 0):
            until = key.previous_expires_at or 0
            yield End(key.id, "grace ended since", generation=key.generation, until=until)


def in_events(lines: Iterable[str], since: int) -> Iterator[End]:
    """Yield what ended since, by events in whatever order and however often."""
    told: dict[str, dict[int, tuple[str, dict[str, Any]]]] = {}
    for line in filter(str.strip, lines):
        event = json.loads(line)
        detail = event["detail"]
        if _epoch(detail["at"]) >= since:
            by_version = told.setdefault(detail["id"], {})
            by_version[detail["version"]] = (event["detail-type"], detail)
    for id, by_version in told.items():
        yield from _of_key(id, [by_version[version] for version in sorted(by_version)])


def _of_key(id: str, changes: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[End]:
    revoked: End | None = None
    for kind, detail in changes:
        if kind == Happening.CREATED:
            yield End(id, "created since")
        elif kind == Happening.ROTATED:
            yield End(id, "rotated since", Reason.COMPROMISED)
        elif kind in _GRACES:
            until = _epoch(detail["previous_expires_at"])
            yield End(id, "grace ended since", generation=detail["generation"], until=until)
        if kind == Happening.REVOKED:
            revoked = End(id, "revoked since", Reason(detail["reason"]))
        elif kind in _BEGINS:
            revoked = None
    if revoked is not None:
        yield revoked


def replay(ends: Iterable[End], store: KeyStore, now: int) -> Iterator[str]:
    """End what ended, and yield a line for each end.

    Raises:
        Unavailable: DynamoDB did not answer. Repeat it.
    """
    by = By("replay", "restore")
    for end in ends:
        try:
            if end.reason is Reason.COMPROMISED:
                store.condemn(end.id, now, by)
            elif end.reason is not None:
                store.revoke(end.id, None, end.reason, now, by)
            elif end.generation:
                store.end_grace(end.id, end.generation, end.until, now, by)
            else:
                yield f"{end.id} {end.why}: not here: create it again"
                continue
        except KeyNotFound:
            yield f"{end.id} {end.why}: ended already, or not here"
        else:
            yield f"{end.id} {end.why}: ended"


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.replay", description=__doc__)
    parser.add_argument("--table", required=True, help="the restored table")
    parser.add_argument("--since", required=True, type=datetime.fromisoformat, help="restored to")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from-table", help="the table as it was")
    source.add_argument("--from-events", type=Path, help="a file with one event a line")
    options = parser.parse_args(arguments)
    if options.since.tzinfo is None:
        parser.error("--since needs its zone, for example 2026-11-25T10:00:00Z")
    client = aws.dynamodb()
    store = KeyStore(client, options.table)
    since, now = int(options.since.timestamp()), int(datetime.now().astimezone().timestamp())
    if options.from_table:
        ends = in_table(client, options.from_table, since, store)
    else:
        ends = in_events(options.from_events.read_text(encoding="utf-8").splitlines(), since)
    for line in replay(ends, store, now):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
