"""Paths and methods that only look like others, over HTTP: each leads where it says, or nowhere.

The gateway is the local stack's. AWS's own may decode a path before it looks for a route; what must
hold behind either is that nobody gets to a route but by what its authorizer was asked.
"""

from typing import Any
from urllib.parse import quote

import pytest

from tests.attack.gate import body_of
from tests.e2e.served import PATH, Service

pytestmark = [pytest.mark.row("T3"), pytest.mark.row("T4")]

OWN = {f"{PATH}/self", f"{PATH}/self/"}


def spellings(word: str) -> list[str]:
    """Return request targets that a router, a proxy or a cache might take for `PATH/word`."""
    first = f"%{ord(word[0]):02x}{word[1:]}"
    wide = quote("".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in word))
    names = [
        *(word, f"{word}/", f"{word}//", f"/{word}", f"./{word}", f"{word}/.", f"{word}/.."),
        *(first, first.upper().replace("%", "%25"), "".join(f"%{ord(c):02X}" for c in word)),
        *(f"..%2fapikey%2f{word}", f"%2e%2e/apikey/{word}", f"x/../{word}", f"x%2F..%2F{word}"),
        *(f"{word}%00", f"{word}%20", f"%20{word}", f"{word}%0a", f"{word}%0d%0aX-API-Key:%20x"),
        *(f"{word};x=1", f"{word}.json", f"{word}%3f", f"{word}%23", f"{word}%2f", f"{word}\\"),
        *(
            wide,
            f"%c1%b3{word[1:]}",
            f"{word.upper()}",
            f"{word}\xe9",
            f"{word}/self",
            f"{word}/verify",
        ),
        *(f"{word}/rotate", f"{word}/events", f"self/{word}", f"verify/{word}", f"self%2f{word}"),
    ]
    paths = [f"{PATH}/{name}" for name in names]
    paths += [f"http://other.example{PATH}/{word}", f"//other.example{PATH}/{word}"]
    paths += [f"{PATH}/{word}?key=self", f"{PATH}?{word}", f"/v1{PATH}/{word}", f"{PATH}%2f{word}"]
    return [path for path in paths if path not in {f"{PATH}/self", f"{PATH}/self/"}]


def stored(service: Service) -> dict[str, Any]:
    return {
        row["alias"]["S"]: body_of(row) for row in service.rows() if row["item"] == {"S": "key"}
    }


@pytest.mark.parametrize("word", ["self", "verify", "{id}", "{key}"])
def test_holder_without_a_role_gets_nowhere_by_another_spelling(
    service: Service, word: str
) -> None:
    victim = service.create("victim", roles=["admin"])
    user = service.create("user", roles=["user"])
    word = word.format(**victim)
    before = stored(service)
    bearer = service.bearer(user["key"])

    for target in spellings(word):
        path = target.removeprefix("http://other.example").partition("?")[0]
        for method in ("GET", "DELETE", "POST"):
            if method != "POST" and path in OWN:
                continue
            answer = service.send(method, _sendable(target), b"", bearer)
            assert answer.status in {403, 404}, (method, target)

    assert stored(service) == before


@pytest.mark.parametrize("word", ["self", "verify"])
def test_word_of_a_route_is_never_an_id_however_it_is_spelled(service: Service, word: str) -> None:
    admin = service.create("another-admin", roles=["admin"])
    before = stored(service)
    bearer = service.bearer(admin["key"])

    for target in spellings(word):
        path = target.removeprefix("http://other.example").partition("?")[0]
        if path not in OWN:
            answer = service.send("DELETE", _sendable(target), b"", bearer)
            assert answer.status == 404, target

    assert stored(service) == before


def test_absolute_target_is_the_same_resource_with_the_same_authorizer(service: Service) -> None:
    user = service.create("user", roles=["user"])
    target = f"http://other.example{PATH}"

    own = service.send("GET", f"{target}/self", b"", service.bearer(user["key"]))
    foreign = service.send("GET", f"{target}/{user['id']}", b"", service.bearer(user["key"]))

    assert (own.status, own.body["alias"]) == (200, "user")
    assert foreign.is_error(403, "forbidden")
    assert service.send("GET", f"{target}/self").is_error(401, "unauthorized")


TOLD = {
    "another method": [("X-HTTP-Method-Override", "DELETE"), ("X-Method-Override", "DELETE")],
    "another method still": [("X-HTTP-Method", "DELETE"), ("_method", "DELETE")],
    "another path": [
        ("X-Original-URL", PATH),
        ("X-Rewrite-URL", PATH),
        ("X-Forwarded-Prefix", "/x"),
    ],
    "another host": [("X-Forwarded-Host", "other.example"), ("Forwarded", "host=other.example")],
    "another caller": [
        ("X-Amzn-Oidc-Data", "x"),
        ("X-Roles", "admin"),
        ("X-Authorizer-Id", "root"),
    ],
    "another stage": [("X-Amzn-Apigateway-Api-Id", "x"), ("X-Stage", "test")],
    "the context itself": [("requestContext", '{"authorizer": {"id": "root"}}')],
}


@pytest.mark.parametrize("headers", TOLD.values(), ids=TOLD)
def test_header_that_says_otherwise_changes_neither_route_nor_caller(
    service: Service, headers: list[tuple[str, str]]
) -> None:
    user = service.create("user", roles=["user"])
    before = stored(service)
    sent = [*service.bearer(user["key"]), *headers]

    own = service.send("GET", f"{PATH}/self", b"", sent)
    create = service.send("POST", PATH, b'{"alias": "user", "name": "n", "roles": ["admin"]}', sent)

    assert (own.status, own.body["roles"]) == (200, ["user"])
    assert create.is_error(403, "forbidden")
    assert stored(service) == before


def _sendable(target: str) -> str:
    return quote(target, safe="/:?=;%\\#&")
