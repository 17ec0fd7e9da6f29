"""What the load's check of the table finds: keys that are lost, doubled, or not as answered."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bench.load_rows import compare
from keyturn.keys import ApiKey
from keyturn.row import of_key
from tests.support import api_key
from tests.support_aws import Table, onlooker


def answered(key: ApiKey) -> dict[str, Any]:
    """What its client knows of a key."""
    return {
        "id": key.id,
        "alias": key.alias,
        "name": key.name,
        "roles": list(key.roles),
        "is_active": key.is_active,
        "generation": key.generation,
        "version": key.version,
        "secret_hash": key.secret_hash.hex(),
        "expire": datetime.fromtimestamp(key.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sure": True,
    }


def put(table: Table, *keys: ApiKey, told: int = 1) -> None:
    for key in keys:
        table.put(of_key(key, "mark"))
        for number in range(told):
            table.put({"id": {"S": key.id}, "item": {"S": f"event#{number}"}})


def differing(*keys: dict[str, Any]) -> list[str]:
    found: list[str] = compare(onlooker("dynamodb"), "keyturn-Table", keys, 0)["rows_that_differ"]
    return found


@pytest.fixture
def key(table: Table) -> ApiKey:
    """A client's key; the first admin's is in the table, too."""
    put(table, api_key(id="0Adm1nAdm1nAdm1nA", alias="admin"))
    return api_key()


def test_a_table_as_it_was_answered_differs_in_nothing(table: Table, key: ApiKey) -> None:
    put(table, key)
    assert differing(answered(key)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "another"),
        ("roles", []),
        ("is_active", False),
        ("generation", 2),
        ("secret_hash", "00" * 32),
        ("expire", "2030-01-01T00:00:00Z"),
    ],
)
def test_a_field_that_is_not_as_it_was_answered_is_found(
    table: Table, key: ApiKey, name: str, value: object
) -> None:
    put(table, key)
    assert differing({**answered(key), name: value}) == [f"billing: {name} differs"]


def test_a_change_too_many_or_too_few_is_found(table: Table, key: ApiKey) -> None:
    put(table, key)
    assert differing({**answered(key), "version": 2}) == [
        "billing: version differs",
        "billing: 2 changes, and 1 of them kept",
    ]
    put(table, key, told=2)
    assert differing(answered(key)) == ["billing: 1 changes, and 2 of them kept"]


def test_a_row_that_is_lost_or_nobodys_is_found(table: Table, key: ApiKey) -> None:
    assert differing(answered(key))[0] == "no row: billing"
    put(table, key, api_key(id="1" * 17, alias="nobody's"))
    assert differing(answered(key)) == ["2 rows of keys that nobody was answered"]


def test_a_key_whose_state_nobody_knows_is_not_looked_at(table: Table, key: ApiKey) -> None:
    put(table, key)
    assert differing({**answered(key), "name": "another", "sure": False}) == []
