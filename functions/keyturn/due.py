"""What a key wants done, and when. Times are epoch seconds; stdlib only.

A key's row says when it is next due (`due_at`); the sweep reads those rows, does what was due
first, and moves `due_at` on. Nothing overdue is passed over: `due_at` only moves past what is done.
"""

from enum import StrEnum
from itertools import count
from typing import NamedTuple

from keyturn.keys import DAY, ApiKey, By

NOTICES = (3 * DAY, DAY)


class Task(StrEnum):
    """What the sweep does with a key."""

    ROTATE = "rotate"
    GRACE_ENDED = "grace_ended"
    EXPIRING = "expiring"
    EXPIRED = "expired"


class Notice(NamedTuple):
    """What is told of a key, the moment it was due, and in which sweep it is told."""

    task: Task
    at: int
    by: By


def agenda(key: ApiKey) -> list[tuple[int, Task]]:
    """Return all that an active key wants done, in order of time, its end the last.

    A rotation waits for the end of a grace: it must never end the string before that. Every task
    has a moment of its own, since `due_at` can only tell moments apart: whichever is further down
    here gives way by a second.
    """
    grace_end = key.previous_expires_at
    wanted = [(key.expires_at, Task.EXPIRED)]
    if grace_end is not None and not key.grace_told:
        wanted.append((grace_end, Task.GRACE_ENDED))
    if key.rotate_every_days is not None:
        at = (key.rotated_at or key.created_at) + key.rotate_every_days * DAY
        wanted.append((max(at, grace_end or 0), Task.ROTATE))
    wanted += [(key.expires_at - notice, Task.EXPIRING) for notice in NOTICES]
    tasks: dict[int, Task] = {}
    for at, task in wanted:
        tasks[next(moment for moment in count(at) if moment not in tasks)] = task
    return sorted((at, task) for at, task in tasks.items() if at <= key.expires_at)


def next_due(key: ApiKey, after: int) -> int | None:
    """Return when the key is next due, given that all up to `after` was done.

    A rotation is done when it has moved on, and moot once the key has ended. `None`: nothing.
    """
    return min(
        (
            at
            for at, task in agenda(key)
            if at > after or (task is Task.ROTATE and after < key.expires_at)
        ),
        default=None,
    )


def next_due_of_changed(key: ApiKey) -> int | None:
    """Return when a key is next due that somebody just changed; `due_at` is what it was before.

    A change makes what was due before it moot, but for the end of a grace that is still to be told.
    """
    due_at, grace_end = key.due_at, None if key.grace_told else key.previous_expires_at
    if due_at is not None and grace_end is not None and due_at <= grace_end <= key.updated_at:
        return grace_end
    return next_due(key, key.updated_at)


def task_due(key: ApiKey, now: int) -> tuple[int, Task] | None:
    """Return what is to be done with the key at `now`, and the moment it was due.

    What came later makes an earlier notice pointless: of several, the last one counts.
    """
    if key.due_at is None or not key.is_active:
        return None
    due = [(at, task) for at, task in agenda(key) if key.due_at <= at <= now]
    ends = [entry for entry in due if entry[1] in {Task.EXPIRING, Task.EXPIRED}]
    superseded = ends[:-1]
    if ends and ends[-1][1] is Task.EXPIRED:
        superseded += [entry for entry in due if entry[1] is Task.ROTATE]
    return next((entry for entry in due if entry not in superseded), None)
