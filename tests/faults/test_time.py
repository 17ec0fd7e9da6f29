"""However AWS fails, the answer comes before the function's time is over, and the gateway's."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff

from infra.local.stack import TEMPLATE
from infra.local.template import Template
from keyturn import aws, lean, service
from keyturn.errors import Unavailable
from keyturn.issuer import START_OVER
from keyturn.keys import Reason, Rotation
from tests.faults import wire
from tests.faults.wire import Wire, wire_to
from tests.infra.declared import PSEUDO
from tests.races.places import Place, grant
from tests.support import by

GATEWAY = 29
MARGIN = 0.5  # for what is not waiting


def timeouts() -> dict[str, float]:
    """Return the declared seconds of every function that a gateway waits for, by its module."""
    template = Template(TEMPLATE, PSEUDO, lambda *_: "", {})
    functions = dict(template.resources("AWS::Serverless::Function"))
    return {
        module: float(each["Timeout"])
        for each in functions.values()
        if (module := each["Handler"].partition(".")[0]) == "authorize"
        or any(event["Type"] == "Api" for event in each.get("Events", {}).values())
    }


def longest_call() -> float:
    """Return the seconds that one call of the SDK may take: all its attempts and all its pauses."""
    config = vars(aws.CONFIG)
    attempts = config["retries"]["total_max_attempts"]
    always: Any = SimpleNamespace(is_throttling_error_from_context=lambda _: True)
    backoff = ExponentialBackoff(random=lambda: 1.0, throttling_detector=always)
    pauses = []
    for number in range(1, attempts):
        context: Any = SimpleNamespace(attempt_number=number, http_response=None)
        pauses.append(backoff.delay_amount(context))
    return float(attempts * (config["connect_timeout"] + config["read_timeout"]) + sum(pauses))


@pytest.fixture
def aws_wire(on_moto: Place) -> Iterator[Wire]:
    """The wire to both, DynamoDB and KMS."""
    with wire_to(on_moto.dynamodb) as wire:
        yield wire


@pytest.fixture
def far(on_moto: Place, aws_wire: Wire) -> Place:
    return on_moto.through(dynamodb=aws_wire.url, kms=aws_wire.url)


def test_longest_create_renewal_rotation_and_revocation_end_before_the_functions_timeout(
    far: Place, aws_wire: Wire, alias: str
) -> None:
    issuer = far.issuer()
    calls = {}
    for verb in ("create", "renew"):
        issuer.create_or_renew(grant(alias), by("me"))
        calls[verb] = len(aws_wire.calls)
        aws_wire.heal()
    issuer.rotate(far.id_of(alias), Rotation(id="a", grace_seconds=60), by("me"))
    calls["rotate"] = len(aws_wire.calls)
    aws_wire.heal()
    service.revoke(far.id_of(alias), Reason.UNSPECIFIED, by("me"), issuer.store, service.clock())
    calls["revoke"] = len(aws_wire.calls)

    assert calls == {"create": 3, "renew": 3, "rotate": 3, "revoke": 1}
    limits = timeouts()
    # The last start is within START_OVER, and may then take as long as the first.
    longest = START_OVER + longest_call() * 3
    assert longest + MARGIN < limits["create_key"] < GATEWAY
    assert longest + MARGIN < limits["rotate_key"] < GATEWAY
    assert longest_call() * calls["revoke"] + MARGIN < limits["revoke_key"] < GATEWAY


def test_longest_read_ends_before_the_authorizers_timeout() -> None:
    limits = timeouts()
    readers = [name for name in ("authorize", "verify_key") if name in limits]

    assert readers
    assert all(lean.BUDGET + MARGIN < limits[name] < GATEWAY for name in readers)


def test_every_function_ends_before_the_gateway_gives_up() -> None:
    assert all(limit < GATEWAY for limit in timeouts().values())


@pytest.mark.prove
@pytest.mark.row("F4")
def test_answer_that_is_too_late_is_asked_for_again_and_counts_once(
    far: Place, aws_wire: Wire, alias: str
) -> None:
    issuer = far.issuer()
    aws_wire.plan("PutItem", wire.late_reply(vars(aws.CONFIG)["read_timeout"] + 0.5))
    started = time.monotonic()

    issued = issuer.create_or_renew(grant(alias), by("me"))

    assert time.monotonic() - started < longest_call()
    assert aws_wire.calls == ["GetItem", "Encrypt", "PutItem", "PutItem"]
    assert (issued.renewed, issued.key.version) == (False, 1)


@pytest.mark.prove
@pytest.mark.row("F3")
@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "PutItem"])
def test_throttling_ends_in_time(far: Place, aws_wire: Wire, alias: str, operation: str) -> None:
    issuer = far.issuer()
    aws_wire.always(operation, wire.refused("ThrottlingException"))
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        issuer.create_or_renew(grant(alias), by("me"))

    assert caught.value.detail == f"{operation}: ThrottlingException"
    assert time.monotonic() - started < longest_call()
    assert aws_wire.calls.count(operation) == 2
    assert far.rows(alias) == []


def test_refused_connection_is_known_at_once(on_moto: Place, alias: str) -> None:
    with wire_to(on_moto.dynamodb) as ended:
        pass
    issuer = on_moto.through(dynamodb=ended.url).issuer()
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        issuer.create_or_renew(grant(alias), by("me"))

    assert caught.value.detail == "EndpointConnectionError"
    assert time.monotonic() - started < 1


@pytest.mark.row("F4")
@pytest.mark.prove
@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "PutItem"])
def test_silence_ends_in_time(far: Place, aws_wire: Wire, alias: str, operation: str) -> None:
    issuer = far.issuer()
    aws_wire.always(operation, wire.late_reply(longest_call()))
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        issuer.create_or_renew(grant(alias), by("me"))

    assert caught.value.detail == "ReadTimeoutError"
    assert time.monotonic() - started < longest_call() + MARGIN
