"""What a stranger can make the owner pay for: at most one read a request, and none for rubbish."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import authorize
import create_key
import revoke_key
import rotate_key
import verify_key
from keyturn import keytext
from tests.attack.gate import AUTHORIZERS, ROUTES, ask
from tests.infra.declared import resolved
from tests.support import Answer, Context, answer, delete, post
from tests.support_authorizer import appsync, http, rest, token, websocket
from tests.support_aws import Aws
from tests.support_rotation import BILLING, rotate

pytestmark = pytest.mark.row("T13")

GOOD = keytext.mint("kt", BILLING).reveal()
characters = st.sampled_from([*keytext.ALPHABET, "_", "-", " ", "\0", "\uff11", "\N{KEY}"])


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    """Draw what is almost a key: one of its characters another, gone, doubled or moved."""
    at = draw(st.integers(0, len(GOOD) - 1))
    other = draw(characters)
    text: str = draw(
        st.sampled_from(
            [
                GOOD[:at] + other + GOOD[at + 1 :],
                GOOD[:at] + GOOD[at + 1 :],
                GOOD[:at] + other + GOOD[at:],
                GOOD[at:] + GOOD[:at],
                GOOD[: at + 1],
                GOOD * (at + 2),
            ]
        ).filter(lambda text: text.strip() != GOOD)
    )
    return text


@settings(max_examples=150)
@given(text=near_misses())
def test_what_cannot_be_a_key_costs_no_call(aws: Aws, text: str) -> None:
    aws.forget()
    events = [rest({"X-API-Key": [text]}), rest({"Authorization": [f"Bearer {text}"]}), token(text)]
    for event in (*events, websocket({"X-API-Key": [text]})):
        with pytest.raises(authorize.Unauthorized):
            authorize.handler(event, Context())
    for event in (http({"x-api-key": text}), appsync(text)):
        assert authorize.handler(event, Context()) == {"isAuthorized": False}
    verdict = answer(verify_key.handler, post({"key": text}) | {"resource": "/api/apikey/verify"})
    if not keytext.is_id(text):
        assert answer(revoke_key.handler, delete(text or "x")).status == 404
        assert answer(rotate_key.handler, rotate(text or "x")).status == 404

    assert verdict.body == {"valid": False, "code": "malformed"}
    assert aws.calls == []


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_stranger_costs_one_read_at_most_and_no_write_and_no_use_of_the_kms_key(
    aws: Aws, route: tuple[str, str]
) -> None:
    """With a string that has the right check, which anybody can compute, and no row."""
    path = {"key": BILLING} if "{key}" in route[1] else None
    body = json.dumps({"alias": "billing", "name": "N"}).encode() if route[0] == "POST" else None
    aws.forget()

    given_ = ask(route, GOOD, body, path)

    assert given_.status == 401
    assert aws.calls == ["GetItem"]


BIG = 16 * 1024 + 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5_000_000,
        b'{"a":' * 1_000_000,
        b"\xff" * BIG,
        b"9" * 5_000_000,
        b'"' + b"\\u0000" * BIG,
    ],
    ids=["brackets", "braces", "no text", "a number", "escapes"],
)
@pytest.mark.parametrize(
    "send",
    [
        lambda body: answer(create_key.handler, post(body)),
        lambda body: answer(rotate_key.handler, rotate(BILLING, body)),
        lambda body: answer(verify_key.handler, post(body) | {"resource": "/api/apikey/verify"}),
    ],
    ids=["create", "rotate", "verify"],
)
def test_body_is_measured_before_anything_looks_into_it(
    aws: Aws, send: Callable[[bytes], Answer], body: bytes
) -> None:
    """Parsed, each of them would be 400: it is no JSON object."""
    given_ = send(body)

    assert (given_.status, given_.body["code"]) == (413, "body_too_large")
    assert aws.calls == []


def test_template_bounds_requests_time_and_memory() -> None:
    (throttle,) = resolved("AWS::Serverless::Api")["Api"]["MethodSettings"]
    given_ = {"ThrottleRate": "7", "ThrottleBurst": "9"}
    (changed,) = resolved("AWS::Serverless::Api", given_)["Api"]["MethodSettings"]

    assert (throttle["ResourcePath"], throttle["HttpMethod"]) == ("/*", "*")
    assert (throttle["ThrottlingRateLimit"], throttle["ThrottlingBurstLimit"]) == ("50", "100")
    assert (changed["ThrottlingRateLimit"], changed["ThrottlingBurstLimit"]) == ("7", "9")
    for name, function in resolved("AWS::Serverless::Function").items():
        assert function["Timeout"] <= 300, name
        assert function["MemorySize"] <= 512, name
    assert len(AUTHORIZERS) == 3
