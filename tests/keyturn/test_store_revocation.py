from dataclasses import replace
from functools import partial

import pytest

from keyturn import aws as sdk
from keyturn import keytext
from keyturn.errors import KeyNotFound, Unavailable
from keyturn.keys import DAY, ApiKey, By, Grant, Reason
from keyturn.store import KeyStore
from tests.support import NOW, api_key, by
from tests.support_aws import Aws, Table, afterwards, lost_reply

CLIENT = sdk.dynamodb()
LATER = NOW + 100
TEXT = keytext.mint("kt", keytext.id_of("", "billing"))
OLD = keytext.mint("kt", TEXT.id)
KEY = api_key(TEXT, metadata={"team": "a"})
GRANT = Grant(alias="billing", name="Renewed", roles=("admin",), ttl_days=30)


def renew(store: KeyStore, grant: Grant, now: int, by: By) -> ApiKey | None:
    return store.renew(KEY, KEY.renewed(grant, now, by), grant)


@pytest.fixture
def store(aws: Aws) -> KeyStore:  # noqa: ARG001 - it is in there
    return KeyStore(CLIENT, "keyturn-Table")


@pytest.fixture
def rotated(store: KeyStore, table: Table) -> None:
    """A key whose former string has a grace of ten seconds from `LATER`."""
    store.create(replace(KEY, generation=2))
    table.put(
        table.row()
        | {"previous_hash": {"B": OLD.digest}, "previous_expires_at": {"N": str(LATER + 10)}}
    )


@pytest.mark.parametrize("only", [None, TEXT.digest, 1], ids=["id", "digest", "generation"])
def test_a_revocation_keeps_the_row_and_leaves_the_due_index(
    only: bytes | int | None, store: KeyStore, table: Table
) -> None:
    store.create(KEY)
    before = table.row()

    revoked = store.revoke(KEY.id, only, Reason.CESSATION, LATER, by("actor"))

    assert revoked == replace(
        KEY,
        is_active=False,
        revoked_at=LATER,
        revoke_reason=Reason.CESSATION,
        updated_at=LATER,
        updated_by="actor",
        updated_request="request",
        version=2,
    )
    after = table.row()
    assert before.keys() - after.keys() == {"due_shard", "due_at"}
    new = {name for name in after.keys() - before.keys() if not name.startswith("mark_")}
    assert new == {"revoked_at", "revoke_reason"}


@pytest.mark.parametrize(
    "only", [OLD.digest, b"", b"\0" * 32, 0, 2], ids=["other", "empty", "zeros", "0", "2"]
)
def test_another_secret_or_generation_revokes_nothing(
    only: bytes | int, store: KeyStore, table: Table
) -> None:
    store.create(KEY)
    before = table.row()

    with pytest.raises(KeyNotFound):
        store.revoke(KEY.id, only, Reason.UNSPECIFIED, LATER, by("x"))
    assert table.row() == before


@pytest.mark.parametrize("only", [None, TEXT.digest, 1], ids=["id", "digest", "generation"])
def test_a_revocation_of_what_does_not_exist_makes_no_row(
    only: bytes | int | None, store: KeyStore, table: Table
) -> None:
    with pytest.raises(KeyNotFound):
        store.revoke(KEY.id, only, Reason.UNSPECIFIED, LATER, by("x"))
    assert table.rows() == []


def test_a_repeated_revocation_finds_nothing_to_revoke(store: KeyStore, table: Table) -> None:
    store.create(KEY)
    store.revoke(KEY.id, None, Reason.SUPERSEDED, NOW, by("x"))
    before = table.row()

    with pytest.raises(KeyNotFound):
        store.revoke(KEY.id, None, Reason.COMPROMISED, LATER, by("y"))
    assert table.row() == before


def test_an_expired_key_can_be_revoked(store: KeyStore) -> None:
    store.create(replace(KEY, created_at=NOW - 100 * DAY))

    assert not store.revoke(KEY.id, TEXT.digest, Reason.UNSPECIFIED, NOW, by("x")).is_active


def test_a_revocation_whose_reply_was_lost_knows_itself(
    store: KeyStore, aws: Aws, table: Table
) -> None:
    store.create(KEY)
    aws.plan("UpdateItem", lost_reply)

    assert not store.revoke(KEY.id, None, Reason.UNSPECIFIED, LATER, by("x")).is_active
    assert table.row()["version"] == {"N": "2"}


