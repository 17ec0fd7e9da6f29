"""A secret whose rotation meets another one: given up half way, done by hand, or not long ago."""

from dataclasses import replace

import pytest

from keyturn.errors import GraceRunning, KeyInactive, Unavailable
from keyturn.keys import DAY, ApiKey, Outcome, Reason, Rotation
from tests.support import NOW, Clock, by
from tests.support_aws import Aws, first, refused
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


def key() -> ApiKey:
    found = STORE.get(BILLING)
    assert found is not None
    return found


@pytest.mark.row("F9")
def test_rotation_given_up_half_way_is_taken_up_by_the_next_one(desk: Desk, clock: Clock) -> None:
    safe = held(desk)
    old = safe.key
    safe.step("createSecret", safe.begin())
    pending = safe.value("AWSPENDING")["key"]
    clock.now += 40 * DAY

    safe.rotate()

    assert safe.key == pending
    assert key().generation == 2
    assert judge(old, clock.now) is Outcome.VALID
    assert key().previous_expires_at == clock.now + DAY


def test_second_rotation_inside_the_grace_is_refused_and_done_after_it(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    safe.rotate()
    string, token = safe.key, safe.begin()

    with pytest.raises(GraceRunning):
        safe.step("createSecret", token)
    assert safe.key == string
    assert judge(string, clock.now) is Outcome.VALID

    clock.now += DAY
    safe.rotate(token)
    assert key().generation == 3


def test_secret_that_missed_a_rotation_by_hand_gets_the_current_string(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    rotated = desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=600), by("admin"))

    safe.rotate()

    assert safe.key == rotated.text.reveal()
    assert key().previous_expires_at == clock.now + 600


def test_string_that_is_handed_on_is_valid_for_as_long_as_a_new_one(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    clock.now = desk.now = NOW + 30 * DAY
    rotated = desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=30 * DAY), by("admin"))
    clock.now = desk.now = NOW + 55 * DAY
    token = safe.begin()

    safe.step("createSecret", token)
    version = key().version
    safe.rotate(token)

    assert safe.key == rotated.text.reveal()
    assert key().expires_at == clock.now + 60 * DAY
    assert key().rotation_ids == ("a", token)
    assert (key().generation, key().version) == (2, version + 1)  # the grace, shortened


@pytest.mark.parametrize("before", ["Decrypt", "UpdateItem"])
def test_string_that_is_handed_on_and_revoked_at_the_same_moment_stays_revoked(
    desk: Desk, aws: Aws, before: str
) -> None:
    safe = held(desk)
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=DAY), by("admin"))
    token = safe.begin()
    aws.plan(before, first(lambda: desk.revoke(BILLING)))

    with pytest.raises(GraceRunning):
        safe.step("createSecret", token)
    with pytest.raises(KeyInactive):
        safe.step("createSecret", token)

    assert not key().is_active
    assert safe.stages()[token] == {"AWSPENDING"}


def test_grace_that_a_rotation_left_when_it_stopped_is_shortened_by_the_next_one(
    desk: Desk, aws: Aws, clock: Clock
) -> None:
    safe = held(desk)
    token = safe.begin()
    for step in STEPS[:3]:
        safe.step(step, token)
    aws.plan("UpdateItem", refused("AccessDeniedException"))
    with pytest.raises(Unavailable):
        safe.step("finishSecret", token)
    assert key().previous_expires_at == NOW + 60 * DAY
    clock.now += 30 * DAY

    token = safe.begin()
    with pytest.raises(GraceRunning):
        safe.step("createSecret", token)

    assert key().previous_expires_at == clock.now + DAY
    clock.now += DAY
    safe.rotate(token)
    assert safe.value()["generation"] == 3


def test_grace_of_a_rotation_by_hand_is_not_shortened_by_a_refused_one(
    desk: Desk, clock: Clock
) -> None:
    desk.issue(LONG)
    issued = desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=9 * DAY), by("admin"))
    safe = Safe({"alias": "billing", "key": issued.text.reveal()})

    with pytest.raises(GraceRunning):
        safe.rotate()

    assert key().previous_expires_at == clock.now + 9 * DAY


def test_leaked_key_gets_a_new_string_by_its_secrets_next_rotation(
    desk: Desk, clock: Clock
) -> None:
    safe = held(desk)
    leaked = safe.key
    desk.revoke(BILLING, Reason.COMPROMISED)

    safe.rotate()

    assert judge(leaked, clock.now) is Outcome.EXPIRED
    assert judge(safe.key, clock.now) is Outcome.VALID


def test_key_that_was_revoked_otherwise_stays_revoked(desk: Desk) -> None:
    safe = held(desk)
    desk.revoke(BILLING, Reason.CESSATION)

    with pytest.raises(KeyInactive):
        safe.rotate()

    assert not key().is_active
