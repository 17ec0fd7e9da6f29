"""HTTP in front of the local gateway: what is not quite HTTP, and many at once."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.gateway import PAYLOAD_BYTES
from infra.local.stack import local_stack
from tests.infra.conftest import NO_AWS, Toy, write_toy

MANY = 64


@contextmanager
def connected(toy: Toy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", toy.port), timeout=10) as connection:
        yield connection


def answers(toy: Toy, sent: bytes) -> bytes:
    """Send bytes and return everything that comes until the server closes."""
    with connected(toy) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /items/7 HTTP/1.1 more\r\n\r\n",
        b"GET /items/7 HTTP/x.y\r\n\r\n",
        b"GET /items/7 HTTP/3.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        b"POST /items HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /items HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /items HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /items HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /items HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /items HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /items HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_the_gateways_form(
    toy: Toy, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = answers(toy, sent)
    head, _, body = answer.partition(b"\r\n\r\n")

    assert status(answer) in {400, 414, 431}
    assert json.loads(body) == {"message": "Bad Request"}
    assert b"\r\nConnection: close" in head
    assert "Traceback" not in capfd.readouterr().err
    assert toy.ask("GET", "/items/7").status == 200


def test_chunks_are_put_together(toy: Toy) -> None:
    sent = b"POST /items HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"
    answer = answers(toy, sent + b"2;x=y\r\nab\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n")

    assert status(answer) == 200
    assert b"YWIwMTIzNDU2Nzg5" in answer  # ab0123456789


def test_connection_serves_one_request_after_the_other(toy: Toy) -> None:
    request = b"POST /items HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\n"
    last = b"GET /items/last HTTP/1.1\r\nConnection: close\r\n\r\n"

    assert answers(toy, request * 3 + last).count(b"HTTP/1.1 200 OK") == 4


def test_client_that_expects_100_is_told_to_go_on(toy: Toy) -> None:
    with connected(toy) as connection:
        connection.sendall(
            b"POST /items HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")
        assert status(connection.recv(65536)) == 200


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_body_over_10_mb_is_refused_by_its_announcement(toy: Toy, expect: bytes) -> None:
    length = str(PAYLOAD_BYTES + 1).encode()
    with connected(toy) as connection:
        connection.sendall(
            b"POST /items HTTP/1.1\r\n" + expect + b"Content-Length: " + length + b"\r\n\r\n"
        )
        assert status(connection.recv(65536)) == 413


def test_client_that_sends_it_anyway_gets_to_read_the_refusal(toy: Toy) -> None:
    body = bytes(PAYLOAD_BYTES + 1)

    assert toy.ask("POST", "/items", body=body).status == 413
    chunk = b"%X\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"POST /items HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(answers(toy, head + chunk)) == 413
    assert toy.ask("POST", "/items", body=body[1:]).status == 200


def test_client_that_leaves_is_nobodys_error(toy: Toy, capfd: pytest.CaptureFixture[str]) -> None:
    for sent in (
        b"",
        b"POST /it",
        b"POST /items HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        b"POST /items HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
        b'POST /act HTTP/1.1\r\nContent-Length: 27\r\n\r\n{"sleep": 0.1, "answer":{}}',
    ):
        with connected(toy) as connection:
            # Closed without a word: what is sent to it later is answered with a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(sent)
    time.sleep(0.3)

    assert toy.ask("GET", "/items/7").status == 200
    assert capfd.readouterr().err == ""


def test_many_requests_run_at_once(toy: Toy) -> None:
    answered: list[int] = []

    def ask() -> None:
        answered.append(toy.act(sleep=0.2, answer={"statusCode": 200}).status)

    threads = [threading.Thread(target=ask) for _ in range(MANY)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answered == [200] * MANY
    assert time.monotonic() - started < MANY * 0.2 / 4


def test_more_connections_than_threads_can_wait(toy: Toy) -> None:
    connections = [socket.create_connection(("127.0.0.1", toy.port)) for _ in range(200)]
    try:
        assert toy.ask("GET", "/items/7").status == 200
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.row("T3")
def test_access_log_names_the_resource_and_never_the_path(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    path = write_toy(tmp_path)
    with local_stack(aws=NO_AWS, template=path, access_log=lines.append) as stack:
        toy = Toy(stack)
        toy.ask("GET", "/items/secret?q=secret")
        toy.ask("GET", "/secret")
        toy.ask("SECRET", "/items/secret")
        answers(toy, b"secret secret\r\n\r\n")

    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "GET /items/{id} 200",
        "GET - 403",
        "? /items/{id} 403",
        "? - 400",
    ]


def test_stack_that_ends_takes_open_connections_with_it(tmp_path: Path) -> None:
    with local_stack(aws=NO_AWS, template=write_toy(tmp_path)) as stack:
        toy = Toy(stack)
        connection = socket.create_connection(("127.0.0.1", toy.port), timeout=5)
        connection.sendall(b"GET /items/7 HTTP/1.1\r\n\r\n")
        assert status(connection.recv(65536)) == 200

    assert connection.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", toy.port))
