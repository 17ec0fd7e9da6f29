"""What the lean read sends, and what it makes of whatever comes back."""

import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import pytest

from keyturn import lean
from keyturn.lean import LeanReader
from tests.keyturn.wire import (
    ID,
    ROW,
    SECRET,
    TOKEN,
    Act,
    Request,
    Time,
    Wire,
    answer,
    environment,
    error,
    gives_up,
    gone_after,
    reading,
    row,
)

BODY = json.dumps({"Item": ROW}).encode()


def chunked(*chunks: bytes) -> Act:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return answer(framed, headers=("Transfer-Encoding: chunked",))


def words(text: bytes) -> Act:
    """Say something that is no HTTP."""

    def act(_wire: Wire, connection: socket.socket, _request: Request) -> None:
        connection.sendall(text)

    return gone_after(act)


def test_request_is_one_consistent_read_of_the_keys_row(wire: Wire, reader: LeanReader) -> None:
    reader.get(ID)

    (request,) = wire.requests
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert request.body == {
        "TableName": "keys",
        "Key": {"id": {"S": ID}, "item": {"S": "key"}},
        "ConsistentRead": True,
        "ProjectionExpression": "#0,#1",
        "ExpressionAttributeNames": {"#0": "id", "#1": "secret_hash"},
    }


def test_names_may_hold_what_json_escapes(served: tuple[Wire, int]) -> None:
    wire, port = served
    table, attribute = 'a"b\\', '{"S":""}'
    reader = LeanReader(table, (attribute,), environ=environment(port))

    reader.get(ID)
    reader.close()

    (request,) = wire.requests
    assert request.body["TableName"] == table
    assert request.body["ExpressionAttributeNames"] == {"#0": attribute}
    assert request.body["Key"] == {"id": {"S": ID}, "item": {"S": "key"}}


@pytest.mark.parametrize("id", ["", ID[:-1], ID + "0", ID[:-1] + '"', ID[:-1] + "ä", "٣" * 17])
def test_what_is_no_id_is_never_sent(id: str, wire: Wire, reader: LeanReader) -> None:
    with pytest.raises(ValueError, match="17 base62 characters"):
        reader.get(id)

    assert wire.requests == []


def test_absent_row_is_none(wire: Wire, reader: LeanReader) -> None:
    wire.plan(answer({}))

    assert reader.get(ID) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<html>welcome to our wireless network</html>",
        b'{"Item": ',
        b'{"Item": {"id": "\xff"}}',
        b"[" * 100_000,
        b"9" * 10_000,
        [],
        None,
        {"Items": {}},
        {"Item": []},
        {"Item": None},
        {"message": "all is well"},
    ],
    ids=repr,
)
def test_malformed_answer_is_no_absent_row(payload: object, wire: Wire, reader: LeanReader) -> None:
    wire.plan(answer(payload))

    assert gives_up(reader) == "GetItem: malformed answer"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        answer(BODY, length=len(BODY) + 1),
        answer(b"{}", length=len(BODY)),
        answer(BODY, headers=(f"x-amz-crc32: {crc32(BODY) ^ 1}",)),
        answer({}, headers=("x-amz-crc32: none",)),
        words(b"SSH-2.0-OpenSSH_9.6\r\n"),
        words(b"HTTP/1.1 200"),
        words(b"HTTP/1.1 200 OK\r\n\r\n{}"),
        answer(b"40\r\n{}", headers=("Transfer-Encoding: chunked", "Connection: close")),
        answer(b"2\r\n{}\r\n", headers=("Transfer-Encoding: chunked", "Connection: close")),
    ],
    ids=[
        *("cut", "cut to nothing", "checksum", "no checksum", "not HTTP"),
        *("head cut", "no length", "chunk cut", "last chunk missing"),
    ],
)
def test_answer_that_may_not_be_whole_is_asked_for_again(
    broken: Act, wire: Wire, reader: LeanReader
) -> None:
    wire.plan(broken)

    assert reader.get(ID) == ROW
    assert len(wire.requests) == 2


