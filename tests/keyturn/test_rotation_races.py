"""Rotations at once, rotations whose outcome nobody knew, and their repeats."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from keyturn.errors import (
    GraceRunning,
    KeyInactive,
    Unavailable,
)
from keyturn.issuer import Issued
from keyturn.keys import DAY, ApiKey, Outcome, Reason, Rotation
from tests.support import NOW, by
from tests.support_aws import Aws, Fault, first, lost_reply, lost_request, refused
from tests.support_desk import AGAIN, STORE, Desk
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


@pytest.mark.parametrize("grace", [0, DAY])
@pytest.mark.parametrize("before", ["Encrypt", "UpdateItem"])
def test_of_two_rotations_at_once_one_wins_and_the_other_ends_no_string_that_was_answered(
    desk: Desk, aws: Aws, before: str, grace: int
) -> None:
    desk.issue()
    won: list[Issued] = []
    aws.plan(before, first(lambda: won.append(rotate(Desk(), grace))))

    with pytest.raises(GraceRunning):
        rotate(desk, grace)

    assert won[0].key == stored()
    assert desk.judge(won[0].text.reveal()) is Outcome.VALID


@pytest.mark.parametrize("before", ["Encrypt", "UpdateItem"])
def test_of_two_rotations_with_one_id_both_answer_one_string(
    desk: Desk, aws: Aws, before: str
) -> None:
    desk.issue()
    won: list[Issued] = []
    aws.plan(before, first(lambda: won.append(rotate(Desk(), id="same"))))

    second = rotate(desk, id="same")

    assert second.text.reveal() == won[0].text.reveal()
    assert second.key == won[0].key == stored()
    assert second.key.generation == 2


def test_forced_rotation_that_lost_a_race_leaves_the_winners_string_its_grace(
    desk: Desk, aws: Aws
) -> None:
    desk.issue()
    won: list[Issued] = []
    aws.plan("UpdateItem", first(lambda: won.append(rotate(Desk()))))

    second = rotate(desk, force=True)

    assert second.key.generation == 3
    assert desk.judge(won[0].text.reveal()) is Outcome.VALID


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda desk: desk.revoke(BILLING), KeyInactive),
        (lambda desk: desk.revoke(BILLING, Reason.COMPROMISED), None),
        (lambda desk: desk.issue(AGAIN), None),
    ],
    ids=["revoked", "compromised", "renewed"],
)
def test_rotation_begins_anew_after_another_change_of_the_same_moment(
    desk: Desk, aws: Aws, change: Callable[[Desk], None], refusal: type[Exception] | None
) -> None:
    old = desk.issue().text
    aws.plan("UpdateItem", first(lambda: change(Desk())))

    if refusal:
        with pytest.raises(refusal):
            rotate(desk)
        assert stored().generation == 1
    else:
        rotated = rotate(desk)
        assert rotated.key == stored()
        assert (rotated.key.generation, rotated.key.version) == (2, 3)
        kept = Outcome.VALID if rotated.key.name == AGAIN.name else Outcome.EXPIRED
        assert desk.judge(old.reveal()) is kept


def test_renewal_that_a_rotation_overtook_answers_the_new_string(desk: Desk, aws: Aws) -> None:
    desk.issue()
    won: list[Issued] = []
    aws.plan("UpdateItem", first(lambda: won.append(rotate(Desk()))))

    renewed = desk.issue(AGAIN)

    assert renewed.text.reveal() == won[0].text.reveal()
    assert renewed.key == stored()
    assert renewed.key.due_at == NOW + DAY


def test_renewal_that_a_shorter_grace_overtook_is_due_at_its_new_end(desk: Desk, aws: Aws) -> None:
    desk.issue()
    rotate(desk, 10 * DAY)
    shorter = NOW + 60
    aws.plan("UpdateItem", first(lambda: STORE.end_grace(BILLING, 2, shorter, NOW, by("x"))))

    renewed = desk.issue(AGAIN)

    assert renewed.key.previous_expires_at == shorter
    assert renewed.key.due_at == shorter


FAULTS: list[tuple[str, tuple[Fault, ...]]] = [
    ("GetItem", (refused("InternalServerError", 500),) * 2),
    ("GetItem", (lost_request,) * 2),
    ("Encrypt", (refused("KMSInternalException", 500),) * 2),
    ("Encrypt", (lost_reply,) * 2),
    ("UpdateItem", (refused("ThrottlingException"),) * 2),
    ("UpdateItem", (lost_request,) * 2),
    ("UpdateItem", (lost_reply, lost_request)),
    ("UpdateItem", (lost_reply, refused("InternalServerError", 500))),
    ("UpdateItem", (lost_reply, lost_reply)),
]


@pytest.mark.parametrize(("operation", "faults"), FAULTS)
def test_rotation_repeated_blindly_after_a_503_leaves_the_string_in_use_working(
    desk: Desk, aws: Aws, operation: str, faults: tuple[Fault, ...]
) -> None:
    in_use = desk.issue().text
    aws.plan(operation, *faults)
    with pytest.raises(Unavailable):
        rotate(desk)
    assert desk.judge(in_use.reveal()) is Outcome.VALID
    applied = stored().generation == 2

    for _ in range(3):
        try:
            answered = rotate(desk).text
        except GraceRunning:
            assert applied
        else:
            assert not applied
            applied = True
            assert desk.judge(answered.reveal()) is Outcome.VALID
        assert desk.judge(in_use.reveal()) is Outcome.VALID
    assert stored().generation == 2


@pytest.mark.parametrize(("operation", "faults"), FAULTS)
def test_rotation_repeated_by_its_id_after_a_503_answers_the_string_that_is_stored(
    desk: Desk, aws: Aws, operation: str, faults: tuple[Fault, ...]
) -> None:
    in_use = desk.issue().text
    aws.plan(operation, *faults)
    with pytest.raises(Unavailable):
        rotate(desk, id="mine")

    answered = rotate(desk, id="mine")

    assert answered.key == stored()
    assert answered.key.generation == 2
    judged = [desk.judge(text.reveal()) for text in (in_use, answered.text)]
    assert judged == [Outcome.VALID, Outcome.VALID]


def test_rotation_whose_reply_was_lost_is_recognised(desk: Desk, aws: Aws) -> None:
    desk.issue()
    aws.forget()
    aws.plan("UpdateItem", lost_reply)

    rotated = rotate(desk)

    assert aws.calls == ["GetItem", "Encrypt", "UpdateItem", "UpdateItem"]
    assert rotated.key == stored()
    assert rotated.key.version == 2
