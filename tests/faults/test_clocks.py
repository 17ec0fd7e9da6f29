"""Clocks that differ by five minutes either way: of who makes a key, who ends it and who looks.

More than that AWS does not accept in a signature. What ends by a write ends at once whatever the
clocks say; what ends by its time ends as much later or earlier as they differ.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from keyturn.errors import KeyCompromised, KeyInactive
from keyturn.keys import DAY, Outcome, Reason, Rotation
from tests.support import NOW, by
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT, Desk
from tests.support_life import publish
from tests.support_rotation import BILLING, Stream, events

pytestmark = pytest.mark.row("F12")

SKEW = 300
BRIEF = replace(GRANT, ttl_days=1)


@pytest.fixture(autouse=True)
def _aws(aws: Aws) -> None:
    """Every test has AWS, whose rows all clocks share."""


def desks() -> Iterator[tuple[Desk, Desk]]:
    """Yield two who take part, slow or fast, in every combination and each with a new table."""
    for one, other in product((-SKEW, SKEW), repeat=2):
        Table().clear()
        yield Desk(NOW + one), Desk(NOW + other)


def worth(key: str, at: int) -> set[Outcome]:
    """Return what a string is worth at a time, to clocks that are slow, right and fast."""
    return {Desk(at + skew).judge(key) for skew in (-SKEW, 0, SKEW)}


def test_revocation_holds_at_once_by_every_clock() -> None:
    for maker, ender in desks():
        key = maker.issue(BRIEF).text.reveal()

        ender.revoke(key)

        assert worth(key, NOW) == worth(key, NOW + SKEW) == {Outcome.REVOKED}


def test_leaked_string_comes_back_by_no_clock() -> None:
    for ender, other in desks():
        key = ender.issue(BRIEF).text.reveal()
        ender.revoke(BILLING, Reason.COMPROMISED)

        with pytest.raises(KeyCompromised):
            other.issue(BRIEF)
        new = other.issuer.rotate(BILLING, Rotation(id="r", grace_seconds=DAY), by("x"))

        # It ended at the rotation's own now; until then it was revoked.
        assert worth(key, NOW + 2 * SKEW) == {Outcome.EXPIRED}
        assert worth(new.text.reveal(), NOW) == {Outcome.VALID}


def test_key_ends_within_the_difference_of_the_clocks() -> None:
    for maker, renewer in desks():
        key = maker.issue(BRIEF).text.reveal()
        assert renewer.issue(BRIEF).text.reveal() == key

        end = NOW + DAY
        assert worth(key, end - 2 * SKEW - 1) == {Outcome.VALID}
        assert worth(key, end + 2 * SKEW) == {Outcome.EXPIRED}


@pytest.mark.prove
@pytest.mark.parametrize("grace", [0, 3600])
def test_grace_ends_within_the_difference_of_the_clocks(grace: int) -> None:
    for maker, rotator in desks():
        old = maker.issue(BRIEF).text.reveal()

        new = rotator.issuer.rotate(BILLING, Rotation(id="r", grace_seconds=grace), by("x"))

        end = NOW + grace
        if grace:
            assert worth(old, end - 2 * SKEW - 1) == {Outcome.VALID}
        assert worth(old, end + 2 * SKEW) == {Outcome.EXPIRED}
        assert rotator.judge(old) is (Outcome.VALID if grace else Outcome.EXPIRED)
        assert worth(new.text.reveal(), end) == {Outcome.VALID}


def test_expired_key_is_rotated_by_no_clock_that_knows_it_has_ended() -> None:
    for maker, rotator in desks():
        key = maker.issue(BRIEF)
        rotator.now += DAY

        if rotator.now >= key.key.expires_at:
            with pytest.raises(KeyInactive):
                rotator.issuer.rotate(BILLING, Rotation(id="r", grace_seconds=0), by("x"))
            assert Table().row()["generation"] == {"N": "1"}
        else:
            rotator.issuer.rotate(BILLING, Rotation(id="r", grace_seconds=0), by("x"))
            assert worth(key.text.reveal(), NOW + DAY + 2 * SKEW) == {Outcome.EXPIRED}


def test_changes_are_told_in_the_order_in_which_they_were_made_and_not_by_the_clock(
    aws: Aws,
) -> None:
    stream = Stream()
    for skew in (SKEW, -SKEW, 0):
        Desk(NOW + skew).issue(BRIEF)
    aws.forget()

    assert publish(stream.records()) == []

    details = [entry["Detail"] for entry in events(aws)]
    assert [detail["version"] for detail in details] == [1, 2, 3]
    assert [detail["event_id"] for detail in details] == [f"{BILLING}-{n}" for n in (1, 2, 3)]
    assert [detail["at"][-9:] for detail in details] == ["08:05:00Z", "07:55:00Z", "08:00:00Z"]
