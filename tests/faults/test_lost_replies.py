"""The reply to a write is lost after the commit: what is answered is true, and counts once."""

from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from keyturn import service
from keyturn.errors import KeyNotFound, Unavailable
from keyturn.issuer import Issued, Issuer
from keyturn.keys import ApiKey, Reason, Rotation
from tests.faults import wire
from tests.faults.wire import Fault, Forward, Wire
from tests.races.places import Place, grant
from tests.support import by

LOST = {
    "no reply": wire.lost_reply,
    "half a reply": wire.half_reply,
    "another reply": wire.garbled_reply,
    "a failure instead": wire.failed_reply,
}
lost = pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
# A refusal comes without a checksum, so "another reply" to the last attempt may still be read.
OF_EVERY_ATTEMPT = {
    "no reply": wire.lost_reply,
    "half a reply": wire.half_reply,
    "a failure instead": wire.failed_reply,
    "no request": wire.lost_request,
}
of_every_attempt = pytest.mark.parametrize("fault", OF_EVERY_ATTEMPT.values(), ids=OF_EVERY_ATTEMPT)


@dataclass(frozen=True)
class Case:
    """An alias, a caller whose replies are lost, and another one whose are not."""

    place: Place
    database: Wire
    alias: str
    mine: Issuer
    theirs: Issuer

    def issue(self, issuer: Issuer, name: str = "name") -> Issued:
        return issuer.create_or_renew(grant(self.alias, name), by("me"))

    def revoke(self, issuer: Issuer, reason: Reason = Reason.UNSPECIFIED) -> ApiKey:
        id = self.place.id_of(self.alias)
        return service.revoke(id, reason, by("me"), issuer.store, service.clock())

    def row(self) -> ApiKey:
        """Return what is stored; the alias has one row and no other item."""
        (item,) = self.place.rows(self.alias)
        key = self.theirs.store.get(item["id"]["S"])
        assert key is not None
        return key


@pytest.fixture
def case(place: Place, far: Place, database: Wire, alias: str) -> Case:
    return Case(place, database, alias, far.issuer(), place.other)


@pytest.mark.row("F1")
@lost
def test_create_is_still_a_create(case: Case, fault: Fault) -> None:
    case.database.plan("PutItem", fault)

    issued = case.issue(case.mine)

    assert not issued.renewed
    assert case.database.calls == ["GetItem", "PutItem", "PutItem"]
    assert case.row() == issued.key
    assert issued.key.version == 1
    again = case.issue(case.theirs)
    assert (again.renewed, again.text.reveal()) == (True, issued.text.reveal())


@pytest.mark.row("F1")
@lost
def test_renewal_counts_once(case: Case, fault: Fault) -> None:
    created = case.issue(case.theirs)
    case.database.plan("UpdateItem", fault)

    issued = case.issue(case.mine, "renewed")

    assert issued.renewed
    assert issued.text.reveal() == created.text.reveal()
    assert (issued.key.version, issued.key.name) == (2, "renewed")
    assert case.database.calls == ["GetItem", "UpdateItem", "UpdateItem"]
    assert case.row() == issued.key


@pytest.mark.row("F1")
@lost
def test_revocation_is_told_as_done_and_counts_once(case: Case, fault: Fault) -> None:
    case.issue(case.theirs)
    case.database.plan("UpdateItem", fault)

    revoked = case.revoke(case.mine)

    assert not revoked.is_active
    assert revoked.version == 2
    assert case.database.calls == ["UpdateItem", "UpdateItem"]
    assert case.row() == revoked


def test_request_that_never_arrived_is_sent_again(case: Case) -> None:
    case.database.always("*", wire.lost_request)
    for operation in ("GetItem", "PutItem", "UpdateItem"):
        case.database.plan(operation, wire.lost_request, *[wire.whole] * 3)

    created = case.issue(case.mine)
    revoked = case.revoke(case.mine)

    assert (created.renewed, created.key.version, revoked.version) == (False, 1, 2)
    assert case.database.calls == [*["GetItem"] * 2, *["PutItem"] * 2, *["UpdateItem"] * 2]


def test_create_whose_key_was_renewed_since_is_still_the_create(case: Case) -> None:
    renewals: list[str] = []

    def renew() -> None:
        renewals.append(case.issue(case.theirs, "other").text.reveal())

    case.database.plan("PutItem", wire.then(renew))

    issued = case.issue(case.mine)

    assert not issued.renewed
    assert [issued.text.reveal()] == renewals
    assert case.row() == issued.key
    assert (issued.key.version, issued.key.name) == (2, "other")


def test_renewal_that_was_revoked_since_does_not_undo_the_revocation(case: Case) -> None:
    case.issue(case.theirs)
    case.database.plan("UpdateItem", wire.then(lambda: case.revoke(case.theirs)))

    issued = case.issue(case.mine, "renewed")

    assert issued.renewed
    assert not issued.key.is_active
    assert case.row() == issued.key
    assert (issued.key.version, issued.key.name) == (3, "renewed")


