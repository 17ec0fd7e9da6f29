"""Callers at random over a wire that loses a third of all requests and replies: no lie, no loss."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from keyturn import service
from keyturn.errors import KeyNotFound, Unavailable
from keyturn.issuer import Issuer
from keyturn.keys import Reason
from tests.faults import wire
from tests.faults.wire import Forward, Passed, Reply, Wire, wire_to
from tests.races.places import Place, at_once, grant
from tests.support import by

CALLERS = 6
CALLS = 10


@dataclass(frozen=True)
class Told:
    """What a caller was told: `created`, `renewed`, `revoked`, `not found` or `unavailable`."""

    actor: str
    answer: str
    key: str = ""


@pytest.fixture
def lossy(on_dynamodb_local: Place) -> Iterator[Wire]:
    chance = random.Random("lossy")  # noqa: S311 - what is drawn is a test, not a secret

    def fault(forward: Forward) -> Reply | None:
        (drawn,) = chance.choices(
            [wire.whole, wire.lost_reply, wire.lost_request, wire.failed_reply], [70, 20, 5, 5]
        )
        return drawn(forward)

    with wire_to(on_dynamodb_local.dynamodb) as lossy:
        lossy.always("*", fault)
        yield lossy


def work(place: Place, alias: str, issuer: Issuer, caller: int) -> list[Told]:
    chance = random.Random(f"{alias[-1]} {caller}")  # noqa: S311 - as above
    told = []
    for number in range(CALLS):
        actor = f"{caller}-{number}"
        try:
            if chance.random() < 0.6:
                issued = issuer.create_or_renew(grant(alias, name=actor), by(actor))
                answer = "renewed" if issued.renewed else "created"
                told.append(Told(actor, answer, issued.text.reveal()))
            else:
                id, now = place.id_of(alias), service.clock()
                service.revoke(id, Reason.UNSPECIFIED, by(actor), issuer.store, now)
                told.append(Told(actor, "revoked"))
        except KeyNotFound:
            told.append(Told(actor, "not found"))
        except Unavailable:
            told.append(Told(actor, "unavailable"))
    return told


def committed(passed: list[Passed]) -> Counter[tuple[str, str]]:
    """Count what DynamoDB did, by operation and who asked for it."""
    done = Counter[tuple[str, str]]()
    for each in passed:
        if each.status == 200 and each.operation in {"PutItem", "UpdateItem"}:
            values = each.body.get("Item") or each.body["ExpressionAttributeValues"]
            actor = values.get("updated_by") or values[":updated_by"]
            done[each.operation, actor["S"]] += 1
    return done


@pytest.mark.prove
@pytest.mark.dynamodb_local
@pytest.mark.parametrize("round_", range(8))
def test_nobody_is_told_what_did_not_happen(
    on_dynamodb_local: Place, lossy: Wire, alias: str, round_: int
) -> None:
    name = f"{alias}-{round_}"
    far = on_dynamodb_local.through(dynamodb=lossy.url)
    callers = [far.issuer() for _ in range(CALLERS)]

    works = at_once(
        [partial(work, far, name, issuer, caller) for caller, issuer in enumerate(callers)]
    )

    told = [each for work in works for each in work]
    done = committed(lossy.passed)
    for each in told:
        created, updated = done["PutItem", each.actor], done["UpdateItem", each.actor]
        match each.answer:
            case "created":
                assert (created, updated) == (1, 0)
            case "renewed" | "revoked":
                # Twice, where others came between and hid that the first one was ours.
                assert (created, updated) in {(0, 1), (0, 2)}
            case "not found":
                assert created == 0
            case _:
                assert each.answer == "unavailable"
    assert sum(count for (operation, _), count in done.items() if operation == "PutItem") == 1
    assert sum(each.answer == "created" for each in told) <= 1
    assert len({each.key for each in told if each.key}) == 1

    (row,) = on_dynamodb_local.rows(name)
    assert int(row["version"]["N"]) == done.total()
    last = on_dynamodb_local.other.create_or_renew(grant(name), by("last"))
    assert last.text.reveal() in {each.key for each in told}
