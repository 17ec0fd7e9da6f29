import json
import re
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from keyturn import errors, web
from keyturn.answers import MessageResponse
from keyturn.errors import KeyturnError, Unavailable
from keyturn.web import Web
from tests.keyturn.test_errors import ANSWERED
from tests.support import ADMIN, REQUEST_ID, Answer, Context, Output, answer, api_key, request

SECRET = "kt_ThisMustNotBeShown"


def raising(error: Exception) -> Web:
    """Return a function whose one route, GET /x, fails like this."""
    made = Web()

    @made.app.get("/x")
    def fail() -> MessageResponse:
        raise error

    return made


def asked(made: Web, event: dict[str, Any] | None = None) -> Answer:
    return answer(made, event or request("GET", "/x"))


def an(error: type[KeyturnError]) -> KeyturnError:
    return error("why") if error is Unavailable else error()


def test_every_error_has_a_status() -> None:
    assert set(web.STATUS) == set(ANSWERED)


def test_statuses_are_the_contract_s() -> None:
    assert {error.code: int(status) for error, status in web.STATUS.items()} == {
        "body_too_large": 413,
        "invalid_body": 400,
        "alias_required": 400,
        "name_required": 400,
        "roles_invalid": 400,
        "field_invalid": 400,
        "forbidden": 403,
        "not_found": 404,
        "route_not_found": 404,
        "key_compromised": 409,
        "key_inactive": 409,
        "grace_running": 409,
        "alias_conflict": 409,
        "unavailable": 503,
        "internal_error": 500,
    }


def test_no_function_answers_401() -> None:
    """API Gateway would rename `WWW-Authenticate`: only its own response does."""
    assert HTTPStatus.UNAUTHORIZED not in web.STATUS.values()


@pytest.mark.parametrize("error", ANSWERED)
def test_every_error_is_answered_in_the_contract_s_form(error: type[KeyturnError]) -> None:
    raised = an(error)

    given = asked(raising(raised))

    retry = {"Retry-After": "2"} if error is Unavailable else {}
    assert given == Answer(
        web.STATUS[error],
        {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": REQUEST_ID,
            **retry,
        },
        {"error": raised.message, "code": error.code, "request_id": REQUEST_ID},
    )


@pytest.mark.parametrize("error", ANSWERED)
def test_every_error_is_one_line_in_the_log(error: type[KeyturnError], output: Output) -> None:
    asked(raising(an(error)))

    (line,) = output.records()
    assert line == line | {
        "level": "ERROR" if error is Unavailable else "INFO",
        "message": "refused",
        "status": web.STATUS[error],
        "code": error.code,
        "request_id": REQUEST_ID,
        "lambda_request_id": "lambda-request-id",
        "route": "GET /x",
        "actor_id": ADMIN["id"],
        "actor_alias": "root",
    }
    assert line.get("detail") == ("why" if error is Unavailable else None)


def entangled() -> Exception:
    error = ValueError(SECRET)
    error.__cause__ = KeyError(SECRET)
    error.__context__ = TypeError(SECRET)
    error.add_note(SECRET)
    return error


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET), entangled(), ExceptionGroup(SECRET, [OSError(SECRET)])]
)
def test_what_nobody_foresaw_is_a_500_that_logs_where_and_not_what(
    error: Exception, output: Output
) -> None:
    given = asked(raising(error))

    assert given.status == 500
    assert given.body == {
        "error": "internal error",
        "code": "internal_error",
        "request_id": REQUEST_ID,
    }
    (line,) = output.records()
    assert (line["level"], line["message"], line["error"]) == (
        "ERROR",
        "failed",
        type(error).__name__,
    )
    assert re.fullmatch(r"test_web\.py:\d+ fail", line["frames"][-1])
    assert SECRET not in output.text


def test_an_answer_of_another_form_than_promised_is_a_500(output: Output) -> None:
    made = Web()

    @made.app.get("/x")
    def odd() -> MessageResponse:
        return {"message": [SECRET]}  # type: ignore[return-value]

    given = asked(made)

    assert (given.status, given.body["code"]) == (500, "internal_error")
    assert SECRET not in output.text + json.dumps(given.body)


def test_a_function_forgets_one_request_before_the_next(output: Output) -> None:
    made = raising(errors.KeyNotFound())
    one, other = (request("GET", "/x", caller={"id": id}) for id in ("1", "2"))
    one["requestContext"]["extendedRequestId"] = "first"
    other["requestContext"]["extendedRequestId"] = "second"

    answers = [asked(made, event) for event in (one, other)]

    assert [given.headers["X-Request-Id"] for given in answers] == ["first", "second"]
    assert [(line["request_id"], line["actor_id"]) for line in output.records()] == [
        ("first", "1"),
        ("second", "2"),
    ]


