"""A secret's rotation that is cut short at any of its calls: who reads AWSCURRENT is never refused.

Whether Secrets Manager tries again, from the step that failed or from the first, or gives up.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keyturn.errors import GraceRunning
from keyturn.keys import DAY, ApiKey, Grant, Outcome, Rotation
from tests.faults.crash import DIES, HOW, everywhere
from tests.support import NOW, Clock, by
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT, STORE, Desk
from tests.support_rotation import BILLING, judge
from tests.support_secret import STEPS, Safe

pytestmark = pytest.mark.prove

INTERVAL = 30
# Two intervals and the grace: it outlasts one rotation that was given up.
LONG = replace(GRANT, ttl_days=2 * INTERVAL + 1)
YEAR = replace(GRANT, ttl_days=365)


class Scene:
    """A secret, whose rotation has begun."""

    def __init__(self, clock: Clock, safe: Safe) -> None:
        self.clock = clock
        self.safe = safe
        self.old = safe.key
        self.token = safe.begin()
        self.reached = 0

    def rotate(self, step: int = 0) -> None:
        """Do what Secrets Manager does from a step on."""
        for number in range(step, len(STEPS)):
            self.reached = number
            self.safe.step(STEPS[number], self.token)

    def works(self) -> None:
        self.safe.works()

    @property
    def key(self) -> ApiKey:
        found = STORE.get(BILLING)
        assert found is not None
        return found


def empty(clock: Clock) -> Desk:
    Table().clear()
    clock.now = NOW
    return Desk()


def first(clock: Clock) -> Scene:
    """A secret with an alias that has no key yet."""
    empty(clock)
    return Scene(clock, Safe({"alias": "billing"}, INTERVAL))


def held(desk: Desk, grant: Grant = LONG) -> Safe:
    issued = desk.issue(grant)
    return Safe({"alias": "billing", "key": issued.text.reveal()}, INTERVAL)


def next_one(clock: Clock) -> Scene:
    """A secret that holds the key's current string."""
    return Scene(clock, held(empty(clock)))


def behind(clock: Clock) -> Scene:
    """A secret that holds the string before the current one, which was rotated by hand."""
    desk = empty(clock)
    safe = held(desk)
    desk.issuer.rotate(BILLING, Rotation(id="by hand", grace_seconds=2 * DAY), by("admin"))
    return Scene(clock, safe)


begins = pytest.mark.parametrize("begin", [first, next_one, behind])
cut = pytest.mark.parametrize(
    "how", [DIES, *(pytest.param(how, marks=pytest.mark.prove) for how in HOW if how != DIES)]
)


@pytest.mark.row("F9")
@cut
@begins
@pytest.mark.parametrize(
    "from_the_first_step", [False, pytest.param(True, marks=pytest.mark.prove)]
)
def test_rotation_cut_short_and_tried_again_is_one_rotation(
    aws: Aws, clock: Clock, how: str, begin: Callable[[Clock], Scene], *, from_the_first_step: bool
) -> None:
    for scene in everywhere(aws, how, lambda: begin(clock), Scene.rotate, Scene.works):
        scene.rotate(0 if from_the_first_step else scene.reached)

        scene.works()
        value = scene.safe.value()
        assert scene.key.generation == value["generation"] == (1 if begin is first else 2)
        assert scene.safe.stages()[scene.token] >= {"AWSCURRENT"}
        assert judge(value["key"], NOW) is Outcome.VALID
        if scene.old:
            assert judge(scene.old, NOW + DAY - 1) is Outcome.VALID
            assert judge(scene.old, NOW + DAY) is Outcome.EXPIRED


@pytest.mark.row("F9")
@pytest.mark.prove
@pytest.mark.parametrize("grant", [LONG, YEAR], ids=["61 days", "365 days"])
def test_rotation_given_up_anywhere_is_made_up_for_by_the_next_ones(
    aws: Aws, clock: Clock, grant: Grant
) -> None:
    def begin() -> Scene:
        return Scene(clock, held(empty(clock), grant))

    for scene in everywhere(aws, DIES, begin, Scene.rotate, Scene.works):
        for _ in range(2):
            clock.now += INTERVAL * DAY
            scene.works()
            scene.token = scene.safe.begin()
            try:
                scene.rotate()
            except GraceRunning:
                scene.works()
                clock.now += DAY
                scene.rotate()
            scene.works()
            assert judge(scene.safe.key, clock.now + INTERVAL * DAY) is Outcome.VALID
        assert scene.safe.value()["generation"] == scene.key.generation
