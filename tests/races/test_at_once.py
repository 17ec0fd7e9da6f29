"""Sixteen callers do the same at the same moment, against AWS's own conditional writes."""

from functools import partial

import pytest

from keyturn import service
from keyturn.errors import GraceRunning, KeyNotFound
from keyturn.issuer import Issued, Issuer
from keyturn.keys import DAY, ApiKey, Outcome, Reason, Rotation
from tests.races.places import Place, at_once, grant
from tests.support import by

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture(scope="module")
def callers(on_dynamodb_local: Place) -> list[Issuer]:
    return [on_dynamodb_local.issuer() for _ in range(16)]


def test_of_many_revocations_one_is_told_so_and_the_rest_find_nothing(
    on_dynamodb_local: Place, callers: list[Issuer], alias: str
) -> None:
    key = callers[0].create_or_renew(grant(alias), by("me")).text.reveal()

    def revoke(number: int, issuer: Issuer) -> ApiKey | None:
        # By its string and by its id: both are one row, so one revocation.
        target = key if number % 2 else on_dynamodb_local.id_of(alias)
        reason = list(Reason)[number % len(Reason)]
        try:
            return service.revoke(target, reason, by(f"{number}"), issuer.store, service.clock())
        except KeyNotFound:
            return None

    answers = at_once([partial(revoke, number, issuer) for number, issuer in enumerate(callers)])

    (revoked,) = [answer for answer in answers if answer]
    assert revoked.version == 2
    assert revoked.updated_by == f"{answers.index(revoked)}"
    assert callers[0].store.get(on_dynamodb_local.id_of(alias)) == revoked


def test_renewals_of_one_moment_all_count_once_and_answer_one_key(
    callers: list[Issuer], alias: str
) -> None:
    created = callers[0].create_or_renew(grant(alias), by("me"))

    issued = at_once(
        [
            partial(
                issuer.create_or_renew, grant(alias, f"{number}", ttl_days=number + 1), by("me")
            )
            for number, issuer in enumerate(callers)
        ]
    )

    assert all(one.renewed for one in issued)
    assert {one.text.reveal() for one in issued} == {created.text.reveal()}
    in_order = sorted((one.key for one in issued), key=lambda key: key.version)
    assert [key.version for key in in_order] == list(range(2, 2 + len(callers)))
    assert callers[0].store.get(created.key.id) == in_order[-1]
    assert all(key.ttl_days == int(key.name) + 1 for key in in_order)


def rotated(callers: list[Issuer], id: str, *rotation_ids: str) -> list[Issued | None]:
    """Rotate at once; `None` where an earlier rotation's grace is said to run."""

    def rotate(issuer: Issuer, rotation_id: str) -> Issued | None:
        try:
            return issuer.rotate(id, Rotation(id=rotation_id, grace_seconds=DAY), by("me"))
        except GraceRunning:
            return None

    each = zip(callers, rotation_ids, strict=True)
    return at_once([partial(rotate, issuer, rotation_id) for issuer, rotation_id in each])


def test_of_many_rotations_of_one_moment_one_is_done_and_ends_no_string(
    on_dynamodb_local: Place, callers: list[Issuer], alias: str
) -> None:
    old = callers[0].create_or_renew(grant(alias), by("me")).text

    id = on_dynamodb_local.id_of(alias)
    answers = rotated(callers, id, *(f"{number}" for number in range(len(callers))))

    (issued,) = [answer for answer in answers if answer]
    row = callers[0].store.get(id)
    assert row == issued.key
    assert (row.generation, row.version) == (2, 2)
    for text in (old, issued.text):
        assert row.verify(text.digest, service.clock(), None).outcome is Outcome.VALID


def test_rotations_of_one_moment_with_one_id_are_one_and_answer_one_string(
    on_dynamodb_local: Place, callers: list[Issuer], alias: str
) -> None:
    callers[0].create_or_renew(grant(alias), by("me"))

    id = on_dynamodb_local.id_of(alias)
    answers = [answer for answer in rotated(callers, id, *["same"] * len(callers)) if answer]

    assert len(answers) == len(callers)
    assert len({answer.text.reveal() for answer in answers}) == 1
    row = callers[0].store.get(id)
    assert {answer.key.version for answer in answers} == {2}
    assert row == answers[0].key


def test_different_aliases_of_one_moment_do_not_disturb_each_other(
    on_dynamodb_local: Place, callers: list[Issuer], alias: str
) -> None:
    names = [f"{alias}-{number}" for number in range(len(callers))]

    issued = at_once(
        [
            partial(issuer.create_or_renew, grant(name), by("me"))
            for issuer, name in zip(callers, names, strict=True)
        ]
    )

    assert [one.key.alias for one in issued] == names
    assert not any(one.renewed for one in issued)
    assert len({one.text.reveal() for one in issued}) == len(callers)
    assert {one.key.id for one in issued} == set(map(on_dynamodb_local.id_of, names))
