"""Whatever stands in an alias, a name or a header: the log keeps its lines, and each its fields."""

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import authorize
import create_key
import publish_events
import revoke_key
import rotate_key
import verify_key
from keyturn import keytext
from tests.attack.gate import ROUTES
from tests.infra.declared import resolved
from tests.support import ADMIN, Context, Output, answer, delete, post, request
from tests.support_authorizer import token
from tests.support_aws import Aws, Table
from tests.support_life import publish
from tests.support_rotation import Stream, rotate

pytestmark = pytest.mark.row("T2")

FORGED = '"}\n{"level":"INFO","message":"Created","id":"forged"}'
SPLITS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
ALIASES = [
    '"}{"level":"INFO","message":"Revoked"}',
    'a","roles":["admin"],"alias":"b',
    'a\u2028{"message": "forged"}\u2029b',
    "\u202egnillib\u202c \u2066x\u2069 \u200e",
    '\\n\\u000a\\\\"',
    "%0a%0d$(id)${jndi:ldap://example.com/a}{{7*7}}",
    "\N{PILE OF POO}\ufeff\U000e0001",
    "<img src=x onerror=alert(1)>",
    '{"_aws": {"Timestamp": 0}}',
]
REFUSED = ["a\nb", "a\rb", "a\x1b[31mb", "a\0b", "a\x85b", "a\x9bb", "a\x07b", "a\ud800b"]


def lines(output: Output) -> list[dict[str, Any]]:
    """Return the log's lines, each of them ASCII and one object by anybody's idea of a line."""
    text = output.text
    assert text.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert text.splitlines() == text.split("\n")[:-1]
    return [json.loads(line) for line in text.splitlines()]


def drive(alias: str) -> str:
    """Have every function that names an alias in its log do so; return the key's id."""
    caller = ADMIN | {"alias": alias}
    made = answer(create_key.handler, post({"alias": alias, "name": alias, "roles": ["admin"]}))
    key, id = made.body["key"], made.body["id"]
    authorize.handler(token(key), Context())
    answer(
        verify_key.handler, post({"key": key}, caller=caller) | {"resource": "/api/apikey/verify"}
    )
    answer(rotate_key.handler, rotate(id, {"rotation_id": alias[:64]}, caller=caller))
    answer(create_key.handler, post({"alias": alias, "name": "N", alias: 1}, caller=caller))
    answer(revoke_key.handler, delete(id, caller=caller))
    answer(revoke_key.handler, delete(alias, caller=caller))
    answer(revoke_key.handler, delete(id, alias, caller=caller))
    return str(id)


@pytest.mark.parametrize("alias", ALIASES, ids=ascii)
def test_alias_makes_no_line_of_its_own_and_no_field(
    table: Table,  # noqa: ARG001 - it is there
    output: Output,
    alias: str,
) -> None:
    stream = Stream()
    stored = unicodedata.normalize("NFC", alias.strip())
    id = drive(alias)
    publish(stream.records())

    records = lines(output)
    named = [record for record in records if "alias" in record]
    assert {record["alias"] for record in named} == {stored}
    assert {record["id"] for record in named} == {id}
    done = [record["message"] for record in records if record.get("level") == "INFO"]
    assert done == ["Created", "Rotated", "refused", "Revoked", "refused", "refused", *["told"] * 3]
    assert [r["reason"] for r in records if r.get("message") == "decision"] == ["valid", "valid"]
    assert {r["actor_alias"] for r in records if "actor_alias" in r} == {"root", alias}
    assert not any("roles" in record for record in records)


@pytest.mark.parametrize("alias", REFUSED, ids=ascii)
def test_control_character_is_refused_and_not_logged(aws: Aws, output: Output, alias: str) -> None:
    given_ = answer(create_key.handler, post({"alias": alias, "name": "N"}))

    assert (given_.status, given_.body["code"]) == (400, "field_invalid")
    assert aws.calls == []
    (record,) = lines(output)
    assert (record["message"], record["status"]) == ("refused", 400)


@settings(max_examples=40)
@given(said=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(SPLITS + '"\\{}')))
def test_nothing_that_a_request_says_makes_a_line_or_a_field(output: Output, said: str) -> None:
    before = len(output.text)
    headers = {"User-Agent": [said], said or "X": [said], "Content-Type": [said or "x"]}
    event = post({"alias": "", "name": said}, headers=headers, query={said or "q": [said]})
    event["requestContext"]["identity"]["userAgent"] = said
    event["requestContext"]["requestId"] = said

    answer(create_key.handler, event)

    (record,) = [json.loads(line) for line in output.text[before:].splitlines()]
    assert record["message"] == "refused"
    assert record.keys() == {
        *("level", "location", "message", "timestamp", "service", "status", "code"),
        *("request_id", "lambda_request_id", "route", "actor_id", "actor_alias"),
    }


def test_what_a_client_may_choose_of_its_ids_is_one_field(output: Output) -> None:
    event = token("no key") | {"requestContext": {"requestId": FORGED}}

    with pytest.raises(authorize.Unauthorized):
        authorize.handler(event, Context())

    (record,) = lines(output)
    assert (record["request_id"], record["message"]) == (FORGED, "decision")


def test_failure_logs_where_and_never_what(output: Output) -> None:
    """The text of an exception is whatever made it; a lone surrogate would even lose the line."""
    event = request("POST", "/api/apikey", body=b"{}")
    event["multiValueHeaders"] = {FORGED: 5, "\ud800": [5]}
    for function in (create_key.handler, revoke_key.handler, rotate_key.handler):
        with pytest.raises(Exception, match=r".") as failed:
            function(event, Context())
        assert FORGED not in str(failed.value)
    publish_events.handler({"Records": [{"dynamodb": {"SequenceNumber": FORGED}}]}, Context())
    record = {"dynamodb": {"SequenceNumber": FORGED, "NewImage": {"id": {"S": "\ud800"}}}}
    publish_events.handler({"Records": [record]}, Context())

    (last,) = lines(output)
    assert (last["message"], last["sequence_number"]) == ("not told", FORGED)


def test_access_log_holds_nothing_that_a_caller_can_write() -> None:
    form = resolved("AWS::Serverless::Api")["Api"]["AccessLogSetting"]["Format"]
    shown = set(re.findall(r"\$context\.([\w.]+)", form))

    assert shown == {
        *("extendedRequestId", "requestTimeEpoch", "httpMethod", "resourcePath", "status"),
        *("error.responseType", "authorizer.id", "identity.sourceIp", "responseLatency"),
        *("authorizer.latency", "integration.latency"),
    }
    assert keytext.is_id(ADMIN["id"])
    assert all(resource.startswith("/api/apikey") for _, resource in ROUTES)
    assert json.loads(re.sub(r"\$context\.[\w.]+", "x", form)).keys() >= {"request_id", "caller"}
