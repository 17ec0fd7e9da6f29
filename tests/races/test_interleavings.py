"""Another caller acts exactly between a verb's read and its write: what is answered, what stays."""

import random
import time

import pytest

from keyturn import keytext, service
from keyturn.errors import KeyCompromised, KeyNotFound, Unavailable
from keyturn.issuer import START_OVER, Issuer
from keyturn.keys import DAY, ApiKey, Reason
from keyturn.store import KeyStore
from tests.races.places import Action, Place, grant, once
from tests.support import by

NOT_COMPROMISED = [reason for reason in Reason if reason is not Reason.COMPROMISED]


class Other:
    """Another caller, and what it does to the alias."""

    def __init__(self, place: Place, alias: str) -> None:
        self.place, self.alias = place, alias
        self.issuer = place.other

    def create(self) -> str:
        """Create or renew, and return the key string."""
        issued = self.issuer.create_or_renew(grant(self.alias, "other", ttl_days=30), by("other"))
        return issued.text.reveal()

    def revoke(self, reason: Reason = Reason.UNSPECIFIED) -> None:
        revoke(self.place, self.issuer.store, self.alias, reason, "other")

    def rotate(self, grace: int = 0) -> str:
        """Give the row another string, as a rotation does; the old one stays good for `grace` s."""
        row = self.row()
        text = keytext.mint(self.place.settings.key_prefix, row.id)
        self.place.change(
            self.alias,
            {
                "generation": {"N": str(row.generation + 1)},
                "secret_hash": {"B": text.digest},
                "ciphertext": {"B": self.issuer.vault.seal(text)},
                "previous_hash": {"B": row.secret_hash},
                # Not now: the second may just have changed, and the interrupted call not know it.
                "previous_expires_at": {"N": str(row.created_at - 1 + grace)},
                "version": {"N": str(row.version + 1)},
            },
        )
        return text.reveal()

    def row(self) -> ApiKey:
        row = self.issuer.store.get(self.place.id_of(self.alias))
        assert row is not None
        return row


@pytest.fixture
def other(place: Place, alias: str) -> Other:
    return Other(place, alias)


def revoke(place: Place, store: KeyStore, alias: str, reason: Reason, actor: str) -> ApiKey:
    return service.revoke(place.id_of(alias), reason, by(actor), store, service.clock())


def interrupted(place: Place, operation: str, *actions: Action) -> Issuer:
    """Return a caller before whose first such request something else happens."""
    return place.issuer({operation: once(*actions)})


@pytest.mark.parametrize("before", ["Encrypt", "PutItem"])
def test_create_whose_alias_is_taken_meanwhile_renews_it(
    place: Place, alias: str, other: Other, before: str
) -> None:
    theirs: list[str] = []
    issuer = interrupted(place, before, lambda: theirs.append(other.create()))

    issued = issuer.create_or_renew(grant(alias, "mine"), by("me"))

    assert issued.renewed
    assert [issued.text.reveal()] == theirs
    assert (issued.key.version, issued.key.name, issued.key.updated_by) == (2, "mine", "me")
    assert other.row() == issued.key
    assert len(place.rows(alias)) == 1


def test_create_whose_alias_is_taken_and_revoked_meanwhile_activates_it(
    place: Place, alias: str, other: Other
) -> None:
    issuer = interrupted(place, "PutItem", other.create, other.revoke)

    issued = issuer.create_or_renew(grant(alias), by("me"))

    assert issued.renewed
    assert issued.key.is_active
    assert issued.key.version == 3
    assert other.row() == issued.key


def test_create_whose_alias_is_compromised_meanwhile_is_refused(
    place: Place, alias: str, other: Other
) -> None:
    issuer = interrupted(place, "PutItem", other.create, lambda: other.revoke(Reason.COMPROMISED))

    with pytest.raises(KeyCompromised):
        issuer.create_or_renew(grant(alias), by("me"))

    assert not other.row().is_active
    assert other.row().version == 2


@pytest.mark.parametrize("before", ["Decrypt", "UpdateItem"])
def test_renewals_of_one_moment_both_count_and_the_last_one_stays(
    place: Place, alias: str, other: Other, before: str
) -> None:
    theirs = [other.create()]
    issuer = interrupted(place, before, lambda: theirs.append(other.create()))

    issued = issuer.create_or_renew(grant(alias, "mine"), by("me"))

    assert issued.renewed
    assert {issued.text.reveal()} == set(theirs)
    assert (issued.key.version, issued.key.name) == (3, "mine")
    assert other.row() == issued.key


