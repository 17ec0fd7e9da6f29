import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn import row
from keyturn.errors import Unavailable
from keyturn.keys import DAY, ApiKey, Reason
from tests.support import NOW, api_key

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
TIMES = st.integers(0, 4_000_000_000)
HASHES = st.binary(min_size=32, max_size=32)
KEY = api_key(metadata={"a": "b"})
OPTIONAL = {
    "previous_hash": {"B": b"\x02" * 32},
    "previous_expires_at": {"N": "1800000005"},
    "revoked_at": {"N": "1800000006"},
    "revoke_reason": {"S": "superseded"},
    "rotate_every_days": {"N": "90"},
}


@st.composite
def created(draw: st.DrawFn) -> ApiKey:
    at, ttl_days = draw(TIMES), draw(st.integers(1, 3650))
    return api_key(
        alias=draw(TEXTS),
        name=draw(TEXTS),
        roles=tuple(draw(st.lists(TEXTS, max_size=3))),
        metadata=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
        ttl_days=ttl_days,
        created_at=at,
        updated_at=at,
        expires_at=at + ttl_days * DAY,
        updated_by=draw(TEXTS),
        secret_hash=draw(HASHES),
        ciphertext=draw(st.binary(min_size=1, max_size=300)),
    )


def item(**changes: object) -> row.Item:
    """Return a whole row with every optional attribute, but for these changes."""
    whole: dict[str, Any] = {**row.of_key(KEY, "c"), **OPTIONAL, **changes}
    return whole


def without(name: str) -> row.Item:
    whole = item()
    del whole[name]
    return whole


def over_the_wire(item: row.Item) -> row.Item:
    """Return the item as JSON carries it: binary values as base64."""
    encoded = json.dumps(item, default=lambda binary: b64encode(binary).decode())
    wire: row.Item = json.loads(encoded)
    return wire


@given(created(), st.sampled_from([dict, over_the_wire]))
def test_a_stored_key_is_read_as_it_was(key: ApiKey, carry: Callable[[row.Item], row.Item]) -> None:
    stored = carry(row.of_key(key, "create-id"))

    assert row.to_key(stored) == key
    credential = row.to_credential(stored)
    assert {name: getattr(key, name) for name in credential.__slots__} == {
        name: getattr(credential, name) for name in credential.__slots__
    }


@given(
    st.none() | TIMES, st.none() | st.sampled_from(Reason), st.none() | HASHES, st.none() | TIMES
)
def test_what_later_verbs_write_is_read(
    at: int | None, reason: Reason | None, former: bytes | None, days: int | None
) -> None:
    key = api_key(
        is_active=False,
        revoked_at=at,
        revoke_reason=reason,
        previous_hash=former,
        previous_expires_at=at,
        rotate_every_days=days,
    )
    later = {
        "is_active": {"BOOL": False},
        "revoked_at": {"N": str(at)} if at is not None else None,
        "revoke_reason": {"S": reason} if reason else None,
        "previous_hash": {"B": former} if former else None,
        "previous_expires_at": {"N": str(at)} if at is not None else None,
        "rotate_every_days": {"N": str(days)} if days is not None else None,
    }
    stored = row.of_key(key, "c") | {name: value for name, value in later.items() if value}

    assert row.to_key(over_the_wire(stored)) == key


def test_a_created_row_has_these_attributes() -> None:
    written = row.of_key(api_key(), "c")

    assert set(written) == {
        *("id", "item", "schema", "kind", "alias", "name", "roles", "metadata", "is_active"),
        *(
            "created_at",
            "updated_at",
            "updated_by",
            "updated_request",
            "expires_at",
            "ttl_days",
            "generation",
        ),
        *("secret_hash", "ciphertext", "hint", "mark_0", "version", "due_shard", "due_at"),
    }
    assert set(row.CREDENTIAL) <= set(item())


def test_what_a_renewal_may_leave_out_is_written_apart() -> None:
    assert not {"metadata", "rotate_every_days"} & row.of_renewal(api_key()).keys()


