"""Secrets that are not what they must be, or whose key is not theirs to have: refused."""

from dataclasses import replace
from typing import Any

import pytest

from keyturn.errors import FieldInvalid, Unavailable
from keyturn.keys import DAY, ApiKey, Rotation
from tests.support import Clock, Output, by
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT, STORE, Desk
from tests.support_rotation import BILLING
from tests.support_secret import STEPS, Safe

LONG = replace(GRANT, ttl_days=60)
OTHER = replace(LONG, alias="other")


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


@pytest.mark.row("T5")
@pytest.mark.parametrize(
    "value",
    [
        {"alias": "billing"},
        {"alias": "billing", "key": ""},
        # Well-formed, of this id, and made up: anybody can compute the check.
        {"alias": "billing", "key": "kt_03Oz2OpdnmGrg8ARP_ExampleBillingNotARealSecret00001zvtdt"},
        {"alias": "billing", "key": "kt_1UhkVImU8ltdd11z9_ExampleAdminNotARealSecret0000003GwzUG"},
        {"alias": "billing", "key": "not a key"},
    ],
)
def test_secret_without_a_string_of_a_key_with_roles_does_not_get_one(
    desk: Desk, table: Table, value: dict[str, Any]
) -> None:
    desk.issue(LONG)
    row = table.row()
    safe = Safe(value)

    with pytest.raises(FieldInvalid):
        safe.rotate()

    assert table.row() == row
    assert safe.value() == value


@pytest.mark.row("T5")
def test_secret_that_holds_another_aliases_key_is_refused(desk: Desk) -> None:
    other = desk.issue(OTHER).text.reveal()
    desk.issue(LONG)
    safe = Safe({"alias": "billing", "key": other})

    with pytest.raises(FieldInvalid):
        safe.rotate()

    assert key().generation == 1


def test_string_of_two_rotations_ago_is_no_longer_one_of_the_keys(desk: Desk) -> None:
    safe = held(desk)
    for id in ("a", "b"):
        desk.issuer.rotate(BILLING, Rotation(id=id, grace_seconds=0), by("admin"))

    with pytest.raises(FieldInvalid):
        safe.rotate()

    assert key().generation == 3


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '"billing"', "7", "{}", '{"alias": null}', '{"alias": ""}'),
        *('{"alias": " "}', '{"alias": []}', '{"alias": true}', '{"alias": "a\\u0007"}'),
        *('{"alias": "\\ud800"}', f'{{"alias": "{"a" * 129}"}}', '{"key": "kt_"}'),
        *('{"alias": "billing", "key": 7}', '{"alias": "billing", "key": null}', 5000 * "["),
    ],
)
def test_secret_of_another_shape_is_refused_and_not_quoted(
    desk: Desk, text: str, output: Output
) -> None:
    safe = held(desk)
    safe.put(text or " ")

    with pytest.raises(FieldInvalid) as refused_:
        safe.rotate()

    assert refused_.value.message.startswith("secret: must be a JSON object with alias")
    assert refused_.value.__cause__ is None
    assert text not in output.text or not text
    assert key().generation == 1


def test_key_that_rotates_by_itself_is_refused(desk: Desk) -> None:
    issued = desk.issue(replace(LONG, rotate_every_days=7, keeps_rotation=False))
    safe = Safe({"alias": "billing", "key": issued.text.reveal()})

    with pytest.raises(FieldInvalid, match="rotate_every_days"):
        safe.rotate()


@pytest.mark.parametrize(("days", "fits"), [(13, True), (14, True), (15, False), (30, False)])
def test_validity_must_outlast_the_interval_and_the_grace(
    desk: Desk, days: int, *, fits: bool
) -> None:
    issued = desk.issue(replace(LONG, ttl_days=15))
    safe = Safe({"alias": "billing", "key": issued.text.reveal()}, days)

    if fits:
        safe.rotate()
    else:
        with pytest.raises(FieldInvalid, match="ttl_days"):
            safe.rotate()
    assert key().generation == 1 + fits


@pytest.mark.parametrize("step", STEPS)
def test_secret_that_does_not_rotate_is_refused(desk: Desk, step: str) -> None:
    safe = held(desk)
    token = safe.begin()
    safe.disable()

    with pytest.raises(FieldInvalid, match="not enabled"):
        safe.step(step, token)


@pytest.mark.parametrize("step", STEPS)
def test_version_that_is_not_pending_is_refused(desk: Desk, step: str) -> None:
    safe = held(desk)
    given_up = safe.begin()
    safe.begin()

    for token in (given_up, "0" * 40):
        with pytest.raises(FieldInvalid, match="not pending"):
            safe.step(step, token)


@pytest.mark.parametrize("step", ["", "rotateSecret", "createsecret", None, "finish"])
def test_unknown_step_is_refused(desk: Desk, step: Any) -> None:  # noqa: ANN401
    safe = held(desk)

    with pytest.raises(FieldInvalid, match="Step"):
        safe.step(step, safe.begin())


def test_unknown_secret_is_said(desk: Desk) -> None:
    safe = held(desk)
    token = safe.begin()
    safe.arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nobody-AbCdEf"

    with pytest.raises(Unavailable):
        safe.step("createSecret", token)


def test_version_without_a_value_is_neither_accepted_nor_handed_out(desk: Desk) -> None:
    safe = held(desk)
    old, token = safe.key, safe.begin()

    for step in ("testSecret", "finishSecret"):
        with pytest.raises(FieldInvalid, match="malformed"):
            safe.step(step, token)

    assert safe.key == old


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_string_that_was_rotated_away_is_neither_accepted_nor_handed_out(
    desk: Desk, step: str
) -> None:
    safe = held(desk)
    old, token = safe.key, safe.begin()
    safe.step("createSecret", token)
    rotation = Rotation(id="a", grace_seconds=DAY, force=True)
    desk.issuer.rotate(BILLING, rotation, by("admin"))

    with pytest.raises(FieldInvalid, match="rotated away"):
        safe.step(step, token)

    assert safe.key == old


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_string_that_was_revoked_is_neither_accepted_nor_handed_out(desk: Desk, step: str) -> None:
    safe = held(desk)
    old, token = safe.key, safe.begin()
    safe.step("createSecret", token)
    desk.revoke(BILLING)

    with pytest.raises(FieldInvalid, match="revoked"):
        safe.step(step, token)

    assert safe.key == old


def test_pending_value_that_somebody_wrote_is_not_handed_out(desk: Desk) -> None:
    other = desk.issue(OTHER).text.reveal()
    safe = held(desk)
    token = safe.begin()
    safe.put({"alias": "billing", "key": other}, token=token)

    safe.step("createSecret", token)

    assert key().generation == 1
    with pytest.raises(FieldInvalid):
        safe.step("testSecret", token)