def test_without_an_extended_id_the_request_s_other_one_is_taken() -> None:
    event = request("GET", "/x")
    del event["requestContext"]["extendedRequestId"]

    given = asked(raising(errors.KeyNotFound()), event)

    assert given.body["request_id"] == "request-id-that-a-client-may-set"
    assert given.headers["X-Request-Id"] == given.body["request_id"]


@pytest.mark.parametrize("name", ["headers", "multiValueHeaders", "queryStringParameters"])
def test_parts_that_a_request_need_not_have(name: str) -> None:
    event = request("GET", "/x") | {name: None}

    assert asked(raising(errors.KeyNotFound()), event).status == 404


def echo() -> Web:
    """Return a function with two routes, one of which the other's parameter could be taken for."""
    made = Web()

    @made.app.get("/a/<x>")
    def one(x: Annotated[str, Path()], q: Annotated[str, Query()] = "") -> MessageResponse:
        made.only_parameters("q")
        return MessageResponse(message=f"one {x} {q}")

    @made.app.get("/a/b/c")
    def other() -> MessageResponse:
        return MessageResponse(message="other")

    return made


@pytest.mark.parametrize(
    "value",
    [
        *("b/c", "b%2Fc", "../a/b/c", "%", "%2", "%25", "a b", "a+b", "\xfc", "\U0001f511", "?q=1"),
        *("#", "&", "=", ";", "{x}", "<x>", "\\", "'", '"', "\n", "a\0b", ".", "..", "x" * 2000),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_path_parameter_leads_to_no_other_route(value: str) -> None:
    """It arrives encoded, where it holds what no key and no id does."""
    given = asked(echo(), request("GET", "/a/{x}", path={"x": value}))

    assert (given.status, given.body) == (200, {"message": f"one {quote(value, safe='')} "})


def test_a_matched_resource_is_the_route() -> None:
    assert asked(echo(), request("GET", "/a/b/c")).body == {"message": "other"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"q": ["1", "2"]}, "q: "),
        ({"Q": ["1"]}, "unknown query parameter"),
        ({"q": ["1"], "kt_secret": ["1"]}, "unknown query parameter"),
    ],
    ids=["repeated", "another case", "another one"],
)
def test_a_query_holds_what_is_known_and_that_once(
    query: dict[str, list[str]], message: str
) -> None:
    given = asked(echo(), request("GET", "/a/{x}", path={"x": "1"}, query=query))

    assert (given.status, given.body["code"]) == (400, "field_invalid")
    assert given.body["error"].startswith(message)


def test_a_query_s_value_arrives_as_it_was_decoded() -> None:
    event = request("GET", "/a/{x}", path={"x": "1"}, query={"q": ["a b&c=%41"]})

    assert asked(echo(), event).body == {"message": "one 1 a b&c=%41"}


def test_what_was_done_is_one_line_and_one_metric(output: Output) -> None:
    made = Web()

    @made.app.get("/x")
    def do() -> MessageResponse:
        made.done("Frobbed", api_key(version=7))
        return MessageResponse(message="done")

    asked(made)

    line, metric = output.records()
    assert line == line | {"message": "Frobbed", "alias": "billing", "version": 7}
    assert metric["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Keyturn",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": "Frobbed", "Unit": "Count"}],
        }
    ]
    assert (metric["service"], metric["Frobbed"]) == ("keyturn", [1.0])


@pytest.mark.parametrize(
    ("caller", "actor"),
    [
        ({"id": "i", "alias": "a"}, "i:a"),
        ({"id": "iam"}, "iam"),
        ({"alias": "a"}, None),
        ({"id": ""}, None),
        (None, None),
    ],
    ids=str,
)
def test_who_calls_is_what_the_authorizer_said(
    caller: dict[str, str] | None, actor: str | None
) -> None:
    made = Web()

    @made.app.get("/x")
    def who() -> MessageResponse:
        return MessageResponse(message=made.by().actor)

    given = asked(made, request("GET", "/x", caller=caller))

    assert (given.status, given.body.get("message")) == (200 if actor else 403, actor)


def test_a_direct_invoke_goes_the_same_way() -> None:
    given = raising(errors.KeyNotFound()).direct({"a": 1}, "/x", Context())

    assert given == {
        "error": "no such route",
        "code": "route_not_found",
        "request_id": "lambda-request-id",
        "status": 404,
    }
