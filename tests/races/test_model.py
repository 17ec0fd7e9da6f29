"""The search finds an order where there is one, and in what can only be a lie it finds none."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.races.model import (
    Admit,
    Answer,
    Issue,
    Read,
    Revoke,
    Rotate,
    Seen,
    State,
    Verb,
    Verify,
    after,
    check,
)
from tests.races.search import HistoryError


def in_turn(*calls: tuple[Verb, Answer | None]) -> list[Seen]:
    """Return calls of which each began after the one before it had ended."""
    return [Seen(verb, answer, 2 * n, 2 * n + 1) for n, (verb, answer) in enumerate(calls)]


def at_once(*calls: tuple[Verb, Answer | None]) -> list[Seen]:
    """Return calls that all began before any of them ended."""
    return [Seen(verb, answer, n, 100 + n) for n, (verb, answer) in enumerate(calls)]


CREATED = (Issue("a"), (201,))
REVOKED = (Revoke(), (200,))
CONDEMNED = (Revoke(compromised=True), (200,))
ROTATED = (Rotate("r"), (200,))
GRACED = (Rotate("r", grace=True), (200,))
VALID = (Verify(1), ("valid", 1))

WRONG = {
    "string accepted after its revocation": in_turn(CREATED, REVOKED, VALID),
    "string let in after its revocation": in_turn(CREATED, REVOKED, (Admit(1), (True,))),
    "accepted again after it was refused": at_once(CREATED, REVOKED)
    + [replace(seen, began=n + 200, ended=n + 201) for n, seen in enumerate(
        in_turn((Verify(1), ("revoked",)), VALID)
    )],
    "revived by nobody": in_turn(CREATED, REVOKED, (Read(), ("a", 1, True))),
    "string dead by rotation told as current": in_turn(CREATED, ROTATED, VALID),
    "string in its grace told as ended": in_turn(
        CREATED, (Rotate("r", grace=True), (200,)), (Verify(1), ("expired",))
    ),
    "string of two rotations ago still works": in_turn(
        CREATED, GRACED, (Rotate("s", grace=True, force=True), (200,)), VALID
    ),
    "renewal lost": in_turn(CREATED, (Issue("b"), (200,)), (Read(), ("a", 1, True))),
    "renewal lost to one before it": in_turn(
        CREATED, (Issue("b"), (200,)), (Issue("c"), (200,)), (Read(), ("b", 1, True))
    ),
    "created twice": at_once(CREATED, (Issue("b"), (201,))),
    "renewed what nobody created": in_turn((Issue("a"), (200,))),
    "revoked twice": at_once(CREATED, REVOKED, REVOKED),
    "nothing to revoke while it works": in_turn(CREATED, (Revoke(), (404, "not_found")), VALID),
    "rotated twice by one id": in_turn(CREATED, ROTATED, ROTATED, (Read(), ("a", 3, True))),
    "rotation lost": in_turn(CREATED, ROTATED, (Read(), ("a", 1, True))),
    "rotated while a grace ran": in_turn(
        CREATED, (Rotate("r", grace=True), (200,)), (Rotate("s"), (200,))
    ),
    "refused for a grace that never ran": in_turn(
        CREATED, ROTATED, (Rotate("s"), (409, "grace_running"))
    ),
    "leaked string renewed": in_turn(CREATED, CONDEMNED, (Issue("b"), (200,))),
    "leaked string comes back": in_turn(
        CREATED, CONDEMNED, (Issue("b"), None), (Verify(1), ("valid", 1))
    ),
    "revoked by a string that had ended": in_turn(
        CREATED, ROTATED, (Revoke(generation=1), (200,))
    ),
    "row gone": in_turn(CREATED, (Verify(1), ("not_found",))),
    "unknown renewal counts twice": in_turn(
        CREATED, (Issue("b"), None), (Read(), ("b", 1, True)), (Issue("c"), (200,)),
        (Read(), ("b", 1, True)),
    ),
    "what nobody asked for": in_turn(CREATED, (Read(), ("b", 1, True))),
    "answer from before the change": [
        Seen(Issue("a"), (201,), 0, 1), Seen(Issue("b"), (200,), 2, 3, ("a", 1, True))
    ],
}  # fmt: skip
TRUE = {
    "nothing": [],
    "in turn": in_turn(CREATED, REVOKED, (Verify(1), ("revoked",)), (Issue("b"), (200,)), VALID),
    "against the order in which they began": at_once(
        VALID, (Issue("b"), (200,)), CREATED, (Read(), (404, "not_found"))
    ),
    "unknown and done": in_turn(CREATED, (Revoke(), None), (Verify(1), ("revoked",))),
    "unknown and never done": in_turn(CREATED, (Revoke(), None), VALID, VALID),
    "unknown and done much later": in_turn(
        CREATED, (Revoke(), None), VALID, (Issue("b"), (200,)), (Verify(1), ("revoked",))
    ),
    "unknown create": in_turn(
        (Issue("a"), None), (Read(), (404, "not_found")), (Issue("b"), (200,))
    ),
    "repeated by its id": in_turn(
        CREATED, (Rotate("r"), None), ROTATED, ROTATED, (Read(), ("a", 2, True))
    ),
    "lost to another rotation of the moment": [
        *in_turn(CREATED),
        Seen(Rotate("r", force=True), (200,), 2, 8),
        Seen(Rotate("s"), (409, "grace_running"), 3, 9),
    ],
    "leaked string rotated": in_turn(
        CREATED, CONDEMNED, (Rotate("r", grace=True), (200,)), (Verify(1), ("expired",))
    ),
    "answer from after another's change": [
        Seen(Issue("a"), (201,), 0, 9, ("b", 1, True)),
        Seen(Issue("b"), (200,), 1, 2, ("b", 1, True)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("history", WRONG.values(), ids=WRONG)
def test_what_no_order_explains_is_found(history: list[Seen]) -> None:
    with pytest.raises(HistoryError, match="no order"):
        check(history)


@pytest.mark.parametrize("history", TRUE.values(), ids=TRUE)
def test_what_an_order_explains_is_accepted(history: list[Seen]) -> None:
    check(history)


VERBS: list[Verb] = [
    Issue("a"),
    Issue("b"),
    Revoke(),
    Revoke(compromised=True),
    Revoke(generation=1),
    Rotate("r", grace=True),
    Rotate("s", force=True),
    Verify(1),
    Verify(2),
    Read(),
]


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    """Draw a history that has an order, and then perhaps tell a lie in it."""
    history: list[Seen] = []
    key: State = None
    for place, verb in enumerate(draw(st.lists(st.sampled_from(VERBS), max_size=5))):
        answer, key = verb.done(key)
        began, ended = place - draw(st.integers(0, 3)) - 0.1, place + draw(st.integers(0, 3)) + 0.1
        history.append(Seen(verb, answer, began, ended))
        if draw(st.booleans()) and isinstance(verb, Issue | Revoke | Rotate):
            history[-1] = replace(history[-1], answer=None)
    if len(history) > 1 and draw(st.booleans()):
        liar, other = draw(st.permutations(range(len(history))))[:2]
        history[liar] = replace(history[liar], answer=history[other].answer)
    return history


def has_order(history: list[Seen]) -> bool:
    """Try them all."""
    unknown = [seen for seen in history if seen.answer is None]
    known = [seen for seen in history if seen.answer is not None]
    return any(
        keeps_time(order) and fits(order)
        for done in range(len(unknown) + 1)
        for some in combinations(unknown, done)
        for order in permutations([*known, *some])
    )


def keeps_time(order: Sequence[Seen]) -> bool:
    ended = [math.inf if seen.answer is None else seen.ended for seen in order]
    return all(ended[n] >= order[m].began for m in range(len(order)) for n in range(m, len(order)))


def fits(order: Sequence[Seen]) -> bool:
    key: State = None
    for seen in order:
        found = after(seen, key)
        if not found:
            return False
        (key,) = found
    return True


@settings(max_examples=400)
@given(histories())
def test_search_finds_what_trying_every_order_finds(history: list[Seen]) -> None:
    try:
        check(history)
    except HistoryError:
        assert not has_order(history)
    else:
        assert has_order(history)
