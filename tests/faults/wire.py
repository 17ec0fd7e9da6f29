"""A wire on the loopback between the SDK and an AWS endpoint, that can lose, delay and forge."""

import http.client
import json
import socket
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

_HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Reply:
    """What goes back to the client.

    `cut`, and then the connection breaks half way through; `seconds`, and it comes in ten pieces.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    cut: bool = False
    seconds: float = 0


Forward = Callable[[], Reply]
Fault = Callable[[Forward], Reply | None]
"""Gets what sends the request on, and returns what is answered; `None`: the connection breaks."""


@dataclass(frozen=True)
class Passed:
    """A request that reached AWS, and what AWS answered, whatever became of that on its way."""

    operation: str
    body: dict[str, Any]
    status: int


class Wire:
    """What came along, and what is to happen to it.

    calls    the operations' names in the order in which their requests arrived; repeats count
    passed   those that reached the other end
    """

    def __init__(self, upstream: str, dynamodb: str = "") -> None:
        """Lead to `upstream`, a URL, and with what is DynamoDB's to `dynamodb` if that is given."""
        self.upstream = urlsplit(upstream)
        self.dynamodb = urlsplit(dynamodb or upstream)
        self.url = ""
        self.calls: list[str] = []
        self.passed: list[Passed] = []
        self.open: set[_Handler] = set()
        self.dead: set[_Handler] = set()
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def close(self) -> None:
        """Close every connection at this end, and let its client find out."""
        closed = list(self.open)
        for handler in closed:
            with suppress(OSError):  # its client was faster
                handler.connection.shutdown(socket.SHUT_RDWR)
        # Else one that has not noticed yet could still take a request, and not answer it.
        deadline = time.monotonic() + 5
        while self.open.intersection(closed) and time.monotonic() < deadline:
            time.sleep(0.001)

    def freeze(self) -> None:
        """Answer on no connection that is open now any more, and say nothing."""
        self.dead |= self.open

    def plan(self, operation: str, *faults: Fault) -> None:
        """Let the next requests of this operation meet these faults, one each."""
        self._planned[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Let every request of this operation, or of all (`*`), meet this fault."""
        self._always[operation] = fault

    def heal(self) -> None:
        """Plan nothing any more, and forget what came along."""
        self._planned.clear()
        self._always.clear()
        self.calls.clear()
        self.passed.clear()

    def fault(self, operation: str) -> Fault:
        """Return what the next request of this operation meets."""
        if self._planned[operation]:
            return self._planned[operation].popleft()
        return self._always.get(operation) or self._always.get("*") or whole


def whole(forward: Forward) -> Reply | None:
    """Nothing is wrong."""
    return forward()


def lost_request(_: Forward) -> Reply | None:
    """The connection breaks before AWS has the request."""
    return None


def lost_reply(forward: Forward) -> Reply | None:
    """AWS does what it was asked; the connection breaks before its answer."""
    forward()
    return None


def held(requests: list[Forward]) -> Fault:
    """The connection breaks at once; the request goes to `requests`, and from there to AWS."""

    def fault(forward: Forward) -> Reply | None:
        requests.append(forward)
        return None

    return fault


def half_reply(forward: Forward) -> Reply | None:
    """AWS does what it was asked; the connection breaks within its answer."""
    return replace(forward(), cut=True)


def garbled_reply(forward: Forward) -> Reply | None:
    """AWS does what it was asked; its answer is JSON still, but not by its checksum."""
    reply = forward()
    return replace(reply, body=reply.body + b" ")


def late_reply(seconds: float) -> Fault:
    """AWS does what it was asked, and its answer takes too long."""

    def fault(forward: Forward) -> Reply | None:
        reply = forward()
        time.sleep(seconds)
        return reply

    return fault


def late_request(seconds: float) -> Fault:
    """It takes too long until AWS does what it was asked."""

    def fault(forward: Forward) -> Reply | None:
        time.sleep(seconds)
        return forward()

    return fault


def slow_reply(seconds: float) -> Fault:
    """AWS does what it was asked, and its answer comes bit by bit."""
    return lambda forward: replace(forward(), seconds=seconds)


def failed_reply(forward: Forward) -> Reply | None:
    """AWS does what it was asked, and says that it failed."""
    forward()
    return _error(500, "InternalServerError")


def refused(code: str, status: int = 400) -> Fault:
    """AWS does nothing and answers this error."""
    return lambda _: _error(status, code)


def then(action: Callable[[], object], fault: Fault = lost_reply) -> Fault:
    """AWS does what it was asked, something else happens, and then the fault."""

    def both(forward: Forward) -> Reply | None:
        reply = forward()
        action()
        return fault(lambda: reply)

    return both


def _error(status: int, code: str) -> Reply:
    body = {"__type": f"com.amazonaws#{code}", "message": "told by the wire"}
    return Reply(
        status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(body).encode()
    )


@contextmanager
def wire_to(upstream: str, dynamodb: str = "") -> Iterator[Wire]:
    """Run a wire on a free loopback port."""
    wire = Wire(upstream, dynamodb)

    class Handler(_Handler):
        pass

    Handler.wire = wire
    with _Server(("127.0.0.1", 0), Handler) as server:
        wire.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open for longer than the test
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing of clients that did not wait; show everything else."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wire: Wire

    def setup(self) -> None:
        super().setup()
        self.wire.open.add(self)

    def finish(self) -> None:
        self.wire.open.discard(self)
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self in self.wire.dead:
            self.rfile.read()  # until the client has had enough
            return
        service, _, operation = self.headers["X-Amz-Target"].rpartition(".")
        upstream = self.wire.dynamodb if service.startswith("DynamoDB") else self.wire.upstream
        self.wire.calls.append(operation)
        reply = self.wire.fault(operation)(lambda: self._forward(upstream, operation, body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        said = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
        piece = max(1, len(said) // 10) if reply.seconds else len(said)
        for start in range(0, len(said), piece):
            time.sleep(reply.seconds / 10)
            self.wfile.write(said[start : start + piece])
        self.close_connection = reply.cut

    def _forward(self, upstream: SplitResult, operation: str, body: bytes) -> Reply:
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
        try:
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in {"accept-encoding", "connection", "expect"}
            }
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        self.wire.passed.append(Passed(operation, json.loads(body), reply.status))
        return reply

    def log_message(self, *_: object) -> None:
        """Say nothing."""
