"""Whom an application lets in, how long it remembers that, and how often it asks."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from keyturn import keytext
from keyturn_client import AsyncKeyturn, Refused, presented
from tests.cli.between import Between, Reply, Request, between, passed_to
from tests.client.conftest import Application, Asking
from tests.e2e.served import Service
from tests.support import Clock

UNKNOWN = keytext.mint("kt", "A" * 17).reveal()


def refusal(asking: Asking, key: str, *roles: str) -> tuple[str, int]:
    with pytest.raises(Refused) as refused:
        asking.verify(key, *roles)
    return refused.value.code, refused.value.status


def test_a_good_key_says_whose_it_is(
    application: Application, service: Service, customer: dict[str, Any]
) -> None:
    caller = application(f"{service.stack.url}/").verify(customer["key"], "creator", "admin")

    assert (caller.id, caller.alias) == (customer["id"], customer["alias"])
    assert (caller.roles, caller.generation) == (("user", "creator"), 1)
    assert caller.expire == datetime.fromisoformat(customer["expire"])


def test_a_refused_key_is_told_by_the_services_code(
    application: Application, service: Service, ending: dict[str, Any], own: str, clock: Clock
) -> None:
    asking = application(service.stack.url)

    assert refusal(asking, ending["key"], "admin") == ("insufficient_role", 403)
    assert refusal(asking, ending["key"][:-1]) == ("malformed", 401)
    assert refusal(asking, UNKNOWN) == ("not_found", 401)
    service.delete(ending["id"], by=own)
    clock.now += 10
    assert refusal(asking, ending["key"]) == ("revoked", 401)


def test_what_is_no_key_is_refused(application: Application, service: Service) -> None:
    asking = application(service.stack.url)
    texts = ["", " ", "\x00", "\ud800", "\xe9", "kt_\u2028", '"}', "Bearer x", "k" * 40_000]

    assert {refusal(asking, text) for text in texts} == {("malformed", 401)}


def test_a_key_is_asked_for_once_in_the_stated_seconds(
    application: Application, watched: Between, customer: dict[str, Any], clock: Clock
) -> None:
    asking, began = application(watched.url), clock.now
    for seconds in (0, 5, 9, 10, 19):
        clock.now = began + seconds
        asking.verify(customer["key"])
        assert refusal(asking, customer["key"], "admin")[0] == "insufficient_role"

    assert len(watched.asked) == 2


@pytest.mark.row("T6")
def test_a_revoked_key_is_refused_after_the_stated_seconds(
    application: Application, service: Service, ending: dict[str, Any], own: str, clock: Clock
) -> None:
    asking = application(service.stack.url, keep_seconds=7)
    asking.verify(ending["key"])
    assert service.delete(ending["id"], by=own).status == 200

    clock.now += 6
    assert asking.verify(ending["key"]).id == ending["id"]
    clock.now += 1
    assert refusal(asking, ending["key"]) == ("revoked", 401)


@pytest.mark.row("T6")
def test_a_revoked_key_is_refused_at_once_where_nothing_is_remembered(
    application: Application, service: Service, ending: dict[str, Any], own: str
) -> None:
    asking = application(service.stack.url, keep_seconds=0)
    asking.verify(ending["key"])
    assert service.delete(ending["id"], by=own).status == 200

    assert refusal(asking, ending["key"]) == ("revoked", 401)


@pytest.mark.parametrize("grace", [None, 60], ids=["expiry", "end of a grace"])
def test_a_remembered_key_is_refused_from_its_own_end_on(
    application: Application,
    service: Service,
    ending: dict[str, Any],
    clock: Clock,
    grace: int | None,
) -> None:
    asking, end = application(service.stack.url, keep_seconds=3600), ending["expire"]
    if grace:
        path = f"/api/apikey/{ending['id']}/rotate"
        rotated = service.post({"grace_seconds": grace}, path=path, key=application.key)
        end = rotated.body["previous_expires_at"]
    clock.now = int(datetime.fromisoformat(end).timestamp()) - 1

    asking.verify(ending["key"])
    clock.now += 1
    assert refusal(asking, ending["key"])[1] == 401


def test_a_refusal_is_not_remembered(
    application: Application, service: Service, ending: dict[str, Any], own: str
) -> None:
    asking = application(service.stack.url)
    assert service.delete(ending["id"], by=own).status == 200
    assert refusal(asking, ending["key"]) == ("revoked", 401)

    service.post({"alias": ending["alias"], "name": "N"}, key=own)

    assert asking.verify(ending["key"]).roles == ()


def test_no_more_is_remembered_than_was_said(
    application: Application,
    watched: Between,
    service: Service,
    customer: dict[str, Any],
    own: str,
) -> None:
    asking = application(watched.url, keep_most=1)
    other = service.post({"alias": f"{customer['alias']}-2", "name": "N"}, key=own).body["key"]
    for key in (customer["key"], other, other, customer["key"]):
        asking.verify(key)

    assert len(watched.asked) == 3


# Many at once


def slowly(url: str) -> Callable[[Request], Reply]:
    def step(request: Request) -> Reply:
        time.sleep(0.1)
        return passed_to(url)(request)

    return step


@pytest.mark.parametrize(("keep_seconds", "asked"), [(10, 1), (0, 8)])
def test_of_many_at_once_one_asks_unless_nothing_may_be_remembered(
    application: Application,
    service: Service,
    customer: dict[str, Any],
    keep_seconds: int,
    asked: int,
) -> None:
    with between(slowly(service.stack.url)) as server:
        asking = application(server.url, keep_seconds=keep_seconds)
        callers = asking.at_once(8, customer["key"])

    assert [caller.id for caller in callers] == [customer["id"]] * 8
    assert len(server.asked) == asked


def test_who_waited_past_the_stated_seconds_asks_anew(
    application: Application, service: Service, customer: dict[str, Any], clock: Clock
) -> None:
    def late(request: Request) -> Reply:
        reply = slowly(service.stack.url)(request)
        clock.now += 10
        return reply

    with between(late, passed_to(service.stack.url)) as server:
        application(server.url).at_once(3, customer["key"])

    assert len(server.asked) == 2


def test_who_waits_asks_when_the_one_who_asked_went_away(
    own: str, service: Service, customer: dict[str, Any]
) -> None:
    begun = threading.Event()

    def step(request: Request) -> Reply:
        begun.set()
        return slowly(service.stack.url)(request)

    async def go_away(keyturn: AsyncKeyturn) -> str:
        first = asyncio.create_task(keyturn.verify(customer["key"]))
        await asyncio.to_thread(begun.wait)
        impatient = asyncio.create_task(keyturn.verify(customer["key"]))
        second = asyncio.create_task(keyturn.verify(customer["key"]))
        await asyncio.sleep(0)
        impatient.cancel()
        first.cancel()
        return (await second).id

    async def run() -> str:
        async with AsyncKeyturn(server.url, own) as keyturn:
            return await go_away(keyturn)

    with between(step) as server:
        assert asyncio.run(run()) == customer["id"]
    assert len(server.asked) == 2


# Headers


@pytest.mark.parametrize("own_header", [[], [""], [" k "], ["k", "k"], ["other"]], ids=str)
@pytest.mark.parametrize(
    "authorization",
    [[], [""], ["Bearer k"], ["bearer  k "], ["Bearer"], ["Basic k"], ["k"], ["Bearer k"] * 2],
    ids=str,
)
def test_headers_are_read_as_the_authorizer_reads_them(
    authorization: list[str], own_header: list[str]
) -> None:
    import authorize  # noqa: PLC0415

    headers = {"Authorization": authorization, "X-API-Key": own_header}
    given = {name: values for name, values in headers.items() if values}
    asked = authorize.presented({"type": "REQUEST", "multiValueHeaders": given})

    assert presented(authorization, own_header) == asked
