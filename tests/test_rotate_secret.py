"""Secrets Manager's four steps, end to end, against its versions and stages."""

from dataclasses import replace
from typing import Any

import pytest

from keyturn.errors import Unavailable
from keyturn.keys import DAY, ApiKey, Outcome
from tests.support import NOW, Clock, Output
from tests.support_aws import Aws, Table, first, refused
from tests.support_desk import GRANT, STORE, Desk
from tests.support_rotation import BILLING, judge
from tests.support_secret import STEPS, Safe

LONG = replace(GRANT, ttl_days=60)


@pytest.fixture
def desk(aws: Aws, clock: Clock) -> Desk:  # noqa: ARG001 - they are in there
    return Desk()


def held(desk: Desk) -> Safe:
    """Return a secret that holds the current string of `billing`."""
    issued = desk.issue(LONG)
    return Safe({"alias": "billing", "id": BILLING, "key": issued.text.reveal(), "generation": 1})


def key(id: str = BILLING) -> ApiKey:
    found = STORE.get(id)
    assert found is not None
    return found


def test_four_steps_hand_consumers_a_new_string_and_leave_the_old_one_its_grace(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    old, (before,) = safe.key, safe.stages()
    clock.now += 5 * DAY

    token = safe.begin()
    safe.step("createSecret", token)
    assert safe.stages() == {before: {"AWSCURRENT"}, token: {"AWSPENDING"}}
    new = safe.value("AWSPENDING")["key"]
    assert key().previous_expires_at == NOW + 60 * DAY
    safe.step("setSecret", token)
    safe.step("testSecret", token)
    assert safe.key == old
    safe.step("finishSecret", token)

    assert safe.stages() == {before: {"AWSPREVIOUS"}, token: {"AWSCURRENT", "AWSPENDING"}}
    assert safe.value() == {"alias": "billing", "id": BILLING, "key": new, "generation": 2}
    assert key().previous_expires_at == clock.now + DAY
    assert key().updated_by == f"secret:{token}"
    assert key().rotation_ids == (token,)
    assert [judge(text, clock.now) for text in (old, new)] == [Outcome.VALID] * 2
    assert judge(old, clock.now + DAY) is Outcome.EXPIRED
    assert judge(new, clock.now + DAY) is Outcome.VALID


def test_steps_may_be_spelt_with_underscores(desk: Desk) -> None:
    safe = held(desk)
    old, token = safe.key, safe.begin()

    for step in ("create_secret", "set_secret", "test_secret", "finish_secret"):
        safe.step(step, token)

    assert safe.key != old
    assert key().generation == 2


@pytest.mark.row("F9")
def test_each_step_may_be_repeated(desk: Desk, table: Table) -> None:
    safe = held(desk)
    token = safe.begin()

    def state() -> tuple[Any, ...]:
        return table.row(), safe.stages(), safe.value()

    for step in STEPS:
        safe.step(step, token)
        after = state()
        for _ in range(2):
            safe.step(step, token)
            assert state() == after
    after = state()
    for step in STEPS:
        safe.step(step, token)

    assert state() == after
    assert key().generation == 2


def test_end_of_the_shortened_grace_is_told(desk: Desk, clock: Clock) -> None:
    held(desk).rotate()

    assert key().due_at == clock.now + DAY


def test_grace_that_ends_before_the_deployments_is_not_made_longer(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    clock.now = desk.now = NOW + 60 * DAY - 60

    safe.rotate()

    assert key().previous_expires_at == NOW + 60 * DAY


def test_one_rotation_costs_one_kms_call_and_its_writes(desk: Desk, aws: Aws) -> None:
    safe = held(desk)
    token = safe.begin()
    cost = {}
    for step in STEPS:
        aws.forget()
        safe.step(step, token)
        cost[step] = aws.calls.copy()

    looks = ["DescribeSecret", "GetSecretValue"]
    assert cost == {
        "createSecret": [
            *looks,
            *("GetSecretValue", "GetItem", "GetItem", "Encrypt", "UpdateItem", "PutSecretValue"),
        ],
        "setSecret": ["DescribeSecret"],
        "testSecret": [*looks, "GetItem"],
        "finishSecret": [
            *looks,
            *("GetItem", "UpdateSecretVersionStage", "GetSecretValue", "GetItem"),
            *("UpdateItem", "UpdateItem"),
        ],
    }


@pytest.mark.parametrize("before", ["GetItem", "Encrypt", "UpdateItem", "PutSecretValue"])
def test_two_invocations_of_one_step_hand_out_one_string(
    desk: Desk, aws: Aws, clock: Clock, before: str
) -> None:
    safe = held(desk)
    token = safe.begin()
    aws.plan(before, first(lambda: safe.step("createSecret", token)))

    safe.step("createSecret", token)
    for step in STEPS:
        safe.step(step, token)

    assert key().generation == 2
    assert judge(safe.key, clock.now) is Outcome.VALID


@pytest.mark.parametrize("operation", ["DescribeSecret", "GetSecretValue", "PutSecretValue"])
def test_secrets_manager_that_does_not_answer_is_said_and_tried_again(
    desk: Desk, aws: Aws, operation: str
) -> None:
    safe = held(desk)
    token = safe.begin()
    aws.plan(operation, *[refused("InternalServiceError", 500)] * 2)
    with pytest.raises(Unavailable):
        safe.step("createSecret", token)

    safe.rotate(token)

    assert key().generation == 2


def test_no_string_is_logged(desk: Desk, output: Output) -> None:
    safe = held(desk)
    old = safe.key
    safe.rotate()

    assert "step done" in output.text
    assert not {string for string in (old, safe.key) if string in output.text}
