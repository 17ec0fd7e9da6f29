"""Whatever is sent, it is a clear 4xx in the contract's form, and nothing is written."""

import json
from base64 import b64encode
from typing import Any

import pytest

import create_key
import revoke_key
from keyturn import keytext
from tests.support import (
    REQUEST_ID,
    Answer,
    Context,
    Handler,
    Output,
    answer,
    delete,
    post,
    request,
)
from tests.support_aws import Aws, Table
from tests.support_bad_bodies import ALIAS, BODIES, GOOD, INVALID, REJECTED, Case

MEDIA_TYPES = [
    *("application/x-www-form-urlencoded", "text/plain", "text/json", "multipart/form-data; a=b"),
    *("application/jsonx", "application/json+xml", "application/", "json", "*/*", "Canary"),
]


def assert_refused(given: Answer, status: int, code: str, message: str, output: Output) -> None:
    assert (given.status, given.body["code"]) == (status, code)
    assert message in ("", given.body["error"])
    assert given.body == {"error": given.body["error"], "code": code, "request_id": REQUEST_ID}
    assert given.headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Request-Id": REQUEST_ID,
    }
    assert REJECTED not in json.dumps(given.body)
    assert REJECTED not in output.text
    (line,) = output.records()
    assert (line["message"], line["status"], line["code"]) == ("refused", status, code)


def test_there_are_at_least_sixty_different_cases() -> None:
    assert len({case.name for case in BODIES}) == len(BODIES) >= 60


@pytest.mark.parametrize(
    "case", BODIES, ids=[f"{n}: {case.name[:40]}" for n, case in enumerate(BODIES)]
)
def test_a_bad_body_is_refused_before_anything_is_read(
    case: Case, aws: Aws, output: Output
) -> None:
    given = answer(create_key.handler, post(case.body))

    assert_refused(given, case.status, case.code, case.message, output)
    assert aws.calls == []


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_body_that_says_it_is_no_json_is_refused(
    media_type: str, aws: Aws, output: Output
) -> None:
    """curl's `-d` alone calls every body a form."""
    event = post(GOOD, headers={"content-type": [media_type]})

    given = answer(create_key.handler, event)

    assert_refused(given, 400, "invalid_body", INVALID, output)
    assert aws.calls == []


@pytest.mark.parametrize(
    "body", ["Canary", "Y2FuYXJ5=", "\xe9\xe9\xe9\xe9", f"!{b64encode(GOOD).decode()}"]
)
def test_what_is_not_base64_is_no_body(body: str, aws: Aws, output: Output) -> None:
    given = answer(create_key.handler, post(b"") | {"body": body})

    assert_refused(given, 400, "invalid_body", INVALID, output)
    assert aws.calls == []


@pytest.mark.parametrize("body", [None, [], [1], "Canary", 5, True, {}, {"name": "A"}])
def test_a_direct_invoke_with_a_bad_body_is_refused_in_the_same_words(
    body: object, aws: Aws
) -> None:
    given = create_key.handler(body, Context())

    assert given.pop("error") == (ALIAS if body == {"name": "A"} else INVALID)
    assert given.pop("code") == ("alias_required" if body == {"name": "A"} else "invalid_body")
    assert given == {"status": 400, "request_id": "lambda-request-id"}
    assert aws.calls == []


KEY = keytext.mint("kt", keytext.id_of("", "billing")).reveal()
TARGETS = {
    "broken check": KEY[:-1] + ("1" if KEY[-1] == "0" else "0"),
    "one letter too few": KEY[:-1],
    "one letter too many": f"{KEY}0",
    "another case": KEY.swapcase(),
    "percent-encoded": KEY.replace("_", "%5F"),
    "over-long": f"{'k' * 5000}_{KEY}",
    "id too short": "A" * 16,
    "id too long": "A" * 18,
    "an alias": "billing",
    "a word of other routes": "self",
    "blank": " ",
    "dots": "..",
    "slashes": "../../api/apikey",
    "null byte": f"{KEY}\0",
    "line break": f"{KEY}\n",
    "question mark": f"{KEY}?",
    "hash": f"{KEY}#",
    "percent": "%",
    "braces": "{key}",
    "angle brackets": "<key>",
    "not ASCII": "schl\xfcssel",
    "emoji": "\U0001f511",
    "lone surrogate": "\ud800",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_cannot_be_a_key_is_not_found_and_not_looked_for(
    target: str, aws: Aws, output: Output
) -> None:
    given = answer(revoke_key.handler, delete(target))

    assert_refused(given, 404, "not_found", "API key not found", output)
    assert aws.calls == []
    assert KEY[-38:-6] not in output.text


def test_the_right_id_with_a_wrong_secret_is_not_found(
    table: Table, aws: Aws, output: Output
) -> None:
    created = answer(create_key.handler, post({"alias": "billing", "name": "A"}))
    before = table.row()
    lines = len(output.records())
    aws.forget()

    given = answer(revoke_key.handler, delete(keytext.mint("kt", created.body["id"]).reveal()))

    assert (given.status, given.body["code"]) == (404, "not_found")
    assert len(output.records()) == lines + 1
    assert aws.calls == ["UpdateItem"]
    assert table.row() == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"reason": ["Canary"]}, None),
        ({"reason": [""]}, None),
        ({"reason": ["COMPROMISED"]}, None),
        ({"reason": ["compromised "]}, None),
        ({"reason": ["compromised", "compromised"]}, None),
        ({"reason": ["compromised", "Canary"]}, None),
        ({"Canary": ["x"]}, "unknown query parameter"),
        ({"reason": ["compromised"], "force": ["true"]}, "unknown query parameter"),
    ],
    ids=str,
)
def test_a_bad_query_is_refused_before_anything_is_written(
    query: dict[str, list[str]], message: str | None, aws: Aws, output: Output
) -> None:
    given = answer(revoke_key.handler, delete("A" * 17, query=query))

    assert_refused(given, 400, "field_invalid", message or "", output)
    assert message or given.body["error"].startswith("reason: ")
    assert aws.calls == []


@pytest.mark.parametrize(
    ("handler", "event"),
    [
        (create_key.handler, request("GET", "/api/apikey")),
        (create_key.handler, request("PUT", "/api/apikey", body=GOOD)),
        (create_key.handler, request("POST", "/api/other", body=GOOD)),
        (revoke_key.handler, request("DELETE", "/api/apikey/{key}", path={"key": ""})),
        (revoke_key.handler, request("GET", "/api/apikey/{key}", path={"key": KEY})),
        (revoke_key.handler, request("DELETE", "/api/apikey")),
    ],
    ids=range(6),
)
def test_another_route_or_method_is_no_route(
    handler: Handler, event: dict[str, Any], aws: Aws, output: Output
) -> None:
    given = answer(handler, event)

    assert_refused(given, 404, "route_not_found", "no such route", output)
    assert aws.calls == []
