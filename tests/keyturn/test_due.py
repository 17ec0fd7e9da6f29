from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.due import NOTICES, Task, agenda, next_due, next_due_of_changed, task_due
from keyturn.keys import DAY, ApiKey
from tests.support import NOW, api_key

HOUR = 3600
# What meets what: notices of the end, the end of a grace, a rotation; on the second and beside it.
NEAR = st.sampled_from([0, 1, -1, HOUR])
GRACES = st.one_of(
    st.none(),
    st.integers(0, 30 * DAY),
    st.builds(lambda days, beside: max(0, days * DAY + beside), st.integers(0, 20), NEAR),
)


def key(ttl: int, grace: int | None, period: int | None) -> ApiKey:
    """Return a key that was just rotated, and is next due at what follows from that."""
    made = api_key(
        ttl_days=ttl,
        expires_at=NOW + ttl * DAY,
        previous_expires_at=None if grace is None else NOW + min(grace, ttl * DAY),
        rotate_every_days=period,
        rotated_at=NOW,
    )
    return due(made, NOW)


def due(key: ApiKey, after: int) -> ApiKey:
    return replace(key, due_at=next_due(key, after))


KEYS = st.builds(key, st.integers(1, 40), GRACES, st.one_of(st.none(), st.integers(1, 30)))


def swept(key: ApiKey, now: int) -> Iterator[tuple[Task, int]]:
    """Tell everything that is due, as the sweep does; a rotation ends it."""
    while key.due_at is not None and key.due_at <= now:
        found = task_due(key, now)
        if found is None:
            key = due(key, now)
            continue
        at, task = found
        yield task, at
        if task is Task.ROTATE:
            return
        key = due(key, at)


@given(key=KEYS)
def test_no_two_tasks_share_a_moment(key: ApiKey) -> None:
    moments = [at for at, _ in agenda(key)]

    assert moments == sorted(set(moments))
    assert agenda(key)[-1] == (key.expires_at, Task.EXPIRED)


@given(key=KEYS, days=st.lists(st.integers(0, 45 * 24), max_size=8))
def test_each_sweep_tells_what_became_due_since_the_last_one_and_nothing_twice(
    key: ApiKey, days: list[int]
) -> None:
    key = replace(key, rotate_every_days=None)
    sweeps = [NOW, *sorted({NOW + hours * HOUR for hours in days})]
    told = []
    for before, now in pairwise(sweeps):
        became_due = [(at, task) for at, task in agenda(key) if before < at <= now]
        ends = [entry for entry in became_due if entry[1] is not Task.GRACE_ENDED]
        expected = [entry for entry in became_due if entry not in ends[:-1]]

        found = list(swept(key, now))

        assert [(at, task) for task, at in found] == expected
        told += found
        key = due(key, now)
    assert len(told) == len(set(told))
    assert {at for task, at in told if task is Task.EXPIRED} <= {key.expires_at}
    assert {at for task, at in told if task is Task.GRACE_ENDED} <= {key.previous_expires_at}
    near = {key.expires_at - notice + beside for notice in NOTICES for beside in (0, 1)}
    assert {at for task, at in told if task is Task.EXPIRING} <= near


@given(key=KEYS, hours=st.integers(0, 45 * 24))
def test_rotation_that_is_due_is_done_before_the_end_of_the_key_and_after_that_of_a_grace(
    key: ApiKey, hours: int
) -> None:
    now = NOW + hours * HOUR
    moment = next((at for at, task in agenda(key) if task is Task.ROTATE), None)

    found = list(swept(key, now))

    is_due = moment is not None and moment <= now < key.expires_at
    assert (Task.ROTATE in [task for task, _ in found]) == is_due
    assert all(at >= (key.previous_expires_at or 0) for task, at in found if task is Task.ROTATE)
    assert len(found) <= 4


@pytest.mark.parametrize(
    ("ttl", "period", "grace"),
    [(15, 14, DAY), (15, 12, DAY), (2, 1, DAY), (30, 1, DAY), (30, 1, 3 * DAY), (4, 3, DAY)],
)
def test_rotation_of_the_same_moment_as_a_notice_is_done(ttl: int, period: int, grace: int) -> None:
    rotating = key(ttl, grace, period)

    tasks = [task for task, _ in swept(rotating, NOW + max(period * DAY, grace) + 1)]

    assert tasks[-1] is Task.ROTATE
    assert tasks.count(Task.GRACE_ENDED) == 1


@pytest.mark.parametrize(("ttl", "grace"), [(2, DAY), (4, DAY), (15, 12 * DAY), (15, 14 * DAY)])
def test_grace_that_ends_at_the_moment_of_a_notice_is_told_beside_it(ttl: int, grace: int) -> None:
    told = [task for task, _ in swept(key(ttl, grace, None), NOW + grace + 1)]

    assert told.count(Task.GRACE_ENDED) == 1
    assert told[-1] is Task.EXPIRING


def test_key_that_has_ended_and_was_told_so_is_never_due_again() -> None:
    ended = key(15, None, 20)

    assert next_due(ended, ended.expires_at) is None
    assert next_due(replace(ended, rotate_every_days=1), ended.expires_at) is None


def test_revoked_key_has_nothing_to_be_done() -> None:
    revoked = replace(key(15, None, None), is_active=False)

    assert task_due(revoked, revoked.expires_at) is None


def test_end_of_a_grace_that_was_not_told_yet_stays_due_over_a_renewal() -> None:
    before = replace(key(15, DAY, None), updated_at=NOW + 2 * DAY)
    renewed = replace(before, expires_at=before.updated_at + 15 * DAY)

    assert next_due_of_changed(renewed) == NOW + DAY
    told = due(before, NOW + DAY)
    assert next_due_of_changed(replace(renewed, due_at=told.due_at)) == renewed.expires_at - 3 * DAY


def test_renewal_puts_off_what_is_due_before_the_end_of_a_key() -> None:
    renewed = replace(key(15, None, None), updated_at=NOW + 13 * DAY)
    renewed = replace(renewed, expires_at=renewed.updated_at + 15 * DAY)

    assert renewed.due_at == NOW + 12 * DAY
    assert next_due_of_changed(renewed) == NOW + 25 * DAY
