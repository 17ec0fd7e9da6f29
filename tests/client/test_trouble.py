"""Where Keyturn does not answer, or not as it does, nobody is let in, and nobody is told a key."""

import json
import logging
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from keyturn_client import Keyturn, Refused, Unavailable
from tests.cli.between import Between, Reply, Request, Step, between, passed_to
from tests.client.conftest import Application
from tests.client.test_asking import UNKNOWN
from tests.e2e.served import Service
from tests.keyturn.test_lean_tls import certificate
from tests.support import Clock

JSON = {"Content-Type": "application/json"}
VALID = {
    "valid": True,
    "code": "valid",
    "id": "A" * 17,
    "alias": "a",
    "roles": ["user"],
    "expire": "2099-01-01T00:00:00Z",
    "generation": 1,
}


def said(body: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), JSON)


def error(status: int, code: str) -> Reply:
    return said({"error": "it says so", "code": code, "request_id": "the-id"}, status)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (error(503, "unavailable"), "Keyturn answered 503"),
        (error(500, "internal_error"), "Keyturn answered 500"),
        (error(429, "throttled"), "Keyturn answered 429"),
        (error(404, "route_not_found"), "Keyturn answered 404"),
        (error(400, "invalid_body"), "Keyturn answered 400"),
        (error(401, "unauthorized"), "Keyturn does not let this application ask (401)"),
        (error(403, "forbidden"), "Keyturn does not let this application ask (403)"),
        (said(VALID, 201), "Keyturn answered 201"),
        (said({**VALID, "valid": "true"}), "Keyturn answered 200"),
        (said({**VALID, "valid": 1}), "Keyturn answered 200"),
        (said({"valid": True}), "Keyturn did not answer as it does (200)"),
        (said({**VALID, "expire": 0}), "Keyturn did not answer as it does (200)"),
        (said({**VALID, "roles": None}), "Keyturn did not answer as it does (200)"),
        (said([]), "Keyturn did not answer as it does (200)"),
        (Reply(200, b"<html>Welcome</html>"), "Keyturn did not answer as it does (200)"),
        (Reply(200, b"[" * 100_000, JSON), "Keyturn did not answer as it does (200)"),
        (Reply(200, b"\xff", JSON), "Keyturn did not answer as it does (200)"),
        (Reply(302, b"", {"Location": "/"}), "Keyturn did not answer as it does (302)"),
        (Reply(body=None), "Keyturn did not answer: RemoteProtocolError"),
    ],
    ids=str,
)
def test_whatever_else_is_answered_lets_nobody_in(reply: Reply, why: str) -> None:
    with (
        between(reply) as server,
        Keyturn(server.url, UNKNOWN) as keyturn,
        pytest.raises(Unavailable) as unavailable,
    ):
        keyturn.verify(UNKNOWN)

    assert str(unavailable.value) == why


def test_an_answer_without_a_role_that_is_one_lets_in_who_needs_none() -> None:
    with between(said(VALID)) as server, Keyturn(server.url, UNKNOWN) as keyturn:
        assert keyturn.verify(UNKNOWN).roles == ("user",)
        with pytest.raises(Refused):
            keyturn.verify(UNKNOWN, "use")


def test_where_nobody_listens_nobody_is_let_in(application: Application) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    asking = application(url)

    with pytest.raises(Unavailable, match="ConnectError"):
        asking.verify(UNKNOWN)


def test_a_server_that_nobody_vouches_for_is_told_no_key(tmp_path: Path) -> None:
    with (
        between(
            said(VALID), certificate=certificate(tmp_path / "server.pem", "127.0.0.1")
        ) as server,
        Keyturn(server.url, UNKNOWN) as keyturn,
        pytest.raises(Unavailable, match="ConnectError"),
    ):
        keyturn.verify(UNKNOWN)

    assert server.asked == []


def test_an_outage_ends_when_it_is_over_and_who_is_remembered_does_not_notice_before(
    application: Application, service: Service, customer: dict[str, Any], clock: Clock
) -> None:
    steps: list[Step] = [passed_to(service.stack.url), error(503, "unavailable")]
    with between(*steps, passed_to(service.stack.url)) as server:
        asking = application(server.url)
        asking.verify(customer["key"])
        clock.now += 9
        asking.verify(customer["key"])
        clock.now += 1
        with pytest.raises(Unavailable):
            asking.verify(customer["key"])
        asking.verify(customer["key"])

    assert len(server.asked) == 3