def test_connection_that_is_to_be_closed_is_not_kept(wire: Wire, reader: LeanReader) -> None:
    wire.plan(answer(BODY, headers=("Connection: close",)))

    assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert wire.connections == 2


def test_answer_may_be_announced(wire: Wire, reader: LeanReader) -> None:
    head = f"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n"
    wire.plan(words(head.encode() + BODY))

    assert reader.get(ID) == ROW


def test_answer_may_come_in_chunks(wire: Wire, reader: LeanReader) -> None:
    wire.plan(chunked(BODY[:9], BODY[9:]))

    assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert wire.connections == 1


def test_refusal_may_end_with_its_connection(wire: Wire, reader: LeanReader) -> None:
    wire.plan(words(b'HTTP/1.0 400 Bad Request\r\n\r\n{"__type": "AccessDeniedException"}'))

    assert gives_up(reader) == "GetItem: AccessDeniedException, attempt 1"


@pytest.mark.parametrize(
    "huge",
    [
        answer(b"[" * (lean.LARGEST + 1)),
        answer(b"{}", length=1 << 40),
        chunked(*[b"[" * (1 << 18)] * 5),
    ],
    ids=["sent", "announced", "chunked"],
)
def test_huge_answer_is_not_taken_in(huge: Act, wire: Wire, reader: LeanReader) -> None:
    wire.plan(huge)

    assert gives_up(reader) == "GetItem: answer over 1 MiB"
    assert len(wire.requests) == 1
    assert reader.get(ID) == ROW
    assert wire.connections == 2


def test_redirect_is_not_followed(wire: Wire, reader: LeanReader) -> None:
    wire.plan(answer(b"", 307, headers=("Location: http://127.0.0.1:9/",)))

    assert gives_up(reader) == "GetItem: HTTP 307, attempt 1"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"<html>",
        b"[" * 100_000,
        [],
        {"message": SECRET},
        {"__type": 7},
        {"__type": f"com.amazonaws#{SECRET}"},
        {"__type": TOKEN},
        {"__type": "kt_0123456789abcdefg_secret"},
        {"__type": "A" * 65},
        {"__type": "Wörter"},
    ],
    ids=repr,
)
def test_error_without_a_code_is_named_by_its_status(
    payload: object, wire: Wire, reader: LeanReader
) -> None:
    wire.plan(answer(payload, 400))

    assert gives_up(reader) == "GetItem: HTTP 400, attempt 1"


@pytest.mark.parametrize("kind", ["Some#Code", "Code", "some#Code:http://example.com/"])
def test_error_is_named_by_its_code_alone(kind: str, wire: Wire, reader: LeanReader) -> None:
    wire.plan(answer({"__type": kind, "message": SECRET}, 400))

    assert gives_up(reader) == "GetItem: Code, attempt 1"


def test_refusal_after_a_read_leaves_the_connection_usable(wire: Wire, reader: LeanReader) -> None:
    wire.plan(error("AccessDeniedException"))
    gives_up(reader)

    assert reader.get(ID) == ROW
    assert wire.connections == 1


def test_threads_share_a_reader_and_each_has_its_own_answer(
    served: tuple[Wire, int], time: Time
) -> None:
    wire, port = served
    ids = [f"{number:017}" for number in range(200)]

    def echo(wire: Wire, connection: socket.socket, request: Request) -> None:
        answer({"Item": {"id": request.body["Key"]["id"]}})(wire, connection, request)

    wire.plan(*[echo] * len(ids))
    with reading(environment(port), time) as reader, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(reader.get, ids)) == [{"id": {"S": id}} for id in ids]

    used = Counter(request.connection for request in wire.requests)
    assert len(used) <= 8


def test_closing_ends_the_connections_and_not_the_reader(wire: Wire, reader: LeanReader) -> None:
    wire.plan(row)
    reader.get(ID)

    reader.close()

    assert reader.get(ID) == ROW
    assert wire.connections == 2
