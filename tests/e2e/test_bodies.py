"""What a POST's body may be: the first rule it breaks is answered, and nothing is stored."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.e2e.served import PATH, Service

KIB_16 = 16 * 1024
INVALID = "invalid or missing JSON body"
ALIAS = "alias is required"
NAME = "Name is required"
ROLES = "roles must be a subset of ['admin', 'creator', 'user']"


@pytest.fixture(autouse=True)
def _stores_nothing(service: Service) -> Iterator[None]:
    """Hold every refused request to having written nothing."""
    yield
    written = {passed.operation for passed in service.wire.passed}
    assert written <= {"GetItem"}


ANY = pytest.mark.parametrize


def shown(value: object) -> str:
    """Return a parameter's id: values may be very long."""
    text = repr(value)
    return text if len(text) < 64 else f"{text[:24]}..{len(text)}"


@ANY(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}",
        b"[]",
        b'[{"alias": "a", "name": "n"}]',
        b"null",
        b"0",
        b"true",
        b'"alias"',
        b"alias=a&name=n",
        b"{'alias': 'a', 'name': 'n'}",
        b'{"alias": "a", "name": "n"} {}',
        b'{"alias": "a", "name": "n",}',
        b'{"alias": "a", "name": NaN}',
        b'{"alias": "a", "name": "n", "ttl_days": Infinity}',
        b"[" * 4_000,
        b'{"alias": "a", "name": "n", "roles": ' + b"[" * 8_000 + b"]" * 8_000 + b"}",
        b'{"x":' * 1_000 + b"1" + b"}" * 1_000,
        b'{"alias": "\xff", "name": "n"}',
        b'{"alias": "\xed\xa0\x80", "name": "n"}',
        b'\xff\xfe{\x00"\x00a\x00"\x00:\x001\x00}\x00',
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"--x\r\nContent-Disposition: form-data; name=alias\r\n\r\na\r\n--x--",
    ],
    ids=shown,
)
def test_anything_but_a_json_object_is_no_body(service: Service, body: bytes) -> None:
    assert service.post(body).is_error(400, "invalid_body", INVALID)


@ANY(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/json",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/jsonp",
        "application/json-seq",
        "application/xml",
        "json",
        "*/*",
        "; application/json",
        "image/png",
    ],
)
def test_media_type_that_is_not_json_is_no_body(service: Service, content_type: str) -> None:
    answer = service.post({"alias": "a", "name": "n"}, headers=[("Content-Type", content_type)])

    assert answer.is_error(400, "invalid_body", INVALID)


@ANY(
    "headers",
    [
        [],
        [("Content-Type", "application/json")],
        [("content-type", "Application/JSON")],
        [("Content-Type", "application/json; charset=utf-8")],
        [("Content-Type", "application/json;charset=UTF-8;x=y")],
        [("Content-Type", "application/merge-patch+json")],
        [("Content-Type", "application/vnd.acme.key+json; version=1")],
        [("Content-Type", "")],  # many a client's way of leaving it out
    ],
    ids=lambda headers: headers[0][1] if headers else "absent",
)
def test_json_or_no_media_type_is_read(service: Service, headers: list[tuple[str, str]]) -> None:
    assert service.post({"roles": []}, headers=headers).is_error(400, "alias_required", ALIAS)


@ANY(
    ("body", "code", "message"),
    [
        ({"x": 1, "roles": 1, "ttl_days": 0}, "alias_required", ALIAS),
        ({"alias": " \t\n", "name": "", "roles": 1}, "alias_required", ALIAS),
        ({"alias": True, "name": None, "roles": ["no"]}, "name_required", NAME),
        ({"alias": "a" * 129, "roles": ["no"], "ttl_days": 0}, "name_required", NAME),
        ({"alias": "a", "name": "", "roles": None, "x": 1}, "name_required", NAME),
        ({"alias": True, "name": 1, "roles": ["USER"], "x": 1}, "roles_invalid", ROLES),
        ({"alias": "a", "name": "n", "roles": "user", "ttl_days": 0}, "roles_invalid", ROLES),
        ({"alias": "a", "name": "n", "roles": [["user"]]}, "roles_invalid", ROLES),
        ({"alias": "a", "name": "n", "roles": ["user", 1]}, "roles_invalid", ROLES),
        ({"alias": "a", "name": "n", "roles": None}, "roles_invalid", ROLES),
    ],
)
def test_first_rule_that_is_broken_is_the_one_answered(
    service: Service, body: object, code: str, message: str
) -> None:
    assert service.post(body).is_error(400, code, message)


@ANY("alias", [None, "", 0, False, [], {}, "   ", "\u00a0\u2003", 0.0])
def test_falsy_or_blank_alias_is_required(service: Service, alias: object) -> None:
    assert service.post({"alias": alias, "name": "n"}).is_error(400, "alias_required", ALIAS)


@ANY("name", [None, "", 0, False, [], {}])
def test_falsy_name_is_required(service: Service, name: object) -> None:
    assert service.post({"alias": "a", "name": name}).is_error(400, "name_required", NAME)


