"""AWS, as far as the tests need it: moto's server, and a wire to it that can be watched and cut."""

import io
import json
import logging
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ONLOOKER = "onlooker"


class Answer(NamedTuple):
    status: str
    headers: Iterable[tuple[str, str]]
    body: bytes


Call = Callable[[], Answer]
Fault = Callable[[Call], Answer]


class Aws:
    """What came over the wire, and what is to happen to it.

    calls   the operations' names, in the order in which their requests arrived; repeats by the SDK
            count, since each is a request
    sent    the same requests' bodies
    done    those of them that were carried out, each an operation and a body
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.sent: list[bytes] = []
        self.done: list[tuple[str, bytes]] = []
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.dynamodb: Callable[[WSGIEnvironment], Answer] | None = None  # another one than moto

    def plan(self, operation: str, *faults: Fault) -> None:
        """Let the next requests of this operation meet these faults, one each."""
        self._planned[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Let every request of this operation, or of all (`*`), meet this fault, until healed."""
        self._always[operation] = fault

    def forget(self) -> None:
        """Forget what came."""
        self.calls.clear()
        self.sent.clear()
        self.done.clear()

    def heal(self) -> None:
        """Plan nothing any more."""
        self._planned.clear()
        self._always.clear()

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> list[bytes]:
        fault: Fault = whole
        call = partial(self._forward, environ)
        if f"={_ONLOOKER}/" not in environ["HTTP_AUTHORIZATION"]:
            operation = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            self.calls.append(operation)
            self.sent.append(body)
            planned = self._planned[operation]
            always = self._always.get(operation) or self._always.get("*", whole)
            fault = planned.popleft() if planned else always
            call = partial(self._carry_out, environ, (operation, body))
        answer = fault(call)
        headers = [(name, value) for name, value in answer.headers if name != "Content-Length"]
        start_response(answer.status, [*headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def _carry_out(self, environ: dict[str, Any], request: tuple[str, bytes]) -> Answer:
        answer = self._forward(environ)
        self.done.append(request)
        return answer

    def _forward(self, environ: dict[str, Any]) -> Answer:
        if self.dynamodb and environ["HTTP_X_AMZ_TARGET"].startswith("DynamoDB"):
            return self.dynamodb(environ)
        body, status, headers = run_wsgi_app(self._moto, environ)
        return Answer(status, list(headers.items()), b"".join(body))


def whole(call: Call) -> Answer:
    """Nothing is wrong."""
    return call()


def lost_reply(call: Call) -> Answer:
    """The request is carried out; the connection breaks before its answer."""
    call()
    raise ConnectionResetError


def lost_request(_call: Call) -> Answer:
    """The connection breaks before the request is carried out."""
    raise ConnectionResetError


def refused(code: str, status: int = 400, message: str = "a message with detail") -> Fault:
    """AWS answers with this error and does nothing."""

    def fault(_call: Call) -> Answer:
        body = {"__type": f"com.amazonaws#{code}", "message": message}
        headers = [("Content-Type", "application/x-amz-json-1.0")]
        return Answer(f"{status} {code}", headers, json.dumps(body).encode())

    return fault


def first(action: Callable[[], object], then: Fault = whole) -> Fault:
    """Something else happens just before the request arrives."""

    def fault(call: Call) -> Answer:
        action()
        return then(call)

    return fault


def afterwards(action: Callable[[], object], then: Fault = lost_reply) -> Fault:
    """Something else happens once the request is carried out, before its answer."""

    def fault(call: Call) -> Answer:
        answer = call()
        action()
        return then(lambda: answer)

    return fault


class _Connection(WSGIRequestHandler):
    def connection_dropped(
        self, _error: BaseException, _environ: "WSGIEnvironment | None" = None
    ) -> None:
        self.close_connection = True


@cache
def onlooker(service: Literal["dynamodb", "kms"]) -> Any:  # noqa: ANN401 - one of two clients
    """Return a client whose calls are neither noted nor disturbed."""
    return boto3.client(service, aws_access_key_id=_ONLOOKER, aws_secret_access_key=_ONLOOKER)


class Table:
    """The table's rows, as DynamoDB holds them."""

    def __init__(self) -> None:
        self._client = onlooker("dynamodb")

    def rows(self) -> list[dict[str, Any]]:
        return list(self._client.scan(TableName="keyturn-Table", ConsistentRead=True)["Items"])

    def row(self) -> dict[str, Any]:
        """Return the only row."""
        (row,) = self.rows()
        return row

    def key(self, id: str) -> dict[str, Any] | None:
        """Return a key's row."""
        place = {"id": {"S": id}, "item": {"S": "key"}}
        got = self._client.get_item(TableName="keyturn-Table", Key=place, ConsistentRead=True)
        found: dict[str, Any] | None = got.get("Item")
        return found

    def put(self, row: dict[str, Any]) -> None:
        self._client.put_item(TableName="keyturn-Table", Item=row)

    def clear(self) -> None:
        for row in self.rows():
            self._client.delete_item(
                TableName="keyturn-Table", Key={"id": row["id"], "item": row["item"]}
            )


def empty() -> None:
    """Empty moto's tables and streams, without a request: there are two for every test.

    Streams too, because moto copies them with their table, for every item of a transaction.
    """
    for backend in dynamodb_backends[DEFAULT_ACCOUNT_ID].values():
        for table in backend.tables.values():
            table.items.clear()
            if table.stream_shard:
                table.stream_shard.items.clear()


@contextmanager
def serve(listening: socket.socket) -> Iterator[Aws]:
    """Serve AWS on a socket that listens, in threads of this process."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    aws = Aws()
    server = make_server(
        "127.0.0.1",
        listening.getsockname()[1],
        aws,
        threaded=True,
        request_handler=_Connection,
        fd=listening.fileno(),
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
