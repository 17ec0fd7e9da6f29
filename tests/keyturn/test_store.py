import json
from dataclasses import replace

import pytest

from keyturn import aws as sdk
from keyturn import keytext, marks
from keyturn.errors import Unavailable
from keyturn.keys import DAY, ApiKey, By, Grant, Reason
from keyturn.store import KeyStore
from tests.support import NOW, api_key, by
from tests.support_aws import Aws, Table, afterwards, first, lost_reply, lost_request

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


def asked(aws: Aws) -> dict[str, object]:
    (body,) = aws.sent
    request: dict[str, object] = json.loads(body)
    return request


def test_a_key_is_read_as_it_was_stored(store: KeyStore, aws: Aws) -> None:
    assert store.create(KEY) == KEY
    aws.forget()

    assert store.get(KEY.id) == KEY
    assert asked(aws)["ConsistentRead"] is True


def test_no_row_is_no_key(store: KeyStore, aws: Aws) -> None:
    assert store.get(KEY.id) is None
    assert aws.calls == ["GetItem"]


def test_a_row_that_cannot_be_read_is_no_answer(store: KeyStore, table: Table) -> None:
    store.create(KEY)
    table.put(table.row() | {"schema": {"N": "2"}})

    with pytest.raises(Unavailable):
        store.get(KEY.id)


def test_who_creates_second_changes_nothing(store: KeyStore, table: Table) -> None:
    store.create(KEY)
    before = table.row()

    assert store.create(api_key(name="Other")) is None
    assert table.row() == before


def test_a_create_whose_reply_was_lost_knows_itself(
    store: KeyStore, aws: Aws, table: Table
) -> None:
    aws.plan("PutItem", lost_reply)

    assert store.create(KEY) == KEY
    assert aws.calls == ["PutItem", "PutItem"]
    assert table.row()["version"] == {"N": "1"}


def test_a_create_whose_reply_was_lost_answers_what_the_row_holds_now(
    store: KeyStore, aws: Aws
) -> None:
    aws.plan("PutItem", afterwards(lambda: renew(store, GRANT, LATER, by("x"))))

    created = store.create(KEY)

    assert created is not None
    assert (created.name, created.version) == ("Renewed", 2)


def test_a_create_that_never_arrived_is_repeated(store: KeyStore, aws: Aws, table: Table) -> None:
    aws.plan("PutItem", lost_request)

    assert store.create(KEY) == KEY
    assert table.row()["version"] == {"N": "1"}


def test_a_create_beaten_between_its_attempts_has_lost(store: KeyStore, aws: Aws) -> None:
    other = replace(KEY, name="Other")
    aws.plan("PutItem", lost_request, first(lambda: store.create(other)))

    assert store.create(KEY) is None


def test_a_create_of_unknown_outcome_is_unavailable(store: KeyStore, aws: Aws) -> None:
    aws.plan("PutItem", lost_reply, lost_reply)

    with pytest.raises(Unavailable):
        store.create(KEY)
    assert store.get(KEY.id) == KEY


def test_a_renewal_starts_validity_anew_and_keeps_the_string(store: KeyStore, table: Table) -> None:
    store.create(KEY)
    before = table.row()

    renewed = renew(store, GRANT, LATER, by("actor"))

    assert renewed == replace(
        KEY,
        name="Renewed",
        roles=("admin",),
        ttl_days=30,
        expires_at=LATER + 30 * DAY,
        updated_at=LATER,
        updated_by="actor",
        updated_request="request",
        version=2,
    )
    after = table.row()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {
        *("name", "roles", "ttl_days", "expires_at", "updated_at", "updated_by", "due_at"),
        *("version", *(f"mark_{place}" for place in range(marks.LAST))),
    }


@pytest.mark.parametrize("reason", [None, Reason.UNSPECIFIED, Reason.SUPERSEDED, Reason.CESSATION])
def test_a_renewal_makes_a_revoked_key_active_and_due_again(
    reason: Reason | None, store: KeyStore, table: Table
) -> None:
    store.create(KEY)
    due = table.row()["due_shard"]
    store.revoke(KEY.id, None, reason or Reason.UNSPECIFIED, NOW, by("x"))
    if reason is None:
        row = table.row()
        del row["revoke_reason"]
        table.put(row)

    renewed = renew(store, GRANT, LATER, by("x"))

    assert renewed is not None
    assert (renewed.is_active, renewed.revoked_at, renewed.revoke_reason) == (True, None, None)
    row = table.row()
    assert row["due_shard"] == due
    assert row["due_at"] == {"N": str(LATER + 27 * DAY)}
    assert not row.keys() & {"revoked_at", "revoke_reason"}


