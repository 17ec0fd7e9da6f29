"""A row that is malformed, or of another layout: nobody can know, and nobody writes over it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.served import PATH, Answer, Service

pytestmark = pytest.mark.row("F15")

Item = dict[str, Any]


@pytest.fixture
def made(service: Service, alias: str) -> Item:
    return service.create(alias, roles=["admin"])


# What verification looks at, and what it does not.
VITAL: dict[str, Item] = {
    "an older layout": {"schema": {"N": "0"}},
    "a newer layout": {"schema": {"N": "2"}},
    "no layout": {"schema": None},
    "no hash": {"secret_hash": None},
    "half a hash": {"secret_hash": {"B": b"half"}},
    "an end in words": {"expires_at": {"S": "tomorrow"}},
    "no end": {"expires_at": None},
    "roles in one word": {"roles": {"S": "admin"}},
    "a state in words": {"is_active": {"S": "true"}},
    "no state": {"is_active": None},
    "no generation": {"generation": None},
}
REST: dict[str, Item] = {
    "no name": {"name": None},
    "metadata of another kind": {"metadata": {"M": {}}},
    "no days": {"ttl_days": {"S": "15"}},
    "no ciphertext": {"ciphertext": None},
    "no version": {"version": None},
    "a reason of tomorrow's": {"revoke_reason": {"S": "boredom"}},
}


def verbs(service: Service, made: Item, alias: str) -> dict[str, Callable[[], Answer]]:
    id, admin = made["id"], service.bearer()
    return {
        "renew": lambda: service.post({"alias": alias, "name": "later"}),
        "rotate": lambda: service.post({}, path=f"{PATH}/{id}/rotate"),
        "read": lambda: service.send("GET", f"{PATH}/{id}", headers=admin),
        "events": lambda: service.send("GET", f"{PATH}/{id}/events", headers=admin),
    }


def spoil(service: Service, alias: str, changes: Item) -> Item:
    """Change an alias's row as no version of ours does, and return it."""
    row = service.row(alias)
    assert row is not None
    row = {name: value for name, value in (row | changes).items() if value is not None}
    service.dynamodb.put_item(TableName=service.stack.table, Item=row)
    return row


@pytest.mark.parametrize("changes", VITAL.values(), ids=VITAL)
def test_nobody_can_know_what_a_row_says_that_cannot_be_read(
    service: Service, made: Item, alias: str, changes: Item
) -> None:
    row = spoil(service, alias, changes)

    for name, verb in verbs(service, made, alias).items():
        assert verb().is_error(503, "unavailable"), name
    assert service.post({}, key=made["key"]).is_error(503, "unavailable")
    asked = {"key": made["key"]}
    assert service.post(asked, path=f"{PATH}/verify").is_error(503, "unavailable")

    assert service.row(alias) == row


@pytest.mark.parametrize("changes", REST.values(), ids=REST)
def test_what_verification_does_not_look_at_keeps_no_key_out(
    service: Service, made: Item, alias: str, changes: Item
) -> None:
    row = spoil(service, alias, changes)

    for name, verb in verbs(service, made, alias).items():
        assert verb().is_error(503, "unavailable"), name
    assert service.admits(made["key"])
    assert service.post({"key": made["key"]}, path=f"{PATH}/verify").body["valid"]

    assert service.row(alias) == row


@pytest.mark.parametrize(
    "changes", [VITAL[name] for name in ("an older layout", "a newer layout", "a state in words")]
)
def test_revocation_writes_over_no_other_layout_and_does_not_say_that_it_is_done(
    service: Service, made: Item, alias: str, changes: Item
) -> None:
    row = spoil(service, alias, changes)

    assert service.delete(made["id"]).is_error(503, "unavailable")
    assert service.delete(made["key"]).is_error(503, "unavailable")

    assert service.row(alias) == row


@pytest.mark.parametrize("changes", REST.values(), ids=REST)
def test_key_that_is_let_in_can_be_revoked_whatever_else_is_wrong_with_its_row(
    service: Service, made: Item, alias: str, changes: Item
) -> None:
    spoil(service, alias, changes)

    # 503 where what is wrong is left: then it cannot be told what the row is now.
    assert service.delete(made["id"]).status in {200, 503}

    assert not service.admits(made["key"])
    assert service.delete(made["id"]).status in {404, 503}
    row = service.row(alias)
    assert row is not None
    assert row["is_active"] == {"BOOL": False}
