"""A rotation cut short at any of its calls: some string works throughout, and a repeat ends it.

By a call, by an event, by a report of a leak, by the schedule.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

import rotate_key
from keyturn.keys import DAY, Outcome, Reason
from tests.faults.crash import DIES, HOW, everywhere
from tests.support import NOW, Clock, answer
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT
from tests.support_rotation import (
    BILLING,
    compromised,
    judge,
    put,
    requested,
    rotate,
    scheduled,
    sealed,
)
from tests.support_world import World

pytestmark = pytest.mark.prove

LONG = replace(GRANT, ttl_days=90)

cut = pytest.mark.parametrize(
    "how", [DIES, *(pytest.param(how, marks=pytest.mark.prove) for how in HOW if how != DIES)]
)


class Scene(World):
    """The key `billing`, and every string that was handed out as its current one."""

    def __init__(self, clock: Clock) -> None:
        Table().clear()
        clock.now = NOW
        super().__init__(clock)
        self.handed = [self.issue(LONG).text.reveal()]

    def ask(self, body: dict[str, Any]) -> None:
        given = answer(rotate_key.handler, rotate(body=body))
        if given.status == 200:
            self.handed.append(given.body["key"])

    def works(self) -> None:
        """See that somebody has a string that works."""
        assert any(judge(string, self.now) is Outcome.VALID for string in self.handed)

    def opens(self) -> None:
        """See that whoever may renew the key is given a string that works."""
        assert judge(sealed(Table().row()), self.now) is Outcome.VALID

    def worth(self) -> list[Outcome]:
        """Return what the first string is worth, and what the one is that a renewal hands out."""
        return [judge(string, self.now) for string in (self.handed[0], sealed(Table().row()))]


BOTH = [Outcome.VALID, Outcome.VALID]
NEW_ALONE = [Outcome.EXPIRED, Outcome.VALID]


@pytest.mark.row("F9")
@cut
@pytest.mark.parametrize("body", [{"rotation_id": "r"}, {}, {"rotation_id": "r", "force": True}])
def test_rotation_cut_short_and_asked_for_again_is_one_rotation(
    aws: Aws, clock: Clock, how: str, body: dict[str, Any]
) -> None:
    def act(scene: Scene) -> None:
        scene.ask(body)

    for scene in everywhere(aws, how, lambda: Scene(clock), act, Scene.works):
        act(scene)
        act(scene)

        assert scene.worth() == BOTH
        assert (scene.key.generation, scene.key.version) == (2, 2)
        assert set(scene.handed) <= {scene.handed[0], sealed(Table().row())}


@pytest.mark.row("F9")
@cut
def test_rotation_without_grace_cut_short_is_never_without_a_string_that_a_renewal_hands_out(
    aws: Aws, clock: Clock, how: str
) -> None:
    def act(scene: Scene) -> None:
        scene.ask({"rotation_id": "r", "grace_seconds": 0})

    for scene in everywhere(aws, how, lambda: Scene(clock), act, Scene.opens):
        act(scene)

        assert scene.worth() == NEW_ALONE
        assert scene.key.generation == 2
        assert scene.handed[-1] == sealed(Table().row())


def late(scene: Scene) -> dict[str, Any]:
    """Report a leak of a string that is in its grace by now."""
    scene.now += 100
    scene.handed.append(scene.rotate(30 * DAY))
    return compromised(at=NOW + 50)


def revoked(scene: Scene) -> dict[str, Any]:
    scene.revoke(BILLING, Reason.CESSATION)
    return compromised()


def asked(grace: int) -> Callable[[Scene], dict[str, Any]]:
    return lambda _: requested({"alias": "billing", "grace_seconds": grace})


def leaked(_: Scene) -> dict[str, Any]:
    return compromised()


def anything(_: Scene) -> None:
    """Promise nothing: what leaked shall end."""


CONDEMNED = [Outcome.REVOKED, Outcome.REVOKED]


class Case(NamedTuple):
    """An event, the stack's parameter, what holds at every moment, and what is left in the end."""

    event: Callable[[Scene], dict[str, Any]]
    action: str
    look: Callable[[Scene], None]
    worth: list[Outcome]
    version: int


CASES = {
    "requested": Case(asked(600), "revoke", Scene.works, BOTH, 2),
    "requested without grace": Case(asked(0), "revoke", Scene.opens, NEW_ALONE, 2),
    "leaked, revokes": Case(leaked, "revoke", anything, CONDEMNED, 2),
    "leaked, rotates": Case(leaked, "rotate", Scene.opens, NEW_ALONE, 2),
    "leaked before a rotation": Case(late, "revoke", Scene.works, NEW_ALONE, 3),
    "leaked and revoked": Case(revoked, "rotate", anything, CONDEMNED, 3),
}


@pytest.mark.row("F8", "F9")
@cut
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_event_cut_short_and_delivered_again_is_served_once(
    aws: Aws, clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str, case: Case
) -> None:
    monkeypatch.setattr(rotate_key, "on_compromised", case.action)
    sent: list[dict[str, Any]] = []

    def begin() -> Scene:
        scene = Scene(clock)
        sent[:] = [case.event(scene)]
        return scene

    for scene in everywhere(aws, how, begin, lambda scene: scene.send(sent[0]), case.look):
        scene.send(sent[0])
        once = Table().row()
        scene.send(sent[0])

        assert scene.worth() == case.worth
        assert Table().row() == once
        assert scene.key.version == case.version


class Due(Scene):
    """A key whose grace is over and whose rotation is due, and one that is about to end."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.issue(replace(LONG, rotate_every_days=7, keeps_rotation=False))
        self.now += 60
        self.handed = [self.rotate(7 * DAY - 60)]
        self.handed.append(self.issue(replace(GRANT, alias="ending", ttl_days=9)).text.reveal())
        self.now += 7 * DAY

    def sweep(self) -> None:
        self.send(scheduled(self.now))

    def all_work(self) -> None:
        """See that no string that was in use has ended."""
        assert {judge(string, self.now) for string in self.handed} == {Outcome.VALID}


def left(rows: list[dict[str, Any]]) -> list[str]:
    """Return what of the rows is not drawn by chance."""
    names = ("id", "generation", "version", "notice", "noticed_at", "due_at", "previous_expires_at")
    return sorted(str([row.get(name) for name in names]) for row in rows)


@pytest.mark.row("F9")
@pytest.mark.prove
@pytest.mark.parametrize("how", HOW)
def test_sweep_cut_short_is_ended_by_the_next_one_as_if_nothing_had_been(
    aws: Aws, clock: Clock, how: str
) -> None:
    scene = Due(clock)
    rows = Table().rows()
    scene.sweep()
    expected = left(Table().rows())
    assert scene.key.generation == 3

    def begin() -> Due:
        Table().clear()
        for row in rows:
            put(row)
        return scene

    for _ in everywhere(aws, how, begin, Due.sweep, Due.all_work):
        scene.sweep()

        scene.all_work()
        assert left(Table().rows()) == expected
    aws.forget()
    scene.sweep()
    assert set(aws.calls) == {"Query"}