def test_the_sweep_finds_a_key_by_its_next_notice_in_one_of_eight_shards() -> None:
    keys = [replace(api_key(expires_at=NOW + 2 * DAY), id=f"id{n}") for n in range(200)]

    items = [row.of_key(key, "c") for key in keys]

    assert {item["due_shard"]["N"] for item in items} == {*"01234567"}
    assert all(item["due_at"] == {"N": str(NOW + DAY)} for item in items)


REQUIRED_BY_ALL = set(row.CREDENTIAL) - set(OPTIONAL)
REQUIRED_BY_KEY = REQUIRED_BY_ALL | {
    *("name", "metadata", "ttl_days", "created_at", "updated_at", "updated_by", "hint"),
    *("ciphertext", "version"),
}
OTHERS: tuple[object, ...] = ({"NULL": True}, {"M": {}}, {}, "text", None)
BAD_NUMBERS = ("", "x", "1.5", "NaN")


@pytest.mark.parametrize("name", sorted(REQUIRED_BY_KEY))
def test_a_row_without_an_attribute_cannot_be_read(name: str) -> None:
    with pytest.raises(Unavailable, match="service unavailable"):
        row.to_key(without(name))
    if name in REQUIRED_BY_ALL:
        with pytest.raises(Unavailable):
            row.to_credential(without(name))


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", sorted(REQUIRED_BY_KEY | set(OPTIONAL)))
def test_a_row_with_an_attribute_of_another_type_cannot_be_read(name: str, value: object) -> None:
    with pytest.raises(Unavailable):
        row.to_key(item(**{name: value}))
    if name in row.CREDENTIAL:
        with pytest.raises(Unavailable):
            row.to_credential(item(**{name: value}))


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize("name", sorted(name for name, value in item().items() if "N" in value))
def test_a_row_with_a_number_that_is_none_cannot_be_read(name: str, number: str) -> None:
    if name == "due_shard":
        assert row.to_key(item(**{name: {"N": number}})).alias == "billing"
    else:
        with pytest.raises(Unavailable):
            row.to_key(item(**{name: {"N": number}}))


@pytest.mark.parametrize("name", ["secret_hash", "previous_hash"])
@pytest.mark.parametrize("binary", [b"", b"h" * 31, b"h" * 33, "====", "AAA", "\xe9"])
def test_a_hash_that_is_none_cannot_be_read(name: str, binary: bytes | str) -> None:
    """A good key would be told that it is unknown."""
    with pytest.raises(Unavailable):
        row.to_credential(item(**{name: {"B": binary}}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata", {"S": "not JSON"}),
        ("metadata", {"S": "[]"}),
        ("metadata", {"S": '{"a": 1}'}),
        ("metadata", {"S": "[" * 100_000}),
        ("revoke_reason", {"S": "boredom"}),
        ("roles", {"L": [{"N": "1"}]}),
        ("roles", {"L": ["user"]}),
        ("roles", {"S": "user"}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_row_with_a_value_that_means_nothing_cannot_be_read(name: str, value: object) -> None:
    with pytest.raises(Unavailable):
        row.to_key(item(**{name: value}))


@pytest.mark.row("F15")
@pytest.mark.parametrize("schema", ["0", "2", "-1"])
def test_a_row_of_an_older_or_newer_layout_cannot_be_read(schema: str) -> None:
    with pytest.raises(Unavailable):
        row.to_key(item(schema={"N": schema}))
    with pytest.raises(Unavailable):
        row.to_credential(item(schema={"N": schema}))


def test_attributes_of_later_versions_do_no_harm() -> None:
    assert row.to_key(item(tenant={"S": "x"})) == row.to_key(item())


def test_what_is_wrong_with_a_row_is_not_quoted() -> None:
    with pytest.raises(Unavailable) as refused:
        row.to_key(item(metadata={"S": "confidential"}))

    error = refused.value
    assert (error.detail, error.__cause__, error.__suppress_context__) == (
        "malformed row",
        None,
        True,
    )