def test_renewal_without_metadata_keeps_what_another_renewal_wrote_meanwhile(
    place: Place, alias: str, other: Other
) -> None:
    other.create()
    theirs = grant(alias, metadata={"owner": "them"})
    issuer = interrupted(
        place, "UpdateItem", lambda: other.issuer.create_or_renew(theirs, by("other"))
    )

    issued = issuer.create_or_renew(grant(alias), by("me"))

    assert issued.key.metadata == {"owner": "them"}
    assert other.row() == issued.key


@pytest.mark.row("F7")
@pytest.mark.parametrize("reason", NOT_COMPROMISED)
@pytest.mark.parametrize("before", ["Decrypt", "UpdateItem"])
def test_renewal_after_a_revocation_of_the_same_moment_activates_the_key(
    place: Place, alias: str, other: Other, before: str, reason: Reason
) -> None:
    theirs = other.create()
    issuer = interrupted(place, before, lambda: other.revoke(reason))

    issued = issuer.create_or_renew(grant(alias), by("me"))

    assert issued.text.reveal() == theirs
    assert issued.key.version == 3
    assert issued.key.is_active
    assert issued.key.revoked_at is None
    assert issued.key.revoke_reason is None
    assert other.row() == issued.key


@pytest.mark.row("F7")
@pytest.mark.parametrize("before", ["Decrypt", "UpdateItem"])
def test_string_compromised_while_it_is_renewed_is_not_handed_out(
    place: Place, alias: str, other: Other, before: str
) -> None:
    other.create()
    issuer = interrupted(place, before, lambda: other.revoke(Reason.COMPROMISED))

    with pytest.raises(KeyCompromised):
        issuer.create_or_renew(grant(alias, "mine", ttl_days=365), by("me"))

    row = other.row()
    assert not row.is_active
    assert (row.version, row.name, row.ttl_days) == (2, "other", 30)
    assert row.expires_at == row.created_at + 30 * DAY


@pytest.mark.parametrize("before", ["Decrypt", "UpdateItem"])
def test_renewal_answers_the_string_that_a_rotation_of_the_same_moment_stored(
    place: Place, alias: str, other: Other, before: str
) -> None:
    theirs = [other.create()]
    issuer = interrupted(place, before, lambda: theirs.append(other.rotate()))

    issued = issuer.create_or_renew(grant(alias), by("me"))

    assert issued.text.reveal() == theirs[1] != theirs[0]
    assert (issued.key.generation, issued.key.version) == (2, 3)
    assert other.row() == issued.key


def test_revocation_after_another_one_of_the_same_moment_finds_nothing_to_revoke(
    place: Place, alias: str, other: Other
) -> None:
    other.create()
    issuer = interrupted(place, "UpdateItem", lambda: other.revoke(Reason.CESSATION))

    with pytest.raises(KeyNotFound):
        revoke(place, issuer.store, alias, Reason.COMPROMISED, "me")

    row = other.row()
    assert (row.version, row.revoke_reason, row.updated_by) == (2, Reason.CESSATION, "other")


@pytest.mark.row("F7")
def test_revocation_after_a_renewal_of_the_same_moment_revokes(
    place: Place, alias: str, other: Other
) -> None:
    other.create()
    issuer = interrupted(place, "UpdateItem", other.create)

    revoked = revoke(place, issuer.store, alias, Reason.SUPERSEDED, "me")

    assert not revoked.is_active
    assert (revoked.version, revoked.revoke_reason) == (3, Reason.SUPERSEDED)
    assert other.row() == revoked


def test_string_rotated_away_without_grace_cannot_revoke_its_successor(
    place: Place, other: Other
) -> None:
    theirs = other.create()
    issuer = interrupted(place, "UpdateItem", other.rotate)

    with pytest.raises(KeyNotFound):
        service.revoke(theirs, Reason.UNSPECIFIED, by("me"), issuer.store, service.clock())

    assert other.row().is_active


def test_string_in_its_grace_revokes_the_key(place: Place, other: Other) -> None:
    theirs = other.create()
    issuer = interrupted(place, "UpdateItem", lambda: other.rotate(grace=3600))

    revoked = service.revoke(theirs, Reason.UNSPECIFIED, by("me"), issuer.store, service.clock())

    assert not revoked.is_active
    assert other.row() == revoked


@pytest.mark.prove
def test_caller_who_loses_every_race_is_told_so_in_time(
    on_moto: Place, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)  # the longest pauses
    other = Other(on_moto, alias)
    other.create()
    issuer = on_moto.issuer({"UpdateItem": other.rotate})
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        issuer.create_or_renew(grant(alias), by("me"))

    assert caught.value.detail == "lost every race"
    assert START_OVER < time.monotonic() - started < START_OVER + 1
    assert other.row().updated_by == "other"
