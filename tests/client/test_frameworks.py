"""What a FastAPI and a Flask application answer to whom."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Protocol

import flask
import httpx
import pytest
from fastapi import Depends, FastAPI

from keyturn_client import AsyncKeyturn, Caller, Keyturn
from keyturn_client.fastapi import requires as fastapi_requires
from keyturn_client.flask import requires as flask_requires
from tests.cli.between import Reply, between
from tests.client.test_asking import UNKNOWN
from tests.e2e.served import Service

Answered = tuple[int, Mapping[str, str], Any]


class Ask(Protocol):
    def __call__(self, path: str, headers: Mapping[str, str] | None = None) -> Answered: ...


def _sent(headers: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]


def on_fastapi(url: str, key: str) -> Iterator[Ask]:
    app, keyturn = FastAPI(), AsyncKeyturn(url, key)
    creators = fastapi_requires(keyturn, "creator", "admin")

    @app.get("/things")
    async def things(caller: Annotated[Caller, Depends(fastapi_requires(keyturn))]) -> str:
        return caller.alias

    @app.get("/made")
    def made(caller: Annotated[Caller, Depends(creators)]) -> str:
        return caller.alias

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://things")
    with asyncio.Runner() as loop:

        def ask(path: str, headers: Mapping[str, str] | None = None) -> Answered:
            answer = loop.run(client.get(path, headers=_sent(headers)))
            return answer.status_code, answer.headers, answer.json()

        yield ask
        loop.run(client.aclose())
        loop.run(keyturn.aclose())


def on_flask(url: str, key: str) -> Iterator[Ask]:
    app = flask.Flask("things")
    with Keyturn(url, key) as keyturn:

        @app.get("/things")
        @flask_requires(keyturn)
        def things() -> Any:  # noqa: ANN401
            return flask.jsonify(flask.g.caller.alias)

        @app.get("/made")
        @flask_requires(keyturn, "creator", "admin")
        def made() -> Any:  # noqa: ANN401
            return flask.jsonify(flask.g.caller.alias)

        client = app.test_client()

        def ask(path: str, headers: Mapping[str, str] | None = None) -> Answered:
            answer = client.get(path, headers=dict(headers or {}))
            return answer.status_code, dict(answer.headers), answer.json

        yield ask


APPS = {"fastapi": on_fastapi, "flask": on_flask}


@pytest.fixture(params=APPS)
def ask(request: pytest.FixtureRequest, service: Service, own: str) -> Iterator[Ask]:
    yield from APPS[request.param](service.stack.url, own)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_who_has_a_key_is_let_in_and_known(ask: Ask, customer: dict[str, Any], header: str) -> None:
    value = f"Bearer {customer['key']}" if header == "Authorization" else customer["key"]

    assert ask("/things", {header: value})[::2] == (200, customer["alias"])


def test_who_has_none_is_answered_401(ask: Ask) -> None:
    for headers in (
        {},
        {"Authorization": "Basic eDp5"},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": "n\xf6"},
        {"Authorization": f"Bearer {UNKNOWN}"},
    ):
        status, told, _ = ask("/things", headers)

        assert (status, told["WWW-Authenticate"]) == (401, "Bearer")


def test_two_keys_are_none(ask: Ask, customer: dict[str, Any]) -> None:
    key = customer["key"]

    assert ask("/things", {"Authorization": f"Bearer {key}", "X-API-Key": UNKNOWN})[0] == 401
    assert ask("/things", {"X-API-Key": f"{key},{key}"})[0] == 401


def test_who_lacks_a_role_is_answered_403(
    ask: Ask, service: Service, customer: dict[str, Any], own: str
) -> None:
    body = {"alias": f"{customer['alias']}-user", "name": "N", "roles": ["user"]}
    user = service.post(body, key=own).body["key"]

    assert [ask(path, {"X-API-Key": user})[0] for path in ("/things", "/made")] == [200, 403]
    assert ask("/made", {"X-API-Key": customer["key"]})[0] == 200


@pytest.mark.parametrize("app", APPS)
def test_where_nobody_can_know_it_is_503(app: str) -> None:
    with between(Reply(503, b"{}")) as server:
        answers = [ask("/things", {"X-API-Key": UNKNOWN}) for ask in APPS[app](server.url, UNKNOWN)]

    assert [(status, headers["Retry-After"]) for status, headers, _ in answers] == [(503, "1")]


def test_openapi_names_both_headers() -> None:
    app = FastAPI()
    keyturn = AsyncKeyturn("https://example.com", UNKNOWN)

    @app.get("/")
    def root(caller: Annotated[Caller, Depends(fastapi_requires(keyturn))]) -> str:
        return caller.alias

    schemes = app.openapi()["components"]["securitySchemes"].values()
    assert {(each["type"], each.get("scheme") or each["name"]) for each in schemes} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
    }
