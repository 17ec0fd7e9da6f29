"""The whole service on the loopback, as a client sees it, and a wire between it and AWS."""

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3

from infra.local.stack import Stack, local_stack
from infra.rehearsal.deployment import Deployment
from keyturn import keytext
from tests.e2e import documented
from tests.faults.wire import Wire, wire_to
from tests.races.places import moto_url

PATH = "/api/apikey"
Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """An answer; header names in lower case, with all the values each has. Hides what a key is."""

    status: int
    headers: Mapping[str, list[str]]
    body: dict[str, Any] = field(repr=False)

    def is_error(self, status: int, code: str, message: str | None = None) -> bool:
        """Assert that it is this error, in the contract's form."""
        assert (self.status, self.body["code"]) == (status, code)
        assert self.body.keys() == {"error", "code", "request_id"}
        assert self.headers["x-request-id"] == [self.body["request_id"]]
        assert message is None or self.body["error"] == message
        assert self.headers.get("www-authenticate") == (["Bearer"] if status == 401 else None)
        if status == 503:
            (seconds,) = self.headers["retry-after"]
            assert int(seconds) > 0
        else:
            assert "retry-after" not in self.headers
        return True


@dataclass(frozen=True)
class Service:
    """The running service; what is sent goes out byte for byte."""

    stack: Stack | Deployment
    wire: Wire
    dynamodb: Any
    """A client that goes past the wire."""

    def send(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Answer:
        """Send a request with these headers and no credentials, and read its answer."""
        url = urlsplit(self.stack.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=90)
        try:
            connection.putrequest(method, f"{url.path}{path}", skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        many: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            many.setdefault(name.lower(), []).append(value)
        answer = Answer(response.status, many, {} if method == "HEAD" else json.loads(said))
        if method != "HEAD":
            documented.check(method, path, answer.status, answer.headers, answer.body)
        return as_promised(answer)

    def post(
        self,
        body: object,
        *,
        key: str | None = None,
        path: str = PATH,
        headers: Headers | None = None,
    ) -> Answer:
        """Create or renew, by default as the first admin; bytes go out as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = [("Content-Type", "application/json")] if headers is None else list(headers)
        return self.send("POST", path, data, [*self.bearer(key), *sent])

    def delete(self, key: str, query: str = "", *, by: str | None = None) -> Answer:
        """Revoke; `key` goes into the path as it is."""
        return self.send("DELETE", f"{PATH}/{key}{query}", headers=self.bearer(by))

    def create(self, alias: str, **fields: object) -> dict[str, Any]:
        """Create or renew an alias's key, and return the answer's body."""
        answer = self.post({"alias": alias, "name": "name", **fields})
        assert answer.status in {200, 201}
        return answer.body

    def admits(self, key: str) -> bool:
        """Tell whether the authorizer lets a key in: then the request is refused for its body."""
        return self.post({}, key=key).status == 400

    def bearer(self, key: str | None = None) -> list[tuple[str, str]]:
        """Return the header that presents a key, or the first admin's."""
        return [("Authorization", f"Bearer {key or self.stack.admin_key}")]

    def row(self, alias: str) -> dict[str, Any] | None:
        """Return an alias's row as DynamoDB holds it."""
        found: dict[str, Any] = self.dynamodb.get_item(
            TableName=self.stack.table, Key=_row_of(alias), ConsistentRead=True
        )
        return found.get("Item")

    def change(self, alias: str, name: str, value: dict[str, Any]) -> None:
        """Change an attribute of an alias's row as no verb does."""
        self.dynamodb.update_item(
            TableName=self.stack.table,
            Key=_row_of(alias),
            UpdateExpression="SET #name = :value",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the whole table."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.table, ConsistentRead=True
        )
        return [item for page in pages for item in page["Items"]]


def as_promised(answer: Answer) -> Answer:
    """Assert what the contract says of every answer, and return it."""
    assert answer.headers["cache-control"] == ["no-store"]
    assert len(answer.headers["x-request-id"]) == 1
    # API Gateway's own name for it, which the emulator of AWS does not give.
    assert answer.headers["x-request-id"] == answer.headers.get(
        "x-amz-apigw-id", answer.headers["x-request-id"]
    )
    assert answer.headers["content-type"] == ["application/json"]
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    return answer


def _row_of(alias: str) -> dict[str, Any]:
    return {"id": {"S": keytext.id_of("", alias)}, "item": {"S": "key"}}


@contextmanager
def served(name: str, **parameters: str) -> Iterator[Service]:
    """Run the service with a table of its own on moto; `parameters` are the template's."""
    with (
        wire_to(moto_url()) as wire,
        local_stack(aws=wire.url, name=name, parameters=parameters) as stack,
        closing(boto3.client("dynamodb", endpoint_url=moto_url())) as onlooker,
    ):
        yield Service(stack, wire, onlooker)
