"""AWS's own DynamoDB Local in moto's place, behind the same wire; what calls consume is counted."""

import json
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.support_aws import Answer

_METERED = {"GetItem", "Query", "PutItem", "UpdateItem"}


class Metered:
    """One DynamoDB; `units` are capacity units consumed, by operation."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.units: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any]) -> Answer:
        """Send a request on. It asks for what it costs, which nobody of ours does."""
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        operation = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
        if operation in _METERED:
            body["ReturnConsumedCapacity"] = "TOTAL"
        headers = {
            "Authorization": environ["HTTP_AUTHORIZATION"],
            "Content-Type": environ["CONTENT_TYPE"],
            "X-Amz-Date": environ["HTTP_X_AMZ_DATE"],
            "X-Amz-Target": environ["HTTP_X_AMZ_TARGET"],
        }
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=30)) as connection:
            connection.request("POST", "/", json.dumps(body), headers)
            response = connection.getresponse()
            answered = response.read()
        consumed = json.loads(answered).get("ConsumedCapacity", {})
        self.units[operation] += consumed.get("CapacityUnits", 0)
        kept = [(name, value) for name, value in response.getheaders() if name.startswith("x-amz")]
        return Answer(f"{response.status} {response.reason}", kept, answered)
