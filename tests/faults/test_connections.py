"""Connections that ended while nobody looked, and answers that come bit by bit."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.stack import Stack
from tests.e2e.served import PATH, Answer, Service
from tests.faults import wire
from tests.faults.wire import Fault

SLOW = 0.5
LATE = 1.2
TIMEOUT = 0.8
TOO_LATE = {"late reply": wire.late_reply(LATE), "late request": wire.late_request(LATE)}


def live(service: Service, alias: str, before: Callable[[], object]) -> dict[str, list[str]]:
    """Have a key go through every verb, and each succeed; return what each asked of AWS."""
    asked: dict[str, list[str]] = {}

    def ask(verb: str, call: Callable[[], Answer]) -> dict[str, Any]:
        service.wire.heal()
        before()
        answer = call()
        asked[verb] = [*service.wire.calls]
        assert answer.status == (201 if verb == "create" else 200)
        return answer.body

    body = {"alias": alias, "name": "n"}
    created = ask("create", lambda: service.post(body))
    id, key = created["id"], created["key"]
    assert ask("renew", lambda: service.post(body))["key"] == key
    assert ask("rotate", lambda: service.post({}, path=f"{PATH}/{id}/rotate"))["generation"] == 2
    assert ask("verify", lambda: service.post({"key": key}, path=f"{PATH}/verify"))["valid"]
    get = ask("read", lambda: service.send("GET", f"{PATH}/{id}", headers=service.bearer()))
    assert get["generation"] == 2
    ask("revoke", lambda: service.delete(id))
    row = service.row(alias)
    assert row is not None
    assert (row["version"], row["is_active"]) == ({"N": "4"}, {"BOOL": False})
    return asked


@pytest.mark.row("F17")
@pytest.mark.prove
def test_connection_that_was_closed_while_idle_is_replaced_unseen(
    service: Service, alias: str
) -> None:
    usual = live(service, f"{alias}-before", lambda: None)

    assert live(service, alias, service.wire.close) == usual


@pytest.mark.row("F17")
@pytest.mark.prove
def test_connection_that_died_in_silence_costs_a_timeout_and_nothing_else(
    service: Service, alias: str
) -> None:
    body = {"alias": alias, "name": "n"}
    assert service.post(body).status == 201
    service.wire.heal()
    service.wire.freeze()
    started = time.monotonic()

    assert service.post(body).status == 200

    # Of the authorizer, of DynamoDB and of KMS.
    assert 3 * 2 < time.monotonic() - started < 3 * 3
    assert service.wire.calls == ["GetItem", "GetItem", "Decrypt", "UpdateItem"]


@pytest.mark.row("F4")
@pytest.mark.prove
def test_answer_that_comes_bit_by_bit_is_taken_whole(service: Service, alias: str) -> None:
    usual = live(service, f"{alias}-before", lambda: None)
    started = time.monotonic()

    def slow() -> None:
        for operation in ("GetItem", "PutItem", "UpdateItem", "Encrypt", "Decrypt"):
            service.wire.always(operation, wire.slow_reply(SLOW))

    assert live(service, alias, slow) == usual
    assert time.monotonic() - started > SLOW * 2 * len(usual)


@pytest.fixture
def _outlived() -> Iterator[None]:
    """Functions run on where no Lambda ends them: what they still ask is no other test's."""
    yield
    time.sleep(LATE)


@pytest.fixture
def hurried(service: Service, monkeypatch: pytest.MonkeyPatch, _outlived: None) -> Service:
    """The service, whose functions have less time than what is late takes."""
    assert isinstance(service.stack, Stack)
    for name, function in service.stack.functions.items():
        if "Authorizer" not in name:
            monkeypatch.setattr(function, "timeout", TIMEOUT)
    return service


def lands(service: Service, operation: str) -> None:
    """Wait until such a write has reached AWS."""
    deadline = time.monotonic() + 10
    while not any(operation == passed.operation for passed in service.wire.passed):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.row("F4")
@pytest.mark.prove
@pytest.mark.parametrize("fault", TOO_LATE.values(), ids=TOO_LATE)
def test_write_that_outlasts_its_function_is_503_and_its_repeat_converges(
    hurried: Service, alias: str, fault: Fault
) -> None:
    body = {"alias": alias, "name": "n"}
    hurried.wire.plan("PutItem", fault)
    assert hurried.post(body).is_error(503, "unavailable")
    lands(hurried, "PutItem")
    row = hurried.row(alias)
    assert row is not None
    renewed = hurried.post(body)
    assert renewed.status == 200

    path = f"{PATH}/{renewed.body['id']}/rotate"
    hurried.wire.heal()
    hurried.wire.plan("UpdateItem", fault)
    assert hurried.post({"rotation_id": "r"}, path=path).is_error(503, "unavailable")
    lands(hurried, "UpdateItem")
    rotated = hurried.post({"rotation_id": "r"}, path=path)
    assert (rotated.status, rotated.body["generation"]) == (200, 2)

    hurried.wire.heal()
    hurried.wire.plan("UpdateItem", fault)
    assert hurried.delete(rotated.body["id"]).is_error(503, "unavailable")
    lands(hurried, "UpdateItem")
    assert hurried.delete(rotated.body["id"]).is_error(404, "not_found")
    assert not hurried.admits(rotated.body["key"])
    row = hurried.row(alias)
    assert row is not None
    assert row["version"] == {"N": "4"}


@pytest.mark.row("F4")
@pytest.mark.prove
@pytest.mark.usefixtures("_outlived")
def test_authorizer_that_runs_out_of_time_is_503_and_never_access(
    service: Service, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(service.stack, Stack)
    monkeypatch.setattr(service.stack.functions["AdminAuthorizerFunction"], "timeout", TIMEOUT)
    service.wire.always("GetItem", wire.late_reply(LATE))

    assert service.post({"alias": alias, "name": "n"}).is_error(503, "unavailable")

    assert service.row(alias) is None
    assert "PutItem" not in service.wire.calls