@ANY(
    ("name", "value"),
    [
        ("alias", True),
        ("alias", 1.5),
        ("alias", ["a"]),
        ("alias", {"a": "b"}),
        ("alias", "a" * 129),
        ("alias", 10**128),
        ("alias", "a\u0000b"),
        ("alias", "a\u0085b"),
        ("alias", "a\ud800"),
        ("name", 1),
        ("name", True),
        ("name", ["n"]),
        ("name", {"n": "n"}),
        ("name", "n" * 257),
        ("name", "n\udfff"),
        ("ttl_days", 0),
        ("ttl_days", -1),
        ("ttl_days", 366),
        ("ttl_days", 10**400),
        ("ttl_days", 1.5),
        ("ttl_days", 2.0),
        ("ttl_days", True),
        ("ttl_days", "7"),
        ("ttl_days", None),
        ("ttl_days", [7]),
        ("metadata", None),
        ("metadata", []),
        ("metadata", "a"),
        ("metadata", {"a": 1}),
        ("metadata", {"a": None}),
        ("metadata", {"a": {"b": "c"}}),
        ("metadata", {"a": "\ud800"}),
        ("metadata", {"\ud800": "a"}),
        ("metadata", {"a": "x" * 2_041}),
        ("metadata", {"a": "\u00e9" * 1_021}),
    ],
    ids=shown,
)
def test_field_that_breaks_its_rule_is_named(service: Service, name: str, value: object) -> None:
    answer = service.post({"alias": "a", "name": "n", name: value})

    assert answer.is_error(400, "field_invalid")
    said = answer.body["error"]
    assert said.startswith(f"{name}")
    assert len(said) > len(name) + 5
    assert len(said) < 200


@ANY(
    ("field", "message"),
    [
        ("expires", "unknown field expires"),
        ("is_active", "unknown field is_active"),
        ("id", "unknown field id"),
        ("key", "unknown field key"),
        ("x" * 32, f"unknown field {'x' * 32}"),
        ("x" * 33, "unknown field"),
        ("Name", "unknown field"),
        ("a-b", "unknown field"),
        ("a1", "unknown field"),
        ("", "unknown field"),
        ("a\n", "unknown field"),
        ("kt_0123456789abcdefg_secret", "unknown field"),
        ("\u00e9", "unknown field"),
        ("\ud800", "unknown field"),
    ],
    ids=shown,
)
def test_unknown_field_is_named_only_if_its_name_can_be_shown(
    service: Service, field: str, message: str
) -> None:
    answer = service.post({"alias": "a", "name": "n", field: "v"})

    assert answer.is_error(400, "field_invalid", message)


def padded(size: int) -> bytes:
    """Return a body of exactly so many bytes that is refused for its field and not its size."""
    start, end = b'{"alias": "a", "name": "n", "ttl_days": 0, "metadata": {"a": "', b'"}}'
    return start + b"x" * (size - len(start) - len(end)) + end


def test_body_may_be_16_kib_and_not_a_byte_more(service: Service) -> None:
    assert service.post(padded(KIB_16)).is_error(400, "field_invalid")
    too_large = service.post(padded(KIB_16 + 1))
    assert too_large.is_error(413, "body_too_large", "body must be at most 16 KiB")


@ANY("content_type", ["application/json", "text/plain", "application/octet-stream"])
def test_too_large_a_body_is_told_before_whatever_else_is_wrong_with_it(
    service: Service, content_type: str
) -> None:
    answer = service.post(b"\xff" * (KIB_16 + 1), headers=[("Content-Type", content_type)])

    assert answer.is_error(413, "body_too_large")


def test_body_over_the_gateways_own_limit_is_answered_alike(service: Service) -> None:
    size = 10 * 1024 * 1024 + 1
    answer = service.post(b"x" * size)

    assert answer.is_error(413, "body_too_large", "body must be at most 16 KiB")
    assert service.wire.calls == []


def test_who_may_not_call_is_told_so_whatever_the_body(service: Service) -> None:
    answer = service.send("POST", PATH, b"x" * (KIB_16 + 1))

    assert answer.is_error(401, "unauthorized")


def test_body_in_chunks_is_a_body(service: Service) -> None:
    url = urlsplit(service.stack.url)
    data = json.dumps({"alias": "a", "name": "n", "roles": ["no"]}).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, data[i : i + 1]) for i in range(len(data)))
    ((_, credentials),) = service.bearer()
    head = (
        f"POST {url.path}{PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: {credentials}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(head.encode() + chunks + b"0\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b""))

    assert said.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"] == ROLES


def test_error_never_repeats_what_was_sent(service: Service) -> None:
    canary = "c4n4ry"
    bodies: list[object] = [
        {"alias": [canary], "name": "n"},
        {"alias": "a" * 129 + canary, "name": "n"},
        {"alias": "a", "name": {canary: canary}},
        {"alias": "a", "name": "n", "roles": [canary]},
        {"alias": "a", "name": "n", "ttl_days": canary},
        {"alias": "a", "name": "n", "metadata": {canary: [canary]}},
        {"alias": "a", "name": "n", canary: canary},
        canary,
        f'{{"{canary}'.encode(),
    ]

    answers = [service.post(body) for body in bodies]
    answers.append(service.send("POST", f"/{canary}?{canary}", headers=[("X-API-Key", canary)]))
    answers.append(service.delete(canary))
    answers.append(service.delete("0" * 17, f"?reason={canary}"))
    answers.append(service.delete("0" * 17, f"?{canary}=1"))

    assert {answer.status for answer in answers} <= {400, 404}
    assert canary not in json.dumps([[answer.body, *answer.headers.values()] for answer in answers])
