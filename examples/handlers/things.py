# ruff: noqa: INP001 - the root of a function, not a package
"""A backend behind Keyturn's authorizer: it is told who calls, and never sees a key."""

import json
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a REST API's event or an HTTP API's: reading takes any key, making the role creator.

    The authorizer's context is `id`, `alias`, `roles` (joined with commas), `expire` and
    `generation`, all strings.
    """
    request = event["requestContext"]
    # An HTTP API puts it one level deeper.
    caller = request["authorizer"].get("lambda", request["authorizer"])
    method = event.get("httpMethod") or request["http"]["method"]
    if method == "POST" and "creator" not in caller["roles"].split(","):
        return _answer(403, {"error": "making things takes the role creator"})
    return _answer(200, {"id": caller["id"], "alias": caller["alias"], "roles": caller["roles"]})


def _answer(status: int, body: dict[str, str]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
