"""Was what the callers saw of one alias the work of one caller after the other?

Every change carries the version it made, so the versions are the one order that can be. It must
explain each answer, and agree with the clock: what was answered before another call began is before
it in the order too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from keyturn.keys import DAY, ApiKey, Grant, Reason, Rotation


class Refusal(Enum):
    NOT_FOUND = auto()
    COMPROMISED = auto()
    INACTIVE = auto()
    GRACE_RUNNING = auto()
    UNAVAILABLE = auto()  # every race was lost, and nothing was changed


@dataclass(frozen=True)
class Read:
    """What a strongly consistent read saw; `None`, no row."""

    seen: ApiKey | None


@dataclass(frozen=True)
class Call:
    """A call and its answer; `began` and `ended` on one monotonic clock.

    wanted  a grant to create or renew, a reason to revoke, a rotation that leaves a grace longer
            than the history, `None` to read
    answer  the row after the change, why there was none, or what was read
    """

    actor: str
    wanted: Grant | Reason | Rotation | None
    answer: ApiKey | Refusal | Read
    began: float
    ended: float
    renewed: bool = False


class HistoryError(AssertionError):
    """No order of the calls explains their answers."""


def check(calls: list[Call]) -> ApiKey | None:
    """Return the row as it must be now.

    Raises:
        HistoryError: as above; the text tells the call and the versions around it.
    """
    writes = sorted(
        ((call, call.answer) for call in calls if isinstance(call.answer, ApiKey)),
        key=lambda write: write[1].version,
    )
    states: list[ApiKey | None] = [None]
    for call, after in writes:
        expected = _change(call, states[-1], after)
        if after != expected:
            raise HistoryError(f"{_told(call)}: answered {after}, was {expected}")
        states.append(after)
    order = [call for call, _ in writes]
    _keeps_time(order)
    for call in calls:
        if not isinstance(call.answer, ApiKey):
            _explained(call, order, states)
    return states[-1]


def _keeps_time(order: list[Call]) -> None:
    for number, call in enumerate(order):
        for earlier in order[:number]:
            if call.ended < earlier.began:
                raise HistoryError(f"{_told(call)} ended before {_told(earlier)} began")


def _change(call: Call, before: ApiKey | None, after: ApiKey) -> ApiKey:
    """Return what one caller alone would have made of `before`; only its clock is not known."""
    now = after.updated_at
    if isinstance(call.wanted, Grant):
        if call.renewed != (before is not None):
            raise HistoryError(f"{_told(call)}: renewed is {call.renewed}, the row was {before}")
        if before is None:
            blank = replace(after, metadata={}, created_at=now, generation=1, version=1)
            return _granted(blank, call, now)
        if not before.is_active and before.revoke_reason is Reason.COMPROMISED:
            raise HistoryError(f"{_told(call)}: a compromised string was renewed")
        return replace(_granted(before, call, now), version=before.version + 1)
    if isinstance(call.wanted, Rotation):
        if (
            before is None
            or _refusal(before, call.wanted)
            or after.secret_hash == before.secret_hash
        ):
            raise HistoryError(f"{_told(call)}: rotated what was {before}")
        return _rotated(before, call, after)
    if before is None or not before.is_active or not isinstance(call.wanted, Reason):
        raise HistoryError(f"{_told(call)}: revoked what was {before}")
    return replace(
        before,
        is_active=False,
        revoked_at=now,
        revoke_reason=call.wanted,
        updated_at=now,
        updated_by=call.actor,
        version=before.version + 1,
    )


def _granted(row: ApiKey, call: Call, now: int) -> ApiKey:
    assert isinstance(call.wanted, Grant)
    kept = row.metadata if call.wanted.metadata is None else call.wanted.metadata
    return replace(
        row,
        name=call.wanted.name,
        roles=call.wanted.roles,
        metadata=kept,
        ttl_days=call.wanted.ttl_days,
        expires_at=now + call.wanted.ttl_days * DAY,
        is_active=True,
        revoked_at=None,
        revoke_reason=None,
        updated_at=now,
        updated_by=call.actor,
    )


def _refusal(row: ApiKey, rotation: Rotation) -> Refusal | None:
    if not row.is_active:
        return None if row.revoke_reason is Reason.COMPROMISED else Refusal.INACTIVE
    running = (row.previous_expires_at or 0) > row.updated_at
    return Refusal.GRACE_RUNNING if running and not rotation.force else None


def _rotated(row: ApiKey, call: Call, after: ApiKey) -> ApiKey:
    assert isinstance(call.wanted, Rotation)
    now = after.updated_at
    return replace(
        row,
        is_active=True,
        revoked_at=None,
        revoke_reason=None,
        generation=row.generation + 1,
        secret_hash=after.secret_hash,
        ciphertext=after.ciphertext,
        hint=after.hint,
        previous_hash=row.secret_hash,
        previous_expires_at=(
            min(now + call.wanted.grace_seconds, row.expires_at) if row.is_active else now
        ),
        expires_at=now + row.ttl_days * DAY,
        rotated_at=now,
        rotation_ids=(*row.rotation_ids, call.wanted.id)[-8:],
        updated_at=now,
        updated_by=call.actor,
        version=row.version + 1,
    )


def _explained(call: Call, order: list[Call], states: list[ApiKey | None]) -> None:
    """Find a state that lasted into the call and was there before its end, and fits its answer."""
    if call.answer is Refusal.UNAVAILABLE:
        return
    fits, its_time = _fits(call), []
    for version, state in enumerate(states):
        begun = version == 0 or order[version - 1].began <= call.ended
        lasted = version == len(order) or order[version].ended >= call.began
        if begun and lasted:
            its_time.append(state)
    # Whoever loses to another rotation is refused as if its grace ran, even if it left none.
    rotated = len({state.generation for state in its_time if state}) > 1
    if any(map(fits, its_time)) or (rotated and call.answer is Refusal.GRACE_RUNNING):
        return
    raise HistoryError(f"{_told(call)}: no state of its time explains the answer {call.answer}")


def _fits(call: Call) -> Callable[[ApiKey | None], bool]:
    if isinstance(call.answer, Read):
        seen = call.answer.seen
        return lambda state: state == seen
    if call.answer is Refusal.NOT_FOUND and isinstance(call.wanted, Reason):
        return lambda state: state is None or not state.is_active
    if isinstance(call.wanted, Rotation):
        wanted = call.wanted
        if call.answer is Refusal.NOT_FOUND:
            return lambda state: state is None
        return lambda state: state is not None and _refusal(state, wanted) is call.answer
    if call.answer is Refusal.COMPROMISED and isinstance(call.wanted, Grant):
        return lambda state: (
            state is not None and not state.is_active and state.revoke_reason is Reason.COMPROMISED
        )
    return lambda _: False


def _told(call: Call) -> str:
    what = call.wanted.name if isinstance(call.wanted, Reason) else type(call.wanted).__name__
    made = f" v{call.answer.version}" if isinstance(call.answer, ApiKey) else ""
    return f"{call.actor} {what}{made} [{call.began:.6f}, {call.ended:.6f}]"
