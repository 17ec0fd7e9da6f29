"""Requests whose end two readers would see at different places: refused, and nothing after them.

What answers here is the local stack's own server. In a deployment API Gateway's servers read
requests, which is AWS's to prove; whoever puts a proxy before `make run` relies on this.
"""

import socket
from urllib.parse import urlsplit

import pytest

from tests.e2e.served import PATH, Service

pytestmark = pytest.mark.row("T4")

CHUNKED = "Transfer-Encoding: chunked"
FRAMINGS = {
    "a length and chunks": f"Content-Length: {{n}}\r\n{CHUNKED}",
    "chunks and a length": f"{CHUNKED}\r\nContent-Length: {{n}}",
    "two lengths": "Content-Length: 0\r\nContent-Length: {n}",
    "two lengths in one": "Content-Length: 0, {n}",
    "the same length in one": "Content-Length: {n}, {n}",
    "a signed length": "Content-Length: +{n}",
    "a negative length": "Content-Length: -{n}",
    "a hexadecimal length": "Content-Length: 0x2",
    "a length with a tail": "Content-Length: {n}abc",
    "a length with an underscore": "Content-Length: 1_0",
    "a length in wide digits": "Content-Length: \uff11",
    "an empty length": "Content-Length: ",
    "two codings": f"{CHUNKED}\r\nTransfer-Encoding: identity",
    "two codings in one": "Transfer-Encoding: identity, chunked",
    "chunks twice": "Transfer-Encoding: chunked, chunked",
    "another coding": "Transfer-Encoding: xchunked",
    "a coding in quotes": 'Transfer-Encoding: "chunked"',
    "a coding after a tab": "Transfer-Encoding: \x0bchunked",
    "a blank before the colon": "Transfer-Encoding : chunked",
    "a blank before the length's colon": "Content-Length : {n}",
    "a folded coding": "Transfer-Encoding:\r\n chunked",
    "a folded header": f"X: y\r\n {CHUNKED}",
    "a line without a colon": "Content-Length {n}",
    "a header without a name": ": x",
    "a carriage return in a header": f"X: y\rContent-Length: {{n}}\r\n{CHUNKED}",
    "a zero byte in a header": f"X: y\0\r\n{CHUNKED}",
}
CHUNKS = {
    "a negative size": "-1\r\n",
    "a signed size": "+0\r\n\r\n",
    "a size with a prefix": "0x0\r\n\r\n",
    "a size with an underscore": "0_0\r\n\r\n",
    "a size too long": f"{'0' * 17}\r\n\r\n",
    "no size": "\r\n\r\n",
    "more than its size": "1\r\nab\r\n0\r\n\r\n",
}


def said(service: Service, sent: bytes) -> bytes:
    url = urlsplit(service.stack.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def smuggled(service: Service, victim: str) -> bytes:
    lines = [f"DELETE {PATH}/{victim} HTTP/1.1", "Host: x"]
    lines += [": ".join(header) for header in service.bearer()]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture
def victim(service: Service) -> str:
    return str(service.create("victim", roles=["user"])["id"])


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_request_of_doubtful_length_is_refused_with_all_that_follows(
    service: Service, victim: str, framing: str
) -> None:
    inner = smuggled(service, victim)
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", framing.format(n=len(inner)), "", "0", "", ""]

    answered = said(service, "\r\n".join(lines).encode() + inner)

    assert answered.startswith(b"HTTP/1.1 4")
    assert answered.count(b"HTTP/1.1 ") == 1
    assert service.row("victim") is not None
    assert (service.row("victim") or {})["is_active"] == {"BOOL": True}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunk_of_doubtful_size_is_refused_with_all_that_follows(
    service: Service, victim: str, chunks: str
) -> None:
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", CHUNKED, "", chunks]

    answered = said(service, "\r\n".join(lines).encode() + smuggled(service, victim))

    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1 ") == 1
    assert (service.row("victim") or {})["is_active"] == {"BOOL": True}


def test_request_that_says_its_length_once_is_read_to_its_end_and_the_next_one_is_its_own(
    service: Service, victim: str
) -> None:
    """What the tests above refuse is served when it is sent as it should be."""
    inner = smuggled(service, victim)
    body = b"{}" + inner

    first = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    swallowed = said(service, first + body)
    assert swallowed.count(b"HTTP/1.1 401 ") == swallowed.count(b"HTTP/1.1 ") == 1
    assert (service.row("victim") or {})["is_active"] == {"BOOL": True}

    first = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    both = said(service, first + inner)
    assert both.count(b"HTTP/1.1 401 ") == both.count(b"HTTP/1.1 200 ") == 1
    assert (service.row("victim") or {})["is_active"] == {"BOOL": False}


@pytest.mark.parametrize(
    "header",
    ["X-API-Key : {key}", " X-API-Key: {key}", "X-API-Key\t: {key}", "X: y\n X-API-Key: {key}"],
    ids=repr,
)
def test_header_that_is_none_presents_no_key(service: Service, victim: str, header: str) -> None:
    key = service.stack.admin_key
    lines = [f"DELETE {PATH}/{victim} HTTP/1.1", "Host: x", header.format(key=key), "", ""]

    answered = said(service, "\r\n".join(lines).encode())

    assert answered.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))
    assert key.encode() not in answered
    assert (service.row("victim") or {})["is_active"] == {"BOOL": True}
