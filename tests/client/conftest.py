"""An application that asks Keyturn: its threads, or its event loop, and the service it asks."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest

from keyturn_client import AsyncKeyturn, Caller, Keyturn
from tests.cli.between import Between, between, passed_to
from tests.e2e.served import Service, served
from tests.races.places import alias
from tests.support import NOW, Clock

__all__ = ["alias"]


class Asking(Protocol):
    """Either client, asked in one way."""

    def verify(self, key: str, *roles: str) -> Caller: ...
    def at_once(self, number: int, key: str) -> list[Caller]: ...
    def close(self) -> None: ...


class Threads:
    def __init__(self, url: str, key: Any, **settings: Any) -> None:  # noqa: ANN401
        self.keyturn = Keyturn(url, key, **settings)
        self.verify = self.keyturn.verify
        self.close = self.keyturn.close

    def at_once(self, number: int, key: str) -> list[Caller]:
        with ThreadPoolExecutor(number) as threads:
            return list(threads.map(self.verify, [key] * number))


class Loop:
    def __init__(self, url: str, key: Any, **settings: Any) -> None:  # noqa: ANN401
        self.runner = asyncio.Runner()
        self.keyturn = AsyncKeyturn(url, key, **settings)

    def verify(self, key: str, *roles: str) -> Caller:
        return self.runner.run(self.keyturn.verify(key, *roles))

    def at_once(self, number: int, key: str) -> list[Caller]:
        async def all_of_them() -> list[Caller]:
            return await asyncio.gather(*(self.keyturn.verify(key) for _ in range(number)))

        return self.runner.run(all_of_them())

    def close(self) -> None:
        self.runner.run(self.keyturn.aclose())
        self.runner.close()


class Application:
    """Makes clients, and ends them."""

    def __init__(self, kind: type[Threads | Loop], key: str) -> None:
        self.kind = kind
        self.key = key
        self.made: list[Asking] = []

    def __call__(self, url: str, key: Any = None, **settings: Any) -> Asking:  # noqa: ANN401
        made = self.kind(url, self.key if key is None else key, **settings)
        self.made.append(made)
        return made


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with served("client") as service:
        yield service


@pytest.fixture(scope="session")
def _own(service: Service) -> str:
    body = {"alias": "an application", "name": "N", "roles": ["admin"], "ttl_days": 365}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", Clock())
        return str(service.stack.invoke("CreateKeyFunction", body)["key"])


@pytest.fixture
def own(_own: str, clock: Clock) -> str:
    """The application's own key, which is good for a year from the time that the clock shows."""
    assert clock.now == NOW
    return _own


@pytest.fixture(params=[Threads, Loop], ids=["threads", "loop"])
def application(request: pytest.FixtureRequest, own: str) -> Iterator[Application]:
    application = Application(request.param, own)
    yield application
    for made in application.made:
        made.close()


@pytest.fixture
def watched(service: Service) -> Iterator[Between]:
    """The service, and what it is asked."""
    with between(passed_to(service.stack.url)) as watched:
        yield watched


@pytest.fixture(scope="session")
def customer(service: Service, _own: str) -> dict[str, Any]:
    """A customer's key, of two roles, which no test changes."""
    return _customer(service, "a customer")


@pytest.fixture
def ending(service: Service, own: str, alias: str) -> dict[str, Any]:  # noqa: ARG001 - its clock
    """The same for one test, which may end it."""
    return _customer(service, alias)


def _customer(service: Service, alias: str) -> dict[str, Any]:
    body = {"alias": alias, "name": "N", "roles": ["user", "creator"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", Clock())
        made: dict[str, Any] = service.stack.invoke("CreateKeyFunction", body)
    assert made["status"] == 201
    return made
