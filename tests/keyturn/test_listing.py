from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn import aws as sdk
from keyturn.errors import Unavailable
from keyturn.keys import DAY, ApiKey, Reason, Rotation, Status
from keyturn.listing import Listing
from keyturn.row import of_key
from tests.support import NOW, api_key, by
from tests.support_aws import Aws, Table, lost_request
from tests.support_desk import GRANT, Desk
from tests.support_rotation import BILLING, put

LISTING = Listing(sdk.dynamodb(), "keyturn-Table")


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def plant(*aliases: str) -> None:
    """Put rows directly; who their keys are does not matter to a list."""
    for alias in aliases:
        item = of_key(replace(api_key(), id=f"{alias.encode().hex():0<17}"[:17], alias=alias), "c")
        put(item)


def pages(
    limit: int, prefix: str = "", status: Status | None = None, now: int = NOW
) -> Iterator[list[ApiKey]]:
    after: list[str] | None = None
    while True:
        page = LISTING.page(limit, after, prefix, status, now)
        yield page.keys
        after = page.last
        if after is None:
            return


def aliases(limit: int, prefix: str = "", status: Status | None = None) -> list[str]:
    return [key.alias for keys in pages(limit, prefix, status) for key in keys]


def test_list_tells_what_verbs_changed_and_no_hash_or_string(desk: Desk) -> None:
    desk.issue(replace(GRANT, rotate_every_days=5, keeps_rotation=False))
    desk.issuer.rotate(BILLING, Rotation(id="a", grace_seconds=60), by("admin"))
    desk.revoke(BILLING, Reason.CESSATION)
    stored = desk.issuer.store.get(BILLING)
    assert stored is not None

    ((listed,),) = pages(5)

    assert listed == replace(
        stored,
        secret_hash=bytes(32),
        ciphertext=b"",
        previous_hash=None,
        updated_request="",
        rotated_at=None,
        rotation_ids=(),
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_hold_every_key_once_in_the_order_of_aliases(limit: int) -> None:
    names = ["", "0", "A", "Z", "a", "aa", "b", "é", "漢", "\U0001f511"][1:]
    plant(*reversed(names))

    assert aliases(limit) == names


@pytest.mark.usefixtures("aws")
def test_prefix_is_of_the_alias_and_of_its_case() -> None:
    plant("team-a/x", "team-a/y", "team-b", "Team-a", "team", "te")

    assert aliases(1, "team-a") == ["team-a/x", "team-a/y"]
    assert aliases(10, "team") == ["team", "team-a/x", "team-a/y", "team-b"]
    assert aliases(10, "zzz") == []


def test_status_is_revoked_before_expired_before_active(desk: Desk) -> None:
    for alias in ("a-active", "b-expired", "c-revoked", "d-both"):
        ttl = 1 if alias[0] in "bd" else 15
        issued = desk.issue(replace(GRANT, alias=alias, ttl_days=ttl))
        if alias[0] in "cd":
            desk.revoke(issued.key.id)
    now = NOW + DAY

    def of(status: Status, at: int) -> list[str]:
        return [key.alias for keys in pages(1, "", status, at) for key in keys]

    assert of(Status.ACTIVE, now) == ["a-active"]
    assert of(Status.EXPIRED, now) == ["b-expired"]
    assert of(Status.EXPIRED, now - 1) == []
    assert of(Status.REVOKED, now) == ["c-revoked", "d-both"]


@pytest.mark.row("F19")
@pytest.mark.usefixtures("aws")
def test_page_with_a_status_may_be_empty_while_more_follow() -> None:
    plant("a", "b", "c")

    # Whether an empty page ends the list is the database's to say.
    assert [len(keys) for keys in pages(1, "", Status.EXPIRED, NOW)][:3] == [0, 0, 0]
    assert [len(keys) for keys in pages(1, "", Status.ACTIVE, NOW)][:3] == [1, 1, 1]


@pytest.mark.prove
@pytest.mark.row("F19")
@pytest.mark.usefixtures("aws")
@settings(max_examples=25)
@given(data=st.data())
def test_list_has_no_duplicates_and_no_gaps_while_keys_are_created(data: st.DataObject) -> None:
    Table().clear()
    name = st.text("abAB1é", min_size=1, max_size=3)
    there = data.draw(st.sets(name, min_size=1, max_size=8))
    plant(*there)
    limit = data.draw(st.integers(1, 4))
    seen: list[str] = []
    for keys in pages(limit):
        seen += [key.alias for key in keys]
        plant(*data.draw(st.sets(name, max_size=2)))

    assert seen == sorted(set(seen), key=str.encode)
    assert there <= set(seen)
    assert there | set(seen) <= set(aliases(100))


@pytest.mark.usefixtures("aws")
def test_page_goes_on_after_a_key_that_is_gone() -> None:
    plant("a", "b", "c")

    page = LISTING.page(5, ["aa", "0" * 17], "", None, NOW)

    assert [key.alias for key in page.keys] == ["b", "c"]


def test_index_that_does_not_answer_is_said(aws: Aws) -> None:
    aws.plan("Query", lost_request, lost_request)

    with pytest.raises(Unavailable):
        LISTING.page(5, None, "", None, NOW)


def test_row_that_cannot_be_read_is_said(desk: Desk, table: Table) -> None:
    desk.issue()
    put(table.row() | {"roles": {"S": "user"}})

    with pytest.raises(Unavailable):
        LISTING.page(5, None, "", None, NOW)