@pytest.mark.parametrize(
    "change",
    [
        {"generation": {"N": "2"}},
        {"alias": {"S": "other"}},
        {"is_active": {"BOOL": False}, "revoke_reason": {"S": "compromised"}},
    ],
    ids=["rotated", "another alias", "compromised"],
)
def test_a_renewal_of_what_has_changed_since_writes_nothing(
    change: dict[str, object], store: KeyStore, table: Table
) -> None:
    store.create(KEY)
    table.put(table.row() | change)
    before = table.row()

    assert renew(store, GRANT, LATER, by("x")) is None
    assert table.row() == before


def test_a_renewal_of_what_is_gone_makes_no_row(store: KeyStore, table: Table) -> None:
    assert renew(store, GRANT, LATER, by("x")) is None
    assert table.rows() == []


def test_a_key_marked_compromised_and_active_again_is_renewed(
    store: KeyStore, table: Table
) -> None:
    """As rotation leaves it."""
    store.create(KEY)
    table.put(table.row() | {"revoke_reason": {"S": "compromised"}})

    assert renew(store, GRANT, LATER, by("x")) is not None


def test_metadata_left_out_keeps_what_is_stored_and_none_of_it_clears(store: KeyStore) -> None:
    store.create(KEY)

    kept = renew(store, GRANT, LATER, by("x"))
    cleared = renew(store, replace(GRANT, metadata={}), LATER, by("x"))

    assert kept is not None
    assert cleared is not None
    assert (kept.metadata, cleared.metadata) == ({"team": "a"}, {})


def test_a_renewal_whose_reply_was_lost_is_done_once(
    store: KeyStore, aws: Aws, table: Table
) -> None:
    store.create(KEY)
    aws.plan("UpdateItem", lost_reply)

    renewed = renew(store, GRANT, LATER, by("x"))

    assert renewed is not None
    assert renewed.version == 2
    assert table.row()["version"] == {"N": "2"}
    assert aws.calls[1:] == ["UpdateItem", "UpdateItem"]


def test_a_renewal_whose_reply_was_lost_undoes_none_of_those_that_came_since(
    store: KeyStore, aws: Aws
) -> None:
    store.create(KEY)

    def others() -> None:
        for number in range(3):
            renew(store, replace(GRANT, name=f"Other {number}"), LATER, by("y"))

    aws.plan("UpdateItem", afterwards(others))

    renewed = renew(store, GRANT, LATER, by("x"))

    assert renewed is not None
    assert (renewed.name, renewed.version) == ("Other 2", 5)
    assert store.get(KEY.id) == renewed


def test_the_last_writes_are_remembered(store: KeyStore, table: Table) -> None:
    def kept() -> set[str]:
        return {value["S"] for name, value in table.row().items() if name.startswith("mark_")}

    store.create(KEY)
    created = kept()
    for number in range(marks.LAST - 1):
        renew(store, GRANT, LATER + number, by("x"))

    assert kept() > created
    assert len(kept()) == marks.LAST
    renew(store, GRANT, LATER, by("x"))
    assert not kept() & created
    assert len(kept()) == marks.LAST


def test_a_renewal_of_unknown_outcome_is_unavailable(store: KeyStore, aws: Aws) -> None:
    store.create(KEY)
    aws.plan("UpdateItem", lost_reply, lost_reply)

    with pytest.raises(Unavailable):
        renew(store, GRANT, LATER, by("x"))


def test_renewals_of_one_generation_commute(store: KeyStore) -> None:
    store.create(KEY)
    other = replace(GRANT, name="Other")

    names = [
        renewed.name
        for grant in (GRANT, other, GRANT)
        if (renewed := renew(store, grant, LATER, by("x")))
    ]

    assert names == ["Renewed", "Other", "Renewed"]
