"""Lambda's own runtime where it fails: at the start, in time, in the middle; and what it logs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import boto3
import pytest

from infra.local.functions import Function
from infra.local.stack import local_stack
from infra.rehearsal.made import NotMadeError
from infra.rehearsal.runtime import Runtime, runtime
from tests.e2e.served import PATH, Service
from tests.faults import wire
from tests.faults.wire import wire_to
from tests.races.places import at_once, moto_url
from tests.support_canary import leaks

pytestmark = [pytest.mark.rehearsal, pytest.mark.dynamodb_local]

Change = Callable[[Function], Function]
MESSAGE = "service unavailable, try again"
SHORT = {"CreateKeyFunction": 15}  # seconds; its start, on a busy machine, has to be within them


class Place:
    """A service in the runtime, with the runtime and its log at hand."""

    def __init__(self, service: Service, functions: Runtime, log: Path) -> None:
        self.service, self.log = service, log
        self._functions = {each.name.rpartition("-")[2]: each for each in functions.functions}

    def runtimes(self, function: str) -> list[int]:
        """Return the process ids of a function's runtimes."""
        return self._functions[function].runtimes()

    def send(self, number: signal.Signals, function: str) -> None:
        """Send a signal to a function's runtimes."""
        for pid in self.runtimes(function):
            os.kill(pid, number)

    def warm(self) -> None:
        """Have both functions of a create started."""
        assert self.service.post({}).status == 400
        self.service.wire.heal()


@contextmanager
def changed(dynamodb: str, log: Path, change: Change) -> Iterator[Place]:
    """Run the service with its functions changed."""
    try:
        with (
            log.open("wb") as file,
            runtime(file) as functions,
            wire_to(moto_url(), dynamodb) as between,
            local_stack(
                aws=between.url,
                name=f"runtime-{log.parent.name}",
                runtime=lambda function: functions(change(function)),
            ) as stack,
            closing(boto3.client("dynamodb", endpoint_url=dynamodb)) as onlooker,
        ):
            yield Place(Service(stack, between, onlooker), functions, log)
    except NotMadeError as reason:
        pytest.skip(str(reason))


def shortened(function: Function) -> Function:
    seconds = SHORT.get(function.name.rpartition("-")[2])
    return replace(function, timeout=seconds) if seconds else function