@pytest.mark.parametrize("number", [1, 2], ids=["once", "twice"])
def test_a_connection_that_broke_is_replaced_once(
    application: Application, service: Service, customer: dict[str, Any], number: int
) -> None:
    with between(*[Reply(body=None)] * number, passed_to(service.stack.url)) as server:
        asking = application(server.url)
        if number == 1:
            asking.verify(customer["key"])
        else:
            with pytest.raises(Unavailable):
                asking.verify(customer["key"])

    assert len(server.asked) == 2


def test_an_answer_that_takes_too_long_is_not_waited_for_and_not_asked_for_again(
    application: Application,
) -> None:
    def step(_: Request) -> Reply:
        time.sleep(0.3)
        return said(VALID)

    with between(step) as server:
        asking = application(server.url, timeout_seconds=0.05)
        with pytest.raises(Unavailable, match="ReadTimeout"):
            asking.at_once(4, UNKNOWN)

    assert len(server.asked) == 1


def test_an_application_that_may_not_ask_lets_nobody_in(
    application: Application, service: Service, customer: dict[str, Any], own: str
) -> None:
    asking = application(service.stack.url, key=customer["key"])

    with pytest.raises(Unavailable, match=r"not let this application ask \(403\)"):
        asking.verify(own)


def test_an_own_key_that_rotates_is_asked_for_each_time(
    application: Application, service: Service, customer: dict[str, Any], own: str
) -> None:
    first = service.post(
        {"alias": f"{customer['alias']}-own", "name": "N", "roles": ["admin"]}, key=own
    )
    held = [first.body["key"]]
    asking = application(service.stack.url, key=lambda: held[-1] + "\n", keep_seconds=0)
    asking.verify(customer["key"])

    path = f"/api/apikey/{first.body['id']}/rotate"
    held.append(service.post({"grace_seconds": 0}, path=path, key=own).body["key"])

    asking.verify(customer["key"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://api.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https://user:password@example.com",
        "https://example.com/live?x=y",
        "https://example.com/#live",
    ],
)
def test_no_key_goes_where_it_could_be_read(url: str) -> None:
    with pytest.raises(ValueError, match="the URL must"):
        Keyturn(url, UNKNOWN)


@pytest.mark.parametrize("setting", ["keep_seconds", "keep_most", "timeout_seconds"])
def test_a_setting_that_cannot_be_meant_so_is_refused(setting: str) -> None:
    settings: Mapping[str, Any] = {setting: -1}
    with pytest.raises(ValueError, match="negative"):
        Keyturn("https://example.com", UNKNOWN, **settings)


@pytest.mark.row("T2")
@pytest.mark.parametrize(
    "steps",
    [
        lambda url: [passed_to(url)],
        lambda _: [Reply(body=None)],
        lambda _: [error(503, "unavailable")],
        lambda _: [error(401, "unauthorized")],
        lambda _: [Reply(200, b"nonsense")],
    ],
    ids=["refused", "broken", "unavailable", "own key refused", "nonsense"],
)
def test_no_key_is_told_to_a_log_or_by_an_exception(
    application: Application,
    service: Service,
    own: str,
    caplog: pytest.LogCaptureFixture,
    steps: Callable[[str], list[Step]],
) -> None:
    caplog.set_level(logging.DEBUG)
    with between(*steps(service.stack.url)) as server:
        asking = application(server.url)
        with pytest.raises((Refused, Unavailable)) as raised:
            asking.verify(UNKNOWN)
        told = [repr(asking), repr(vars(asking)), repr(raised.value), caplog.text]

    error: BaseException | None = raised.value
    told += traceback.format_exception(raised.value)
    while error := error and (error.__cause__ or error.__context__):
        told += [repr(vars(error))]
        assert not hasattr(error, "request")
    assert all(body_of(server, key) for key in (UNKNOWN, own))  # which both were sent
    assert not [text for text in told for key in (UNKNOWN, own) if key[-38:] in text]


def body_of(server: Between, key: str) -> bool:
    return any(key in f"{request.body!r} {request.headers}" for request in server.asked)
