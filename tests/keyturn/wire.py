"""A server for the lean read that answers what a test says, down to the bytes and the silence."""

import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import parse_headers
from threading import Event, Lock, Thread
from traceback import format_exception
from typing import Any, NamedTuple
from zlib import crc32

import pytest

from keyturn.errors import Unavailable
from keyturn.lean import LeanReader

ID = "0123456789abcdefg"
ROW = {"id": {"S": ID}, "secret_hash": {"B": "AAECAw=="}}
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"


class Request(NamedTuple):
    headers: dict[str, str]
    body: Any
    connection: int


Act = Callable[["Wire", socket.socket, Request], None]


class Wire:
    """Answers each request with the next act, and with the row once there are none."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.over = Event()
        self._acts: deque[Act] = deque()
        self._lock = Lock()

    def plan(self, *acts: Act) -> None:
        self._acts.extend(acts)

    def serve(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        with self._lock:
            self.connections += 1
            number = self.connections
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while stream.readline():
                    headers = {k.lower(): v for k, v in parse_headers(stream).items()}
                    body = json.loads(stream.read(int(headers["content-length"])))
                    request = Request(headers, body, number)
                    with self._lock:
                        self.requests.append(request)
                        act = self._acts.popleft() if self._acts else row
                    act(self, connection, request)
        except (OSError, ssl.SSLError):
            connection.close()


def answer(
    payload: object, status: int = 200, *, headers: tuple[str, ...] = (), length: int | None = None
) -> Act:
    """Answer with bytes, or anything else as JSON; `length` is what is announced instead of it."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    def act(_wire: Wire, connection: socket.socket, _request: Request) -> None:
        lines = [f"HTTP/1.1 {status} Because", *headers]
        if "Transfer-Encoding: chunked" not in headers:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        if length is not None or "Connection: close" in headers:
            connection.shutdown(socket.SHUT_RDWR)

    return act


def row(wire: Wire, connection: socket.socket, request: Request) -> None:
    body = json.dumps({"Item": ROW}).encode()
    answer(body, headers=(f"x-amz-crc32: {crc32(body)}",))(wire, connection, request)


def error(code: str, status: int = 400, *headers: str) -> Act:
    """Answer as DynamoDB does; the message quotes the request, as some of its messages do."""

    def act(wire: Wire, connection: socket.socket, request: Request) -> None:
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        quoted = {"__type": kind, "message": f"{request.headers} {SECRET}"}
        answer(quoted, status, headers=headers)(wire, connection, request)

    return act


def silence(wire: Wire, _connection: socket.socket, _request: Request) -> None:
    """Say nothing until the test is over."""
    wire.over.wait(10)


def reset(_wire: Wire, connection: socket.socket, _request: Request) -> None:
    """End the connection the hard way: what was on its way is lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def gone_after(act: Act) -> Act:
    """Act, and close the connection as if it had been idle for too long."""

    def both(wire: Wire, connection: socket.socket, request: Request) -> None:
        act(wire, connection, request)
        raise ConnectionAbortedError

    return both


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[tuple[Wire, int]]:
    """Serve on a port of this machine's own address, over TLS where it is asked for."""
    wire = Wire()
    threads: list[Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(Thread(target=wire.serve, args=(connection, tls)))
                threads[-1].start()

        accepting = Thread(target=accept)
        accepting.start()
        yield wire, listener.getsockname()[1]
        wire.over.set()
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept
    for thread in (accepting, *threads):
        thread.join(5)


class Time:
    """A clock, a timer and a sleep that pass no time but what they are told to."""

    def __init__(self) -> None:
        self.epoch = 1_800_000_000.0
        self.elapsed = 0.0
        self.pauses: list[float] = []
        self.next_epochs: deque[float] = deque()
        self.next_elapsed: deque[float] = deque()

    def clock(self) -> float:
        return self.next_epochs.popleft() if self.next_epochs else self.epoch

    def timer(self) -> float:
        return self.next_elapsed.popleft() if self.next_elapsed else self.elapsed

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.elapsed += seconds


def environment(port: int, scheme: str = "http") -> dict[str, str]:
    """What Lambda sets, with the wire in DynamoDB's place."""
    return {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_ENDPOINT_URL": f"{scheme}://127.0.0.1:{port}",
    }


@contextmanager
def reading(environ: dict[str, str], time: Time, jitter: float = 1.0) -> Iterator[LeanReader]:
    """Make a reader, which pauses as long as it ever would."""
    reader = LeanReader(
        "keys",
        ("id", "secret_hash"),
        environ=environ,
        clock=time.clock,
        timer=time.timer,
        sleep=time.sleep,
        rng=lambda: jitter,
    )
    try:
        yield reader
    finally:
        reader.close()


def gives_up(reader: LeanReader) -> str:
    """Read in vain, and return what the log will say."""
    with pytest.raises(Unavailable) as refused:
        reader.get(ID)
    assert str(refused.value) == Unavailable.message
    shown = "".join(format_exception(refused.value)) + refused.value.detail
    assert not any(hidden in shown for hidden in (SECRET, TOKEN, "AKIDEXAMPLE"))
    return refused.value.detail
