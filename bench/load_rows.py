"""The table after a load, held against what its clients were told: nothing lost or doubled."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

_SHOWN = 10

Item = Mapping[str, Mapping[str, Any]]


def compare(
    client: Any,  # noqa: ANN401 - boto3's
    table: str,
    keys: Sequence[Mapping[str, Any]],
    patience: float = 120,
) -> dict[str, Any]:
    """Return how many rows there are, and which are not as they were answered.

    A key's row must hold what its last answer said, have as many versions as changes were answered,
    and one row beside it for each. The stream comes behind: `patience` seconds are given to it.
    """
    sure = {key["id"]: key for key in keys if key["sure"]}
    wanted = {id: key["version"] for id, key in sure.items()}
    deadline = time.monotonic() + patience
    while True:
        items = _items(client, table)
        kept = Counter(item["id"]["S"] for item in items if item["item"]["S"].startswith("event#"))
        if all(kept[id] >= version for id, version in wanted.items()):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    rows = {item["id"]["S"]: item for item in items if item["item"]["S"] == "key"}
    wrong = [f"no row: {key['alias']}" for id, key in sure.items() if id not in rows]
    wrong += [
        f"{key['alias']}: {name} differs"
        for id, key in sure.items()
        if id in rows
        for name in _differing(rows[id], key)
    ]
    wrong += [
        f"{sure[id]['alias']}: {version} changes, and {kept[id]} of them kept"
        for id, version in wanted.items()
        if kept[id] != version
    ]
    strangers = rows.keys() - {key["id"] for key in keys}
    if len(strangers) != 1:  # the first admin's
        wrong.append(f"{len(strangers)} rows of keys that nobody was answered")
    return {
        "rows": len(rows),
        "unsure": len(keys) - len(sure),
        "changes": sum(wanted.values()),
        "rows_that_differ": wrong[:_SHOWN],
    }


def _items(client: Any, table: str) -> list[Item]:  # noqa: ANN401
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def _differing(row: Item, key: Mapping[str, Any]) -> list[str]:
    expires_at = datetime.fromisoformat(key["expire"]).timestamp()
    held = {
        "alias": row["alias"]["S"],
        "name": row["name"]["S"],
        "roles": [role["S"] for role in row["roles"]["L"]],
        "is_active": row["is_active"]["BOOL"],
        "generation": int(row["generation"]["N"]),
        "version": int(row["version"]["N"]),
        "secret_hash": bytes(row["secret_hash"]["B"]).hex(),
        "expire": int(row["expires_at"]["N"]),
    }
    return [name for name, value in held.items() if value != {**key, "expire": expires_at}[name]]