@pytest.fixture(scope="module")
def _hasty(dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with changed(dynamodb_local, tmp_path_factory.mktemp("hasty") / "log", shortened) as place:
        assert place.service.stack.admin_key
        yield place


@pytest.fixture
def hasty(_hasty: Place) -> Iterator[Place]:
    """A service whose functions were started, and have less time than they are deployed with."""
    _hasty.warm()
    yield _hasty
    _hasty.service.wire.heal()


@pytest.mark.parametrize("missing", ["TABLE_NAME", "ALLOWED_ROLES"])
def test_function_that_cannot_start_is_503(
    dynamodb_local: str, tmp_path: Path, missing: str
) -> None:
    def change(function: Function) -> Function:
        if not function.name.endswith("RevokeKeyFunction"):
            return function
        environment = {k: v for k, v in function.environment.items() if k != missing}
        return replace(function, environment=environment)

    with changed(dynamodb_local, tmp_path / "log", change) as place:
        made = place.service.create("to revoke", roles=["admin"])
        for _ in range(2):
            answer = place.service.delete(made["key"])
            assert answer.is_error(503, "unavailable", MESSAGE)
        assert place.service.admits(made["key"])
        assert missing in place.log.read_text()


def test_authorizer_that_cannot_start_lets_nobody_in(dynamodb_local: str, tmp_path: Path) -> None:
    def change(function: Function) -> Function:
        if not function.name.endswith("AdminAuthorizerFunction"):
            return function
        return replace(function, environment={**function.environment, "REQUIRED_ROLES": ""})

    with changed(dynamodb_local, tmp_path / "log", change) as place:
        for key in (place.service.stack.admin_key, "none"):
            answer = place.service.post({"alias": "a", "name": "n"}, key=key)
            assert answer.is_error(503, "unavailable", MESSAGE)
        assert place.service.row("a") is None


def test_write_that_outlives_its_function_is_503_and_its_repeat_finds_it(
    hasty: Place, alias: str
) -> None:
    service, before = hasty.service, hasty.runtimes("CreateKeyFunction")
    service.wire.plan(
        "PutItem", wire.then(partial(hasty.send, signal.SIGSTOP, "CreateKeyFunction"))
    )
    begun = time.monotonic()
    answer = service.post({"alias": alias, "name": "first"})
    taken = time.monotonic() - begun

    assert answer.is_error(503, "unavailable", MESSAGE)
    assert taken >= SHORT["CreateKeyFunction"]
    row = service.row(alias)
    assert row is not None
    assert (row["version"], row["name"]) == ({"N": "1"}, {"S": "first"})

    hasty.warm()
    assert {*hasty.runtimes("CreateKeyFunction")}.isdisjoint(before)
    repeated = service.post({"alias": alias, "name": "first"})
    assert (repeated.status, repeated.body["renewed"]) == (200, True)
    assert service.create(alias)["key"] == repeated.body["key"]


def test_authorizer_that_runs_out_of_time_is_503_and_no_access(hasty: Place, alias: str) -> None:
    service = hasty.service
    stop = partial(hasty.send, signal.SIGSTOP, "AdminAuthorizerFunction")
    service.wire.plan("GetItem", wire.then(stop, wire.whole))
    answer = service.post({"alias": alias, "name": "n"})

    assert answer.is_error(503, "unavailable", MESSAGE)
    assert service.wire.calls == ["GetItem"]
    hasty.warm()
    assert service.post({"alias": alias, "name": "n"}).status == 201


def test_function_that_dies_in_the_middle_is_503_and_the_next_call_is_served(
    hasty: Place, alias: str
) -> None:
    service = hasty.service
    service.wire.plan(
        "PutItem", wire.then(partial(hasty.send, signal.SIGKILL, "CreateKeyFunction"))
    )
    assert service.post({"alias": alias, "name": "n"}).is_error(503, "unavailable", MESSAGE)

    row = service.row(alias)
    assert row is not None
    assert row["version"] == {"N": "1"}
    repeated = service.post({"alias": alias, "name": "n"})
    assert (repeated.status, repeated.body["renewed"]) == (200, True)


def test_calls_at_once_are_served_by_a_process_each(hasty: Place) -> None:
    service = hasty.service
    body = {"key": service.stack.admin_key}
    ask = partial(service.post, body, path=f"{PATH}/verify")
    # The gateway's own patience may end before four processes have started on a busy machine.
    assert {answer.status for answer in at_once([ask] * 4)} <= {200, 503}
    assert len({*hasty.runtimes("VerifyCallerAuthorizerFunction")}) == 4
    assert ask().body["valid"] is True


def test_the_runtimes_log_has_no_key_in_it(hasty: Place, alias: str) -> None:
    service = hasty.service
    made = service.create(alias, roles=["admin"])
    rotated = service.send("POST", f"{PATH}/{made['id']}/rotate", headers=service.bearer()).body
    keys = {service.stack.admin_key, made["key"], rotated["key"]}
    service.post({"alias": alias, "name": made["key"] * 9})
    service.wire.always("UpdateItem", wire.refused("InternalServerError", 500))
    assert service.delete(made["key"]).status == 503
    service.wire.heal()
    for key in (made["key"], rotated["key"][:-1], f"{rotated['key']}x"):
        service.send("GET", f"{PATH}/self", headers=service.bearer(key))
        service.send("GET", f"{PATH}/{key}", headers=service.bearer())
    assert service.delete(rotated["key"]).status == 200

    log = hasty.log.read_bytes()
    assert b"Revoked" in log
    assert leaks(keys, {"log": log}) == set()
