"""What is no route of the service, and what is no request at all."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.e2e.served import PATH, Service


@pytest.mark.parametrize("credentials", [True, False], ids=["admin", "nobody"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("POST", "/api"),
        ("POST", "/api/apikeys"),
        ("POST", "/api/apikey/x/y"),
        ("POST", "/API/APIKEY"),
        ("POST", "//api/apikey"),
        ("POST", "/api//apikey"),
        ("POST", f"{PATH}//"),
        ("POST", "/v1/api/apikey"),
        ("POST", "/x/../api/apikey"),
        ("PUT", PATH),
        ("PATCH", PATH),
        ("DELETE", PATH),
        ("PUT", f"{PATH}/00000000000000000"),
        ("PATCH", f"{PATH}/00000000000000000"),
        ("OPTIONS", PATH),
        ("OPTIONS", "/"),
        ("OPTIONS", f"{PATH}/00000000000000000"),
        ("TRACE", PATH),
        ("BREW", PATH),
        ("post", PATH),
    ],
)
def test_unknown_path_or_method_is_no_such_route(
    service: Service, method: str, path: str, *, credentials: bool
) -> None:
    headers = service.bearer() if credentials else []

    answer = service.send(method, path, headers=headers)

    assert answer.is_error(404, "route_not_found", "no such route")
    assert service.wire.calls == []


@pytest.mark.parametrize("path", [PATH, f"{PATH}/00000000000000000", "/"])
def test_head_is_not_served_and_has_no_body(service: Service, path: str) -> None:
    url = urlsplit(service.stack.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("HEAD", f"{url.path}{path}", headers=dict(service.bearer()))
    response = connection.getresponse()

    assert response.status == 404
    assert response.read() == b""
    # Whatever is not this answer's would be the next one's.
    connection.request("POST", f"{url.path}{PATH}")
    assert json.loads(connection.getresponse().read())["code"] == "unauthorized"
    connection.close()


def test_preflight_is_not_answered(service: Service) -> None:
    answer = service.send(
        "OPTIONS",
        PATH,
        headers=[
            ("Origin", "https://example.com"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ],
    )

    assert answer.is_error(404, "route_not_found")


def test_origin_changes_nothing(service: Service, alias: str) -> None:
    answer = service.post(
        {"alias": alias, "name": "n"}, headers=[("Origin", "https://example.com")]
    )

    assert answer.status == 201
    assert "vary" not in answer.headers


def test_query_of_a_create_is_not_looked_at(service: Service, alias: str) -> None:
    path = f"{PATH}?alias=other&renew=1"

    assert service.post({"alias": alias, "name": "n"}, path=path).body["alias"] == alias


def test_request_id_is_not_the_clients_to_choose(service: Service) -> None:
    chosen = "chosen-by-the-client"
    headers = [("X-Request-Id", chosen), ("x-amzn-RequestId", chosen), ("X-Amzn-Trace-Id", chosen)]

    first, second = (service.post({}, headers=headers) for _ in range(2))

    ids = {answer.body["request_id"] for answer in (first, second)}
    assert len(ids) == 2
    assert chosen not in ids


def test_header_that_overrides_the_method_changes_nothing(service: Service, alias: str) -> None:
    made = service.create(alias)

    for method, path in (("POST", f"{PATH}/{made['id']}"), ("PUT", f"{PATH}/{made['id']}")):
        answer = service.send(
            method, path, headers=[*service.bearer(), ("X-HTTP-Method-Override", "DELETE")]
        )
        assert answer.is_error(404, "route_not_found")

    row = service.row(alias)
    assert row is not None
    assert row["is_active"] == {"BOOL": True}


RAW = {
    "no protocol": b"POST /api/apikey\r\n\r\n",
    "not a request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "two lengths": b"POST /api/apikey HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": b"POST /api/apikey HTTP/1.1\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /api/apikey HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "another coding": b"POST /api/apikey HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a very long line": b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "a very long header": b"POST /api/apikey HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "very many headers": b"POST /api/apikey HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_what_is_no_request_is_refused_and_served_no_further(service: Service, sent: bytes) -> None:
    url = urlsplit(service.stack.url)
    follows = b"DELETE /api/apikey/x HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(sent + follows)
        said = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert said.startswith(b"HTTP/1.1 4")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"\r\nCache-Control: no-store\r\n" in said
    body = json.loads(said.partition(b"\r\n\r\n")[2])
    assert body.keys() == {"error", "code", "request_id"}
    assert b"X-Request-Id: " + body["request_id"].encode() in said
    assert service.wire.calls == []
