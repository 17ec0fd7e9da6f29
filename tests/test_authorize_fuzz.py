"""Whatever an authorizer is asked, it answers in the form that the question wants."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import authorize
import create_key
from keyturn import keytext
from keyturn.errors import Unavailable
from tests.support import Context, answer, post
from tests.support_authorizer import API, appsync, http, rest, token, websocket
from tests.support_aws import Aws, refused

KEY, GUEST, NOBODY = "<key>", "<without the role>", "<of no row>"
"""What stands for a string that only a test has; see `filled`."""

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
credentials = st.builds(
    "{}{}{}".format,
    st.sampled_from(["Bearer ", "bearer ", "BEARER\t", "Basic ", "Bearer", "", " "]),
    st.sampled_from([KEY, GUEST, NOBODY, f"{KEY},{KEY}", f"{KEY} {GUEST}", "", "x" * 100_000]),
    st.sampled_from(["", "", " ", "\n", "\0", ",", "0", "\ud800", "\N{KEY}"]),
)
values = credentials | credentials | scalars | anything
names = st.sampled_from(
    [
        *("Authorization", "authorization", "AUTHORIZATION", "X-API-Key", "x-api-key", "X-Api-Key"),
        *("authorization ", "x-api-key\0", "x_api_key", "Cookie", ""),
    ]
)
headers = st.dictionaries(names, values, max_size=3)
many_headers = st.dictionaries(names, st.lists(values, max_size=2) | values, max_size=3)
places = st.sampled_from(
    [f"{API}/live/GET/a/b", f"{API}/live/GET/", f"{API}/$default/$connect", f"{API}/live", API, ""]
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["TOKEN", "REQUEST", "token", None]) | anything,
        "version": st.sampled_from(["2.0", "1.0", "2", 2.0, None]) | anything,
        "headers": headers | anything,
        "multiValueHeaders": many_headers | anything,
        "authorizationToken": values,
        "methodArn": places | anything,
        "requestContext": anything
        | st.fixed_dictionaries(
            {}, optional={"extendedRequestId": anything, "requestId": anything}
        ),
        "identitySource": anything,
        "queryStringParameters": headers,
    },
)
untouched = st.sampled_from(
    [
        *(
            make(text)
            for make in (appsync, token)
            for text in (KEY, f"Bearer {KEY}", GUEST, NOBODY)
        ),
        *(make({"Authorization": [f"Bearer {KEY}"]}) for make in (rest, websocket)),
        *(make({"X-API-Key": [text]}) for make in (rest, websocket) for text in (KEY, GUEST)),
        *(http({"x-api-key": text}) for text in (KEY, GUEST, NOBODY)),
        http({"authorization": f"Bearer {KEY}"}),
    ]
)
events = (
    untouched
    | st.builds(lambda event, change: event | change, untouched, changes)
    | st.builds(
        lambda event, gone: {name: event[name] for name in event if name not in gone},
        untouched,
        st.sets(st.sampled_from(["type", "methodArn", "headers", "multiValueHeaders", "version"])),
    )
    | changes
    | anything
)


def filled(part: Any, strings: dict[str, str]) -> Any:  # noqa: ANN401 - a part of an event
    """Put the strings where their placeholders are."""
    if isinstance(part, str):
        for placeholder, string in strings.items():
            part = part.replace(placeholder, string)
    elif isinstance(part, list):
        return [filled(inner, strings) for inner in part]
    elif isinstance(part, dict):
        return {filled(name, strings): filled(inner, strings) for name, inner in part.items()}
    return part


@pytest.fixture
def strings(aws: Aws) -> dict[str, str]:
    def made(alias: str, *roles: str) -> str:
        body = {"alias": alias, "name": "N", "roles": roles}
        return str(answer(create_key.handler, post(body)).body["key"])

    strings = {KEY: made("root", "admin"), GUEST: made("guest", "user", "creator")}
    aws.forget()
    return strings | {NOBODY: keytext.mint("kt", "A" * 17).reveal()}


def is_appsync(asked: object) -> bool:
    return isinstance(asked, dict) and "authorizationToken" in asked and "type" not in asked


def decided(asked: Any) -> str:  # noqa: ANN401 - an event
    """Return the decision on an event, in the one of the forms that who asks it takes."""
    by_appsync = is_appsync(asked)
    simple = by_appsync or (isinstance(asked, dict) and asked.get("version") == "2.0")
    try:
        decision = authorize.handler(asked, Context())
    except authorize.Unauthorized as error:
        assert not simple
        assert str(error) == "Unauthorized"  # noqa: PT017 - the one word that means 401
        return "Unauthorized"
    given = json.loads(json.dumps(decision))
    assert given == decision
    if simple:
        if decision == {"isAuthorized": False}:
            return "not isAuthorized"
        name = "resolverContext" if by_appsync else "context"
        assert decision.keys() == {"isAuthorized", name}
        assert decision["isAuthorized"] is True
        return told(decision[name], "isAuthorized")
    assert decision.keys() == {"principalId", "policyDocument", "context"}
    effect = decision["policyDocument"]["Statement"][0]["Effect"]
    whole_stage = "/".join(asked["methodArn"].split("/")[:2]) + "/*"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": whole_stage}
    assert decision["policyDocument"] == {"Version": "2012-10-17", "Statement": [statement]}
    assert effect in {"Allow", "Deny"}
    assert decision["principalId"] == decision["context"]["id"]
    return told(decision["context"], effect)


def told(context: dict[str, str], effect: str) -> str:
    """Check what the backend gets: of the one valid key if it is let in, else of the other."""
    alias, roles = ("guest", "user,creator") if effect == "Deny" else ("root", "admin")
    assert context.keys() == {"id", "alias", "roles", "expire", "generation"}
    assert (context["id"], context["alias"]) == (keytext.id_of("", alias), alias)
    assert (context["roles"], context["generation"]) == (roles, "1")
    return effect


def presented(asked: dict[str, Any]) -> list[object]:
    """Return every value that stands where a key is looked for."""
    if asked.get("type") == "TOKEN" or is_appsync(asked):
        return [asked["authorizationToken"]]
    given = asked.get("multiValueHeaders") or asked["headers"]
    found = [given[name] for name in given if name.lower() in {"authorization", "x-api-key"}]
    return [v for value in found for v in (value if isinstance(value, list) else [value])]


@pytest.mark.prove
@pytest.mark.row("T8")
@pytest.mark.usefixtures("capsys")
def test_whatever_it_is_asked_it_lets_in_only_the_one_valid_key(
    strings: dict[str, str], figure: Callable[[str, str], None]
) -> None:
    seen = Counter[str]()

    @settings(max_examples=6_000)
    @given(events)
    def check(event: object) -> None:
        asked = filled(event, strings)
        decision = decided(asked)
        seen[decision] += 1
        if decision in {"Allow", "isAuthorized"}:
            found = presented(asked)
            assert 1 <= len(found) <= 2
            for value in found:
                assert isinstance(value, str)
                assert value.split()[-1] == strings[KEY]

    check()

    assert seen.total() >= 6_000
    assert seen.keys() == {"Allow", "Deny", "Unauthorized", "isAuthorized", "not isAuthorized"}
    figure("made-up events to the authorizers", f"{seen.total():,}, no other key was let in")


@pytest.mark.prove
@pytest.mark.usefixtures("capsys")
def test_an_event_that_does_not_hold_the_valid_key_is_never_let_in(strings: dict[str, str]) -> None:
    without = strings | {KEY: keytext.mint("kt", keytext.id_of("", "root")).reveal()}

    @settings(max_examples=200)
    @given(events)
    def check(event: object) -> None:
        assert decided(filled(event, without)) not in {"Allow", "isAuthorized"}

    check()


@pytest.mark.row("T8")
@pytest.mark.usefixtures("capsys")
def test_what_cannot_be_known_is_never_a_decision(strings: dict[str, str], aws: Aws) -> None:
    aws.always("GetItem", refused("AccessDeniedException"))
    seen = Counter[str]()

    @settings(max_examples=200)
    @given(events)
    def check(event: object) -> None:
        aws.forget()
        try:
            decision = decided(filled(event, strings))
        except Unavailable:
            decision = "Unavailable"
        seen[decision] += 1
        assert (decision == "Unavailable") == (aws.calls != [])

    check()

    assert seen.keys() == {"Unavailable", "Unauthorized", "not isAuthorized"}


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("make", [rest, websocket])
def test_what_else_an_event_holds_keeps_no_valid_key_out(
    make: Any,  # noqa: ANN401 - one of two
    strings: dict[str, str],
) -> None:
    telling = {"authorization", "x-api-key", "version"}
    names = st.text().filter(lambda name: name.lower() not in telling)
    others = st.dictionaries(names, anything, max_size=4)

    @settings(max_examples=60)
    @given(others, others)
    def check(fields: dict[str, Any], more: dict[str, Any]) -> None:
        event = make({"X-API-Key": [strings[KEY]]})
        event["multiValueHeaders"] = {**more, **event["multiValueHeaders"]}
        assert decided({**fields, **event}) == "Allow"

    check()