def test_a_revocation_whose_reply_was_lost_does_not_undo_a_renewal_since(
    store: KeyStore, aws: Aws
) -> None:
    """The renewal came after the revocation had been carried out: it stands."""
    store.create(KEY)
    aws.plan("UpdateItem", afterwards(lambda: renew(store, GRANT, LATER, by("y"))))

    store.revoke(KEY.id, None, Reason.UNSPECIFIED, LATER, by("x"))

    current = store.get(KEY.id)
    assert current is not None
    assert current.is_active


def test_a_revocation_after_a_renewal_counts_anew(store: KeyStore) -> None:
    store.create(KEY)
    store.revoke(KEY.id, None, Reason.UNSPECIFIED, LATER, by("x"))
    renew(store, GRANT, LATER, by("x"))

    assert store.revoke(KEY.id, TEXT.digest, Reason.UNSPECIFIED, LATER, by("x")).version == 4


def test_a_revocation_of_unknown_outcome_is_unavailable(store: KeyStore, aws: Aws) -> None:
    store.create(KEY)
    aws.plan("UpdateItem", lost_reply, lost_reply)

    with pytest.raises(Unavailable):
        store.revoke(KEY.id, None, Reason.UNSPECIFIED, LATER, by("x"))


@pytest.mark.usefixtures("rotated")
def test_the_former_string_revokes_during_its_grace_and_not_from_its_end(store: KeyStore) -> None:
    by_former = partial(store.revoke, KEY.id, OLD.digest, Reason.UNSPECIFIED)

    with pytest.raises(KeyNotFound):
        by_former(LATER + 10, by("x"))
    assert not by_former(LATER + 9, by("x")).is_active


@pytest.mark.usefixtures("rotated")
def test_a_wrong_secret_revokes_nothing_during_a_grace_either(
    store: KeyStore, table: Table
) -> None:
    before = table.row()
    wrong = keytext.mint("kt", TEXT.id).digest

    with pytest.raises(KeyNotFound):
        store.revoke(KEY.id, wrong, Reason.UNSPECIFIED, LATER, by("actor"))

    assert table.row() == before


@pytest.mark.usefixtures("rotated")
def test_ending_a_grace_ends_the_former_string_alone(store: KeyStore) -> None:
    key = store.end_grace(KEY.id, 2, LATER, LATER, by("x"))

    assert (key.is_active, key.previous_expires_at, key.version) == (True, LATER, 2)
    assert store.get(KEY.id) == key


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize(
    ("generation", "now"),
    [(1, LATER), (3, LATER), (2, LATER + 10), (2, LATER + 11)],
)
def test_no_grace_to_end(generation: int, now: int, store: KeyStore, table: Table) -> None:
    before = table.row()

    with pytest.raises(KeyNotFound):
        store.end_grace(KEY.id, generation, now, now, by("x"))
    assert table.row() == before


def test_a_key_that_was_never_rotated_has_no_grace(store: KeyStore, table: Table) -> None:
    with pytest.raises(KeyNotFound):
        store.end_grace(KEY.id, 1, LATER, LATER, by("x"))
    store.create(KEY)
    with pytest.raises(KeyNotFound):
        store.end_grace(KEY.id, 1, LATER, LATER, by("x"))
    assert table.row()["version"] == {"N": "1"}


@pytest.mark.usefixtures("rotated")
def test_an_ended_grace_whose_reply_was_lost_knows_itself(store: KeyStore, aws: Aws) -> None:
    aws.plan("UpdateItem", lost_reply)

    assert store.end_grace(KEY.id, 2, LATER, LATER, by("x")).version == 2


def test_key_that_is_not_there_is_not_condemned(store: KeyStore, table: Table) -> None:
    with pytest.raises(KeyNotFound):
        store.condemn(KEY.id, LATER, by("event:e"))

    assert table.rows() == []


def test_condemned_key_says_when_and_by_whom(store: KeyStore) -> None:
    store.create(KEY)
    store.revoke(KEY.id, None, Reason.CESSATION, LATER, by("actor"))

    condemned = store.condemn(KEY.id, LATER + 1, by("event:e"))

    assert condemned == replace(
        KEY,
        is_active=False,
        revoked_at=LATER + 1,
        revoke_reason=Reason.COMPROMISED,
        updated_at=LATER + 1,
        updated_by="event:e",
        updated_request="request",
        version=3,
    )
