"""The verb: a new string for the same key, and until when the old one works."""

from dataclasses import replace
from uuid import uuid4

import pytest

from keyturn import keytext
from keyturn.errors import (
    FieldInvalid,
    GraceRunning,
    KeyCompromised,
    KeyInactive,
    KeyNotFound,
    Unavailable,
)
from keyturn.issuer import Issued
from keyturn.keys import DAY, ApiKey, Grant, Outcome, Reason, Rotation
from tests.support import NOW, by
from tests.support_aws import Aws, Table, refused
from tests.support_desk import AGAIN, GRANT, STORE, Desk
from tests.support_rotation import BILLING


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def rotate(desk: Desk, grace: int = DAY, **fields: object) -> Issued:
    rotation = replace(Rotation(id=uuid4().hex, grace_seconds=grace), **fields)  # type: ignore[arg-type]
    return desk.issuer.rotate(BILLING, rotation, by("admin"))


def stored() -> ApiKey:
    key = STORE.get(BILLING)
    assert key is not None
    return key


def test_rotation_gives_the_same_key_a_new_string(desk: Desk, aws: Aws) -> None:
    before = desk.issue()
    desk.now += DAY
    aws.forget()

    after = rotate(desk)

    assert aws.calls == ["GetItem", "Encrypt", "UpdateItem"]
    assert after.text.reveal() != before.text.reveal()
    assert after.text.id == before.text.id == BILLING
    assert after.key == stored()
    assert after.key == replace(
        before.key,
        generation=2,
        version=2,
        secret_hash=after.text.digest,
        previous_hash=before.text.digest,
        previous_expires_at=desk.now + DAY,
        expires_at=desk.now + 15 * DAY,
        rotated_at=desk.now,
        updated_at=desk.now,
        updated_by="admin",
        hint=after.text.hint,
        ciphertext=after.key.ciphertext,
        rotation_ids=after.key.rotation_ids,
    )
    assert after.key.due_at == desk.now + DAY


def test_both_strings_work_until_the_grace_ends_and_each_as_its_generation(
    desk: Desk, aws: Aws
) -> None:
    old = desk.issue().text
    new = rotate(desk, 60).text
    key = stored()
    aws.forget()

    assert desk.judge(old.reveal()) is Outcome.VALID
    assert aws.calls == ["GetItem"]
    last = key.verify(old.digest, NOW + 59, None)
    assert (last.outcome, last.generation, last.expires_at) == (Outcome.VALID, 1, NOW + 60)
    assert key.verify(old.digest, NOW + 60, None).outcome is Outcome.EXPIRED
    latest = key.verify(new.digest, NOW + 60, None)
    assert (latest.outcome, latest.generation) == (Outcome.VALID, 2)


def test_string_without_grace_ends_at_once(desk: Desk) -> None:
    old = desk.issue().text

    rotate(desk, 0)

    assert desk.judge(old.reveal()) is Outcome.EXPIRED


def test_grace_never_outlasts_the_old_strings_own_end(desk: Desk) -> None:
    old = desk.issue().text
    desk.now = NOW + 15 * DAY - 10

    rotated = rotate(desk)

    assert rotated.key.previous_expires_at == NOW + 15 * DAY
    assert rotated.key.expires_at == desk.now + 15 * DAY
    desk.now += 10
    assert desk.judge(old.reveal()) is Outcome.EXPIRED


def test_old_string_does_not_outlast_the_key_where_a_renewal_shortened_that(desk: Desk) -> None:
    old = desk.issue().text
    new = rotate(desk, 10 * DAY).text
    desk.issue(replace(GRANT, ttl_days=1))
    desk.now += DAY

    assert desk.judge(old.reveal()) is Outcome.EXPIRED
    assert desk.judge(new.reveal()) is Outcome.EXPIRED


def test_rotation_while_a_grace_runs_is_refused_and_changes_nothing(desk: Desk, aws: Aws) -> None:
    old = desk.issue().text
    new = rotate(desk).text
    before = stored()
    aws.forget()
    desk.now += DAY - 1

    with pytest.raises(GraceRunning):
        rotate(desk)

    assert aws.calls == ["GetItem"]
    assert stored() == before
    assert [desk.judge(text.reveal()) for text in (old, new)] == [Outcome.VALID, Outcome.VALID]
    desk.now += 1
    assert rotate(desk).key.generation == 3


def test_force_ends_the_string_before_the_last_rotation(desk: Desk) -> None:
    oldest = desk.issue().text
    old = rotate(desk).text

    new = rotate(desk, force=True).text

    judged = [desk.judge(text.reveal()) for text in (oldest, old, new)]
    assert judged == [Outcome.NOT_FOUND, Outcome.VALID, Outcome.VALID]


def test_repeat_of_a_rotation_answers_the_current_key_and_changes_nothing(
    desk: Desk, aws: Aws
) -> None:
    desk.issue()
    once = rotate(desk, id="mine")
    desk.now += 2 * DAY
    latest = rotate(desk)
    before = stored()
    aws.forget()

    again = rotate(desk, 0, id="mine", force=True)

    assert aws.calls == ["GetItem", "Decrypt"]
    assert again.key == before == stored()
    assert again.text.reveal() == latest.text.reveal() != once.text.reveal()


