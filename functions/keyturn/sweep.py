"""What is due is done: rotations, and notices of an end near or past.

Each key is read again, strongly consistent, before anything is done with it; every step is one
conditional write that moves `due_at` on. So a sweep may stop anywhere and the next goes on from
there, two at once do nothing twice, and a key that fails stays due and stops no other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from keyturn.due import Notice, Task, task_due
from keyturn.errors import KeyturnError
from keyturn.issuer import Issuer
from keyturn.keys import ApiKey, By, Rotation

BY = "schedule"
_STEPS = 8


@dataclass(slots=True)
class Swept:
    """What a sweep did: counts by task, failures by key, and whether it saw all that was due."""

    done: dict[Task, int] = field(default_factory=lambda: dict.fromkeys(Task, 0))
    failed: dict[str, str] = field(default_factory=dict)
    finished: bool = True


def sweep(issuer: Issuer, request_id: str, has_time: Callable[[], bool]) -> Swept:
    """Do what is due now, for as long as it `has_time`.

    Raises:
        Unavailable: the index could not be read. A key that could not be is in `failed`.
    """
    swept = Swept()
    for id in issuer.store.due(issuer.clock()):
        if not has_time():
            swept.finished = False
            break
        try:
            _attend(id, issuer, By(BY, request_id), swept)
        except KeyturnError as error:
            swept.failed[id] = error.code
        except Exception as error:  # noqa: BLE001 - one key must never stop the rest
            swept.failed[id] = type(error).__name__
    return swept


def _attend(id: str, issuer: Issuer, by: By, swept: Swept) -> None:
    for _ in range(_STEPS):
        key = issuer.store.get(id)
        now = issuer.clock()
        if key is None or key.due_at is None or key.due_at > now:
            return
        task = task_due(key, now)
        if task is None:
            issuer.store.move_due(key, now)
            continue
        _do(key, *task, issuer, by)
        swept.done[task[1]] += 1


def _do(key: ApiKey, at: int, task: Task, issuer: Issuer, by: By) -> None:
    if task is Task.ROTATE:
        # Of this generation only: whoever rotated it meanwhile has done what was due.
        rotation = Rotation(
            id=uuid4().hex,
            grace_seconds=issuer.settings.default_grace_seconds,
            generation=key.generation,
        )
        issuer.rotate(key.id, rotation, by)
    else:
        issuer.store.move_due(key, at, Notice(task, at, by))