def test_revocation_that_was_renewed_since_does_not_undo_the_renewal(case: Case) -> None:
    case.issue(case.theirs)
    case.database.plan("UpdateItem", wire.then(lambda: case.issue(case.theirs, "renewed")))

    case.revoke(case.mine)

    key = case.row()
    assert key.is_active
    assert (key.version, key.name) == (3, "renewed")


def test_revocation_that_lost_to_another_one_is_no_success(case: Case) -> None:
    case.issue(case.theirs)
    case.revoke(case.theirs, Reason.CESSATION)
    case.database.plan("UpdateItem", wire.lost_reply)

    with pytest.raises(Unavailable):  # refused, but the first request might still be under way
        case.revoke(case.mine, Reason.COMPROMISED)
    with pytest.raises(KeyNotFound):
        case.revoke(case.mine, Reason.COMPROMISED)

    assert case.row().revoke_reason is Reason.CESSATION


@pytest.mark.row("F2")
@of_every_attempt
def test_create_of_unknown_outcome_is_unavailable_and_its_repeat_converges(
    case: Case, fault: Fault
) -> None:
    case.database.always("PutItem", fault)
    with pytest.raises(Unavailable) as caught:
        case.issue(case.mine)
    assert caught.value.detail
    written = case.place.rows(case.alias)
    assert len(written) == (0 if fault is wire.lost_request else 1)
    case.database.heal()

    issued = case.issue(case.mine)

    assert issued.renewed == bool(written)
    assert case.row() == issued.key
    if written:
        assert issued.key.secret_hash == written[0]["secret_hash"]["B"]


@pytest.mark.row("F2")
@of_every_attempt
def test_renewal_of_unknown_outcome_is_unavailable_and_its_repeat_converges(
    case: Case, fault: Fault
) -> None:
    created = case.issue(case.theirs)
    case.database.always("UpdateItem", fault)
    with pytest.raises(Unavailable):
        case.issue(case.mine, "renewed")
    assert case.row().version == (1 if fault is wire.lost_request else 2)
    case.database.heal()

    issued = case.issue(case.mine, "renewed")

    assert issued.text.reveal() == created.text.reveal()
    assert case.row() == issued.key
    assert issued.key.is_active


@pytest.mark.row("F2")
@of_every_attempt
def test_revocation_of_unknown_outcome_is_unavailable_and_its_repeat_says_that_it_is_done(
    case: Case, fault: Fault
) -> None:
    case.issue(case.theirs)
    case.database.always("UpdateItem", fault)
    with pytest.raises(Unavailable):
        case.revoke(case.mine)
    case.database.heal()

    with nullcontext() if fault is wire.lost_request else pytest.raises(KeyNotFound):
        case.revoke(case.mine)

    key = case.row()
    assert (key.is_active, key.version) == (False, 2)


@pytest.mark.row("F2")
@pytest.mark.parametrize("fault", [wire.half_reply, wire.garbled_reply], ids=["half", "another"])
def test_read_that_is_never_answered_whole_is_no_missing_key(case: Case, fault: Fault) -> None:
    id = case.issue(case.theirs).key.id
    case.database.always("GetItem", fault)

    with pytest.raises(Unavailable, match="try again"):
        case.mine.store.get(id)
    with pytest.raises(Unavailable, match="try again"):
        case.mine.rotate(id, Rotation(id="r", grace_seconds=0), by("me"))

    assert case.database.calls == ["GetItem"] * 4
    assert case.row().version == 1


@pytest.mark.row("F1")
def test_renewal_that_arrives_once_more_after_others_is_refused(case: Case) -> None:
    case.issue(case.theirs)
    late: list[Forward] = []
    case.database.plan("UpdateItem", wire.held(late))
    assert case.issue(case.mine, "renewed").key.version == 2  # by its repeat

    case.issue(case.theirs, "other")
    revoked = case.revoke(case.theirs)

    assert late.pop()().status == 400
    assert case.row() == revoked


@pytest.mark.row("F1")
def test_revocation_that_arrives_once_more_after_others_is_refused(case: Case) -> None:
    case.issue(case.theirs)
    late: list[Forward] = []
    case.database.plan("UpdateItem", wire.held(late))
    assert case.revoke(case.mine).version == 2
    case.issue(case.theirs, "renewed")
    case.revoke(case.theirs)

    renewed = case.issue(case.theirs, "again")

    assert late.pop()().status == 400
    assert case.row() == renewed.key


@pytest.mark.row("F1")
def test_create_that_arrives_once_more_is_refused(case: Case) -> None:
    late: list[Forward] = []
    case.database.plan("PutItem", wire.held(late))
    issued = case.issue(case.mine)

    assert late.pop()().status == 400
    assert (issued.renewed, case.row()) == (False, issued.key)


@pytest.mark.row("F1")
def test_write_that_is_refused_when_repeated_may_still_be_done(case: Case) -> None:
    late: list[Forward] = []
    case.database.plan("UpdateItem", wire.held(late))

    with pytest.raises(Unavailable) as caught:  # nor is it "no such key": that would be a promise
        case.revoke(case.mine)
    assert caught.value.detail == "UpdateItem: refused when repeated"

    case.issue(case.theirs)
    assert late.pop()().status == 200
    assert not case.row().is_active
