"""What one caller alone would be answered over HTTP: a key as its callers see it, and the verbs.

Strings are known by their generation: whoever holds two strings of one generation has seen a lie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from tests.races.search import Call, explain

REMEMBERED = 8
DONE = {(200,), (201,)}
GRACE_RUNNING = (409, "grace_running")
NOT_FOUND = (404, "not_found")


@dataclass(frozen=True)
class Key:
    """An alias's key; `graced`: the string before the last rotation still works.

    `rotated_until` is when the call of the last rotation ended.
    """

    name: str
    generation: int = 1
    active: bool = True
    compromised: bool = False
    graced: bool = False
    rotations: tuple[str, ...] = ()
    rotated_until: float = -math.inf


State: TypeAlias = Key | None
Answer: TypeAlias = tuple[int | str, ...]


@dataclass(frozen=True)
class Issue:
    """Create or renew."""

    name: str

    def done(self, key: State) -> tuple[Answer, State]:
        if key is None:
            return (201,), Key(self.name)
        if key.compromised:
            return (409, "key_compromised"), key
        return (200,), replace(key, name=self.name, active=True)


@dataclass(frozen=True)
class Revoke:
    """Revoke by id, or by the string of a generation."""

    compromised: bool = False
    generation: int | None = None

    def done(self, key: State) -> tuple[Answer, State]:
        if key is None or not key.active or not self._means(key):
            return NOT_FOUND, key
        return (200,), replace(key, active=False, compromised=self.compromised)

    def _means(self, key: Key) -> bool:
        current = self.generation in {None, key.generation}
        return current or (key.graced and self.generation == key.generation - 1)


@dataclass(frozen=True)
class Rotate:
    """Rotate, with a grace of hours or none."""

    id: str
    grace: bool = False
    force: bool = False

    def done(self, key: State) -> tuple[Answer, State]:
        if key is None:
            return NOT_FOUND, key
        if self.id in key.rotations:
            return (200,), key
        if not key.compromised and not key.active:
            return (409, "key_inactive"), key
        if not key.compromised and key.graced and not self.force:
            return GRACE_RUNNING, key
        return (200,), replace(
            key,
            generation=key.generation + 1,
            active=True,
            compromised=False,
            graced=self.grace and not key.compromised,
            rotations=(*key.rotations, self.id)[-REMEMBERED:],
        )


@dataclass(frozen=True)
class Verify:
    """Present the string of a generation to whoever says why not."""

    generation: int

    def done(self, key: State) -> tuple[Answer, State]:
        if key is None or self.generation not in {key.generation, key.generation - 1}:
            return ("not_found",), key
        if not key.active:
            return ("revoked",), key
        if self.generation < key.generation and not key.graced:
            return ("expired",), key
        return ("valid", self.generation), key


@dataclass(frozen=True)
class Admit:
    """Present the string of a generation to the authorizer, which says yes or no."""

    generation: int

    def done(self, key: State) -> tuple[Answer, State]:
        (outcome, *_), _ = Verify(self.generation).done(key)
        return (outcome == "valid",), key


@dataclass(frozen=True)
class Read:
    """Be told the record: by asking for it, or in the answer to a change."""

    def done(self, key: State) -> tuple[Answer, State]:
        if key is None:
            return NOT_FOUND, key
        return (key.name, key.generation, key.active), key


Verb: TypeAlias = Issue | Revoke | Rotate | Verify | Admit | Read


@dataclass(frozen=True)
class Seen:
    """A call over HTTP; `answer` is `None` where its outcome is unknown.

    `record` is what the answer to a change told of the key: true at some moment after the change
    and before the answer, as `Read` would be told it.
    """

    verb: Verb
    answer: Answer | None
    began: float
    ended: float
    record: Answer | None = None


def check(history: Sequence[Seen]) -> None:
    """Find an order of the calls to one alias that explains their answers.

    Raises:
        HistoryError: there is none.
    """
    names = {name for seen in history for name in _names_of_others(seen)}
    calls: list[Call[State]] = []
    for seen in (_nameless(seen, names) for seen in history):
        calls.append(_call(seen))
        if seen.record is not None:
            record = Seen(Read(), seen.record, seen.began, seen.ended)
            calls.append(replace(_call(record), after=len(calls) - 1))
    explain(calls, None)


def after(seen: Seen, key: State) -> list[State]:
    """Return the key after the call, where that fits its answer."""
    answer, changed = seen.verb.done(key)
    if seen.answer in {None, answer}:
        if key and changed and changed.generation > key.generation:
            return [replace(changed, rotated_until=_end(seen))]
        return [changed]
    # Whoever loses to a rotation of the same moment is told so, if it left a grace or not.
    if seen.answer == GRACE_RUNNING and key and key.rotated_until >= seen.began:
        return [key]
    return []


def _call(seen: Seen) -> Call[State]:
    told = f"{seen.verb} -> {seen.answer}"
    reads = seen.answer not in {None, *DONE}
    kind: object = (seen.verb, seen.answer, seen.record)
    if isinstance(seen.verb, Rotate) and seen.answer is not None:
        kind = None  # when it ended matters to those who lost to it
    return Call(told, seen.began, _end(seen), partial(after, seen), reads, kind)


def _names_of_others(seen: Seen) -> set[str | int]:
    """Return the name that a call was told, if it is another call's."""
    told = seen.answer if isinstance(seen.verb, Read) else seen.record
    own = seen.verb.name if isinstance(seen.verb, Issue) else None
    return {told[0]} - {own} if told and told != NOT_FOUND else set()


def _nameless(seen: Seen, names: set[str | int]) -> Seen:
    """Take the name from a renewal whose name nobody else was told: it is as good as any other."""
    if not isinstance(seen.verb, Issue) or seen.verb.name in names:
        return seen
    record = seen.record
    if record is not None and record[0] == seen.verb.name:
        record = ("", *record[1:])
    return replace(seen, verb=Issue(""), record=record)


def _end(seen: Seen) -> float:
    return math.inf if seen.answer is None else seen.ended