def test_last_eight_rotations_are_remembered(desk: Desk) -> None:
    desk.issue()
    for number in range(9):
        rotate(desk, 0, id=f"{number}")

    assert rotate(desk, id="1").key.generation == 10
    assert rotate(desk, id="0").key.generation == 11


def test_what_was_asked_for_before_the_last_rotation_is_answered_by_that(desk: Desk) -> None:
    desk.issue()
    desk.now += 100
    rotate(desk, 0)

    assert rotate(desk, asked_at=desk.now - 1).key.generation == 2
    assert rotate(desk, asked_at=desk.now).key.generation == 3


def test_rotation_of_one_generation_is_of_no_later_one(desk: Desk) -> None:
    desk.issue()

    assert rotate(desk, 0, generation=1).key.generation == 2
    assert rotate(desk, 0, generation=1).key.generation == 2


@pytest.mark.parametrize("reason", [None, Reason.UNSPECIFIED, Reason.SUPERSEDED, Reason.CESSATION])
def test_expired_or_revoked_key_is_not_rotated(desk: Desk, aws: Aws, reason: Reason | None) -> None:
    desk.issue()
    if reason:
        desk.revoke(BILLING, reason)
    else:
        desk.now += 15 * DAY
    before = stored()
    aws.forget()

    with pytest.raises(KeyInactive):
        rotate(desk, force=True)

    assert aws.calls == ["GetItem"]
    assert stored() == before


@pytest.mark.parametrize("days", [0, 20])
def test_compromised_key_comes_back_with_a_new_string_and_no_grace(desk: Desk, days: int) -> None:
    leaked = desk.issue().text
    desk.revoke(leaked.reveal(), Reason.COMPROMISED)
    with pytest.raises(KeyCompromised):
        desk.issue()
    desk.now += days * DAY

    new = rotate(desk, 30 * DAY)

    assert new.key == stored()
    assert (new.key.is_active, new.key.revoked_at, new.key.revoke_reason) == (True, None, None)
    assert new.key.expires_at == desk.now + 15 * DAY
    assert desk.judge(new.text.reveal()) is Outcome.VALID
    assert desk.judge(leaked.reveal()) is Outcome.EXPIRED
    assert desk.issue().text.reveal() == new.text.reveal()


def test_compromised_key_does_not_come_back_by_an_event(desk: Desk) -> None:
    desk.issue()
    desk.revoke(BILLING, Reason.COMPROMISED)

    with pytest.raises(KeyInactive):
        rotate(desk, asked_at=desk.now + 10)

    assert not stored().is_active


def test_renewal_after_a_rotation_answers_the_current_string_and_leaves_the_grace(
    desk: Desk,
) -> None:
    old = desk.issue().text
    new = rotate(desk, 60)

    renewed = desk.issue(AGAIN)

    assert renewed.text.reveal() == new.text.reveal()
    assert renewed.key.previous_expires_at == NOW + 60
    assert desk.judge(old.reveal()) is Outcome.VALID


@pytest.mark.parametrize("which", [0, 1, 2])
def test_revocation_ends_both_strings_whichever_names_the_key(desk: Desk, which: int) -> None:
    old = desk.issue().text
    new = rotate(desk).text

    desk.revoke((old.reveal(), new.reveal(), BILLING)[which])

    assert [desk.judge(text.reveal()) for text in (old, new)] == [Outcome.REVOKED] * 2
    assert stored().due_at is None


def test_unknown_key_and_a_key_string_are_not_rotated(desk: Desk, aws: Aws) -> None:
    text = desk.issue().text.reveal()
    aws.forget()

    for target in (text, "self", "", "0" * 17):
        with pytest.raises(KeyNotFound):
            desk.issuer.rotate(target, Rotation(id="a", grace_seconds=0), by("admin"))

    assert aws.calls == ["GetItem"]  # for the last one: the others are no ids


def test_rotation_without_kms_writes_nothing(desk: Desk, aws: Aws, table: Table) -> None:
    desk.issue()
    row = table.row()
    aws.always("Encrypt", refused("DisabledException"))

    with pytest.raises(Unavailable):
        rotate(desk)

    assert table.row() == row


def test_validity_must_leave_room_for_a_rotation_and_its_grace(desk: Desk, aws: Aws) -> None:
    grant = replace(GRANT, rotate_every_days=14, keeps_rotation=False)
    aws.forget()
    with pytest.raises(FieldInvalid):
        desk.issue(replace(grant, ttl_days=14))
    assert aws.calls == ["GetItem"]

    assert desk.issue(grant).key.rotate_every_days == 14
    short = Grant(alias="billing", name="x", roles=(), ttl_days=14)
    with pytest.raises(FieldInvalid):
        desk.issue(short)
    assert stored().ttl_days == 15
    ended = desk.issue(replace(short, rotate_every_days=None, keeps_rotation=False))
    assert ended.key.rotate_every_days is None


def test_id_of_a_rotated_key_stays_and_so_does_its_alias(desk: Desk) -> None:
    desk.issue()
    ids = {rotate(desk, 0).key.id for _ in range(3)}

    assert ids == {keytext.id_of("", "billing")}
    assert stored().alias == "billing"
