"""Callers do whatever can be done to one alias, at random: one order explains what they saw."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from keyturn import service
from keyturn.errors import GraceRunning, KeyCompromised, KeyInactive, KeyNotFound, Unavailable
from keyturn.issuer import Issuer
from keyturn.keys import DAY, ApiKey, Grant, Reason, Rotation
from tests.races.history import Call, HistoryError, Read, Refusal, check
from tests.races.places import Place, at_once, grant
from tests.support import by

CALLERS = 8
CALLS = 12
ROUNDS = 40


@pytest.fixture(scope="module")
def callers(on_dynamodb_local: Place) -> list[Issuer]:
    return [on_dynamodb_local.issuer() for _ in range(CALLERS)]


def seeded(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - what is drawn is a test, not a secret


def work(alias: str, id: str, issuer: Issuer, actor: str, chance: random.Random) -> list[Call]:
    return [_call(alias, id, issuer, f"{actor}-{number}", chance) for number in range(CALLS)]


def _call(alias: str, id: str, issuer: Issuer, actor: str, chance: random.Random) -> Call:
    wanted: Grant | Reason | Rotation | None = chance.choices(
        [
            grant(
                alias,
                name=actor,
                roles=tuple(chance.sample(["admin", "creator", "user"], 2)),
                ttl_days=chance.randint(1, 365),
                metadata=chance.choice([None, {}, {"by": actor}]),
            ),
            chance.choice([Reason.UNSPECIFIED, Reason.SUPERSEDED, Reason.CESSATION]),
            Reason.COMPROMISED,
            Rotation(id=actor, grace_seconds=DAY, force=chance.random() < 0.2),
            None,
        ],
        weights=[35, 25, 2, 15, 23],
    )[0]
    answer: ApiKey | Refusal | Read
    renewed = False
    began = time.monotonic()
    try:
        if isinstance(wanted, Grant):
            issued = issuer.create_or_renew(wanted, by(actor))
            answer, renewed = issued.key, issued.renewed
            assert issued.text.matches(answer.secret_hash)
        elif isinstance(wanted, Rotation):
            issued = issuer.rotate(id, wanted, by(actor))
            answer = issued.key
            assert issued.text.matches(answer.secret_hash)
        elif wanted:
            answer = service.revoke(id, wanted, by(actor), issuer.store, service.clock())
        else:
            answer = Read(issuer.store.get(id))
    except KeyNotFound:
        answer = Refusal.NOT_FOUND
    except KeyCompromised:
        answer = Refusal.COMPROMISED
    except KeyInactive:
        answer = Refusal.INACTIVE
    except GraceRunning:
        answer = Refusal.GRACE_RUNNING
    except Unavailable:
        answer = Refusal.UNAVAILABLE
    return Call(actor, wanted, answer, began, time.monotonic(), renewed)


@pytest.mark.dynamodb_local
def test_one_order_of_the_calls_explains_every_answer(
    on_dynamodb_local: Place, callers: list[Issuer], alias: str
) -> None:
    changes = 0
    for number in range(ROUNDS):
        name = f"{alias}-{number}"
        id = on_dynamodb_local.id_of(name)

        works = at_once(
            [
                partial(work, name, id, issuer, f"{caller}", seeded(f"{number} {caller}"))
                for caller, issuer in enumerate(callers)
            ]
        )

        calls = [call for work in works for call in work]
        assert check(calls) == callers[0].store.get(id)
        changes += sum(isinstance(call.answer, ApiKey) for call in calls)
    # A string that is compromised early ends a round; most rounds are no such.
    assert changes > ROUNDS * CALLS


KEY = ApiKey(
    id="0Adm1nAdm1nAdm1nA",
    alias="alias",
    name="first",
    roles=("user",),
    metadata={},
    ttl_days=15,
    is_active=True,
    expires_at=1000 + 15 * DAY,
    created_at=1000,
    updated_at=1000,
    updated_by="a",
    generation=1,
    secret_hash=b"hash",
    ciphertext=b"sealed",
    hint="kt_...abcd",
)
ENDED = replace(
    KEY,
    is_active=False,
    revoked_at=1001,
    revoke_reason=Reason.UNSPECIFIED,
    updated_at=1001,
    updated_by="b",
    version=2,
)
CREATED = Call("a", grant("alias", "first"), KEY, 0, 1)
REVOKED = Call("b", Reason.UNSPECIFIED, ENDED, 2, 3)
AGAIN = replace(KEY, name="again", updated_at=1002, updated_by="c", version=3)
AGAIN = replace(AGAIN, expires_at=1002 + 15 * DAY)
FIRST = Rotation(id="b", grace_seconds=DAY)
NEW = replace(
    KEY,
    generation=2,
    secret_hash=b"other",
    previous_hash=b"hash",
    previous_expires_at=1001 + DAY,
    expires_at=1001 + 15 * DAY,
    rotated_at=1001,
    rotation_ids=("b",),
    updated_at=1001,
    updated_by="b",
    version=2,
)
ROTATED = Call("b", FIRST, NEW, 2, 3)
NEXT = replace(
    NEW,
    generation=3,
    secret_hash=b"third",
    previous_hash=b"other",
    rotation_ids=("b", "c"),
    updated_by="c",
    version=3,
)
AGAIN_ROTATED = Call("c", Rotation(id="c", grace_seconds=DAY), NEXT, 4, 5)
RENEWED = Call("c", grant("alias", "again"), AGAIN, 4, 5, renewed=True)


def test_order_that_explains_the_answers_is_accepted() -> None:
    absent = Call("r", None, Read(None), 0, 0.5)
    during = Call("r", None, Read(KEY), 0.5, 2.5)
    late = Call("d", Reason.CESSATION, Refusal.NOT_FOUND, 3.5, 4.5)

    assert check([RENEWED, CREATED, late, REVOKED, absent, during]) == AGAIN
    forced = replace(AGAIN_ROTATED, wanted=Rotation(id="c", grace_seconds=DAY, force=True))
    refused = Call("d", replace(FIRST, id="d"), Refusal.GRACE_RUNNING, 3.5, 4.5)
    assert check([CREATED, refused, ROTATED, forced]) == NEXT
    assert check([]) is None


WRONG: dict[str, Callable[[], list[Call]]] = {
    "created twice": lambda: [CREATED, replace(RENEWED, renewed=False), REVOKED],
    "renewed what is not there": lambda: [replace(CREATED, renewed=True)],
    "revoked twice": lambda: [CREATED, REVOKED, replace(REVOKED, answer=replace(ENDED, version=3))],
    "one version twice": lambda: [
        CREATED,
        REVOKED,
        replace(RENEWED, answer=replace(AGAIN, version=2)),
    ],
    "a version is missing": lambda: [CREATED, RENEWED],
    "the string changed": lambda: [
        CREATED,
        REVOKED,
        replace(RENEWED, answer=replace(AGAIN, secret_hash=b"other")),
    ],
    "against the clock": lambda: [CREATED, replace(REVOKED, began=6, ended=7), RENEWED],
    "renewed a compromised string": lambda: [
        CREATED,
        replace(
            REVOKED,
            wanted=Reason.COMPROMISED,
            answer=replace(ENDED, revoke_reason=Reason.COMPROMISED),
        ),
        RENEWED,
    ],
    "saw the key active after its revocation": lambda: [
        CREATED,
        REVOKED,
        Call("r", None, Read(KEY), 3.5, 3.6),
    ],
    "saw no key after its creation": lambda: [CREATED, Call("r", None, Read(None), 1.5, 2)],
    "nothing to revoke while active": lambda: [
        CREATED,
        Call("d", Reason.CESSATION, Refusal.NOT_FOUND, 1.5, 1.9),
        REVOKED,
    ],
    "rotated while a grace runs": lambda: [CREATED, ROTATED, AGAIN_ROTATED],
    "rotated and kept the string": lambda: [
        CREATED,
        replace(ROTATED, answer=replace(NEW, secret_hash=b"hash")),
    ],
    "rotated for longer than was asked": lambda: [
        CREATED,
        replace(ROTATED, answer=replace(NEW, previous_expires_at=1001 + 2 * DAY)),
    ],
    "a grace runs, but none did": lambda: [
        CREATED,
        Call("d", replace(FIRST, id="d"), Refusal.GRACE_RUNNING, 1.5, 1.9),
    ],
    "compromised, but never was": lambda: [
        CREATED,
        Call("d", grant("alias"), Refusal.COMPROMISED, 0, 9),
    ],
}


@pytest.mark.parametrize("calls", WRONG.values(), ids=WRONG)
def test_answers_that_no_order_explains_are_found(calls: Callable[[], list[Call]]) -> None:
    with pytest.raises(HistoryError):
        check(calls())
