"""Whoever holds an old string must not be able to take the new one from its consumers."""

import pytest

import create_key
import revoke_key
from tests.support import NOW, Clock, answer, delete, post
from tests.support_aws import Aws, Table, afterwards, lost_reply, whole
from tests.support_rotated import rotated
from tests.support_self import held, is_refused, own


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key() -> str:
    return str(answer(create_key.handler, post({"alias": "billing", "name": "B"})).body["key"])


def test_a_holder_of_an_old_string_is_told_when_it_ends(key: str, table: Table) -> None:
    rotated(key, NOW + 60, table)

    record = own("GET", held(key)).body

    assert (record["generation"], record["previous_expires_at"]) == (2, "2027-01-15T08:01:00Z")


def test_both_strings_end_with_the_current_one(key: str, table: Table) -> None:
    new = rotated(key, NOW + 60, table)

    assert own("DELETE", held(new)).status == 200

    assert is_refused(new)
    assert is_refused(key)


def test_an_old_string_ends_only_itself(key: str, table: Table, clock: Clock) -> None:
    new = rotated(key, NOW + 60, table)
    caller = held(key)
    clock.now += 1

    assert own("DELETE", caller).status == 200

    row = table.row()
    assert row["previous_expires_at"] == {"N": str(NOW + 1)}
    assert row["is_active"] == {"BOOL": True}
    assert "revoke_reason" not in row
    assert is_refused(key)
    assert held(new)["generation"] == "2"


def test_a_string_rotated_since_the_authorizer_looked_ends_only_itself(
    key: str, table: Table
) -> None:
    caller = held(key)
    new = rotated(key, NOW + 60, table)

    assert own("DELETE", caller).status == 200

    assert is_refused(key)
    assert held(new)["generation"] == "2"


def test_a_string_rotated_twice_since_ends_nothing(key: str, table: Table) -> None:
    caller = held(key)
    between = rotated(key, NOW + 60, table)
    new = rotated(between, NOW + 60, table)
    before = table.row()

    given = own("DELETE", caller)

    assert (given.status, given.body["code"]) == (404, "not_found")
    assert table.row() == before
    assert held(between)["generation"] == "2"
    assert held(new)["generation"] == "3"


def test_a_grace_that_was_ended_already_is_not_found(key: str, table: Table, clock: Clock) -> None:
    rotated(key, NOW + 60, table)
    caller = held(key)
    assert own("DELETE", caller).status == 200
    before = table.row()
    clock.now += 1

    assert own("DELETE", caller).status == 404
    assert table.row() == before


def test_an_old_string_ends_only_itself_also_of_a_revoked_key(key: str, table: Table) -> None:
    """A renewal of the key must not let its grace run on."""
    rotated(key, NOW + 60, table)
    caller = held(key)
    answer(revoke_key.handler, delete(key, "superseded"))

    assert own("DELETE", caller).status == 200

    row = table.row()
    assert row["previous_expires_at"] == {"N": str(NOW)}
    assert (row["is_active"], row["revoke_reason"]) == ({"BOOL": False}, {"S": "superseded"})


def test_a_lost_reply_to_the_end_of_a_grace_is_no_404(key: str, aws: Aws, table: Table) -> None:
    rotated(key, NOW + 60, table)
    caller = held(key)
    # The first write is the whole key's revocation, which meets another generation.
    aws.plan("UpdateItem", whole, lost_reply)

    assert own("DELETE", caller).status == 200
    assert table.row()["version"] == {"N": "2"}
    assert table.row()["is_active"] == {"BOOL": True}


def test_a_key_rotated_before_a_lost_reply_is_repeated_stays_ended(
    key: str, aws: Aws, table: Table
) -> None:
    caller = held(key)
    aws.plan("UpdateItem", afterwards(lambda: rotated(key, NOW + 60, table)))

    assert own("DELETE", caller).status == 200
    assert table.row()["is_active"] == {"BOOL": False}
