"""One key through all its handlers, in any order and at any time, beside a model of it.

After each step: which of its strings work, and as what; and each change told once, as what it was.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import create_key
import revoke_key
import rotate_key
import verify_key
from keyturn import service
from keyturn.keys import DAY
from keyturn.row import to_key
from tests.support import Answer, Clock, answer, delete, post, request
from tests.support_aws import Aws, Table
from tests.support_life import publish
from tests.support_model import GRACE, Model
from tests.support_rotation import (
    BILLING,
    Lasting,
    Stream,
    compromised,
    events,
    requested,
    rotate,
    scheduled,
    sealed,
)

NEAR = 3  # seconds by which what is due may give way to what is due at the same moment
NOTICES = {"Key Expiring", "Key Expired", "Grace Ended"}

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
TURNS = [
    int(datetime.fromisoformat(text).timestamp())
    for text in (
        # The clocks of these zones are put forward and back, one of them by half an hour.
        *("2027-03-14T07:00Z", "2027-03-28T01:00Z", "2027-04-03T15:00Z"),
        *("2027-10-02T15:30Z", "2027-10-31T01:00Z", "2027-11-07T06:00Z"),
        # A 29 February, the last second of 32 bits, and a 29 February that is none.
        *("2028-02-29T00:00Z", "2028-03-01T00:00Z", "2038-01-19T03:14:07Z", "2100-03-01T00:00Z"),
    )
]
PERIODS: list[dict[str, int | None]] = [
    {},
    *({"rotate_every_days": days} for days in (None, 1, 3, 14)),
]
ROTATION_IDS: list[dict[str, str]] = [{}, {}, {"rotation_id": "a"}, {"rotation_id": "b"}]
GRACES = st.sampled_from([0, 60, DAY, 30 * DAY])
MOMENTS = st.sampled_from(["turn", "ends", "old_ends", "rotation", "notice", "last notice"])
MOMENTS |= st.sampled_from([1, 59, 3600, DAY, 3 * DAY, 14 * DAY, 40 * DAY])


class Life(RuleBasedStateMachine):
    """The key `billing`, its model, and every string it ever had, by generation."""

    aws: ClassVar[Aws]
    clock: ClassVar[Clock]
    steps: ClassVar[Counter[str]]
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        Table().clear()
        self.stream = Stream()
        self.model = Model()
        self.strings: dict[int, str] = {}
        self.expected: list[str] | None = []  # None: what the sweep finds to do
        self.handed = ""
        self.given: set[tuple[str, int]] = set()
        self.grace_is_open = False
        self.swept_at = self.shown_at = (0, 0)
        self.aws.forget()

    @initialize(
        turn=st.sampled_from(TURNS),
        before=st.integers(0, 40 * DAY),
        zone=st.sampled_from(ZONES),
        action=st.sampled_from(["revoke", "rotate"]),
    )
    def begin(self, turn: int, before: int, zone: str, action: str) -> None:
        os.environ["TZ"] = zone
        time.tzset()
        rotate_key.on_compromised = action
        self._come(turn - before)
        self.renew(30, {})

    @rule(ttl=st.sampled_from([1, 2, 4, 15, 30, 365]), period=st.sampled_from(PERIODS))
    def renew(self, ttl: int, period: dict[str, int | None]) -> None:
        body = {"alias": "billing", "name": "Billing", "ttl_days": ttl} | period
        told = self.model.renew(ttl, period.get("rotate_every_days", self.model.period))
        given = self._asked("renew", answer(create_key.handler, post(body)), told)
        if told.startswith("Key"):
            end = datetime.fromtimestamp(self.model.now, UTC) + timedelta(days=ttl)
            assert given.body["expire"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"

    @precondition(lambda self: self.model.judge(self.model.generation) != "valid")
    @rule()
    def mend(self) -> None:
        """Have a key again that works: most of what can happen needs one."""
        if self.model.is_leaked:
            self.rotate(DAY, {}, force=False)
        else:
            self.renew(30, {"rotate_every_days": 7})

    @rule(grace=GRACES, force=st.booleans(), id=st.sampled_from(ROTATION_IDS))
    def rotate(self, grace: int, id: dict[str, str], *, force: bool) -> None:
        body = {"grace_seconds": grace, "force": force} | id
        named = id.get("rotation_id", f"drawn {self.model.version}")
        told = self.model.rotate(named, grace, force=force)
        self._asked("rotate", answer(rotate_key.handler, rotate(body=body)), told)

    @precondition(lambda self: self.model.is_active)
    @rule(
        reason=st.sampled_from(["unspecified", "superseded", "cessation", "compromised"]),
        old=st.sampled_from([None, 0, 1, 2]),
    )
    def revoke(self, reason: str, old: int | None) -> None:
        """By its id, or by one of its strings: that of so many rotations ago."""
        model = self.model
        named = BILLING if old is None else self.strings.get(model.generation - old, BILLING)
        running = model.old_ends > model.now
        is_of_it = named in {BILLING, self.strings[model.generation]} or (old == 1 and running)
        told = model.revoke(leaked=reason == "compromised") if is_of_it else "not_found"
        self._asked("revoke", answer(revoke_key.handler, delete(named, reason)), told)

    @rule(
        target=sent,
        grace=GRACES,
        id=st.sampled_from(ROTATION_IDS),
        late=st.sampled_from([0, 0, 1, 3600, 3 * DAY]),
        leaked=st.booleans(),
        at_once=st.booleans(),
    )
    def send(
        self, grace: int, id: dict[str, str], late: int, *, leaked: bool, at_once: bool
    ) -> dict[str, Any]:
        """Say something on the bus; when it is delivered, and how often, is another matter."""
        self.steps["send"] += 1
        at = self.model.now - late
        asked = requested({"alias": "billing", "grace_seconds": grace} | id, at)
        event = compromised(at=at) if leaked else asked
        if at_once:
            self.deliver(event)
        return event

    @rule(event=sent)
    def deliver(self, event: dict[str, Any]) -> None:
        self.steps["deliver"] += 1
        asked = int(datetime.fromisoformat(event["time"]).timestamp())
        if event["detail-type"] == "Key Compromised":
            told = self.model.leak(event["id"], asked, rotate_key.on_compromised)
        else:
            detail = event["detail"]
            id = detail.get("rotation_id", event["id"])
            told = self.model.rotate(id, detail["grace_seconds"], asked=asked)
        rotate_key.handler(event, Lasting())
        self.expected = [told] if told[:1].isupper() else []

    @precondition(lambda self: self.swept_at != (self.model.now, self.model.version))
    @rule()
    def sweep(self) -> None:
        self.steps["sweep"] += 1
        rotate_key.handler(scheduled(self.model.now), Lasting())
        self.expected = None

    @rule(moment=MOMENTS, beside=st.sampled_from([-1, 0, 1, NEAR]))
    def come(self, moment: str | int, beside: int) -> None:
        """Let time pass: for so long, or until something happens, or would, or just has."""
        self.steps["come"] += 1
        model = self.model
        moments = {
            "turn": next((turn for turn in TURNS if turn > model.now + 1), model.now),
            "ends": model.ends,
            "old_ends": model.old_ends,
            "rotation": model.rotation_due(),
            "notice": model.ends - 3 * DAY,
            "last notice": model.ends - DAY,
        }
        to = model.now + moment if isinstance(moment, int) else moments[moment] + beside
        self._come(max(model.now, to))

    @precondition(lambda self: self.shown_at != (self.model.now, self.model.version))
    @rule(old=st.integers(0, 2))
    def present(self, old: int) -> None:
        """Have a backend ask for a string of so many rotations ago."""
        self.steps["present"] += 1
        self.shown_at = (self.model.now, self.model.version)
        generation = max(1, self.model.generation - old)
        body = json.dumps({"key": self.strings[generation]}).encode()
        headers = {"Content-Type": ["application/json"]}
        event = request("POST", "/api/apikey/verify", body=body, headers=headers)
        given = answer(verify_key.handler, event).body
        assert given["code"] == self.model.judge(generation)
        assert given.get("generation", generation) == generation

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        assert publish(self.stream.records()) == []
        entries = events(self.aws)
        told = [entry["DetailType"] for entry in entries]
        if self.expected is None:
            self._was_swept(told)
        else:
            assert told == self.expected
        for entry in entries:
            self._is_told(entry)
        versions = [entry["Detail"]["version"] for entry in entries]
        assert versions == list(range(self.model.version - len(told) + 1, self.model.version + 1))
        if self.expected is None:
            self.swept_at = (self.model.now, self.model.version)
            self._nothing_is_overdue()
        self._strings_are_worth_it()
        self.expected = []
        self.aws.forget()

    def _was_swept(self, told: list[str]) -> None:
        """Change the model as the sweep said it changed the key, if that was due."""
        due_at, now = self.model.rotation_due(), self.model.now
        assert due_at <= now if "Key Rotated" in told else due_at + NEAR > now
        for happening in told:
            if happening == "Key Rotated":
                id = f"swept {self.model.version}"
                assert self.model.rotate(id, GRACE) == happening
            else:
                assert happening in NOTICES
                self.model.version += 1

    def _is_told(self, entry: dict[str, Any]) -> None:
        """See that a notice is told once, and note whether the end of a grace is still to be."""
        told, at = entry["DetailType"], int(entry["Time"])
        if told in NOTICES:
            # A grace ends once; a key ends, and is about to, as often as that is put off.
            notice = (told, entry["Detail"]["generation"] if told == "Grace Ended" else at)
            assert notice not in self.given
            self.given.add(notice)
        model = self.model
        if told in {"Key Rotated", "Key Revoked", "Grace Ended"}:
            self.grace_is_open = False
        elif told == "Key Expired":  # and the string before the last rotation with it
            self.grace_is_open &= model.old_ends < model.ends
        self.grace_is_open |= model.is_active and model.old_ends > model.now

    def _nothing_is_overdue(self) -> None:
        model = self.model
        if not model.is_active:
            return
        grace_is_over = model.old_ends <= model.now and model.old_ends < model.ends
        assert not (self.grace_is_open and grace_is_over)
        ends = [model.ends - 3 * DAY, model.ends - DAY, model.ends]
        due = [at for at in ends if model.changed_at < at <= model.now - NEAR]
        told = [at for told, at in self.given if told != "Grace Ended"]
        assert not due or any(due[-1] <= at <= model.now for at in told)

    def _strings_are_worth_it(self) -> None:
        row, model = Table().key(BILLING), self.model
        assert row is not None
        key = to_key(row)
        assert (key.generation, key.version) == (model.generation, model.version)
        assert (key.expires_at, key.previous_expires_at or 0) == (model.ends, model.old_ends)
        assert (key.is_active, key.is_compromised) == (model.is_active, model.is_leaked)
        if model.generation not in self.strings:
            self.strings[model.generation] = sealed(row)
        assert self.handed in {"", self.strings[model.generation]}
        self.handed = ""
        for generation, string in self.strings.items():
            verdict = service.verify(string, None, lambda _: key, model.now)
            assert verdict.outcome == model.judge(generation)
            assert verdict.generation == (generation if verdict.credential else 0)

    def _asked(self, rule: str, given: Answer, told: str) -> Answer:
        """Compare an answer over HTTP with what the model says."""
        self.steps[rule] += 1
        self.handed = given.body.get("key", "")
        if given.status in {200, 201}:
            self.expected = [told] if told else []
        else:
            assert given.body["code"] == told
        return given

    def _come(self, now: int) -> None:
        self.clock.now = self.model.now = now


@pytest.fixture
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process its time zone back, and the function its setting."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(rotate_key, "on_compromised", "revoke")
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def life(aws: Aws, clock: Clock, _zone: None) -> type[Life]:
    Life.aws, Life.clock, Life.steps = aws, clock, Counter()
    return Life


def live(life: type[Life], lives: int, steps: int) -> None:
    run_state_machine_as_test(
        life, settings=settings(max_examples=lives, stateful_step_count=steps)
    )


@pytest.mark.prove
@pytest.mark.dynamodb_local
@pytest.mark.usefixtures("metered")
def test_strings_of_a_key_are_worth_the_same_on_dynamodb_local(life: type[Life]) -> None:
    live(life, 9, 40)

    assert life.steps.total() >= 300


@pytest.mark.prove
def test_strings_of_many_keys_are_worth_what_the_model_says(life: type[Life]) -> None:
    live(life, 68, 40)

    assert life.steps.total() >= 2000
    assert {*life.steps} == {
        *("renew", "rotate", "revoke", "send", "deliver", "sweep", "come", "present")
    }
