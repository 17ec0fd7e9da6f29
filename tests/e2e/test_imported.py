"""Keys of another service over HTTP: their holders notice nothing."""

from collections.abc import Iterator

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Service, served

EXPIRE = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def moved() -> Iterator[Service]:
    with served("imported", ImportedKeys="true") as service:
        yield service


def brought(service: Service, alias: str, **row: object) -> str:
    """Import a key and return its string."""
    text = keytext.shortened(alias.encode()).lower() * 4 + "+/="
    row = {"alias": alias, "name": "N", "expire": EXPIRE, "key": text, **row}
    answer = service.stack.invoke("ImportKeysFunction", {"rows": [row]})
    assert answer == {"results": [{"outcome": "imported", "detail": ""}]}
    return text


def test_an_imported_admin_key_manages_keys(moved: Service, alias: str) -> None:
    text = brought(moved, alias, roles=["admin"])

    for headers in ([("Authorization", f"Bearer {text}")], [("X-API-Key", text)]):
        own = moved.send("GET", f"{PATH}/self", headers=headers)
        assert (own.status, own.body["alias"], own.body["expire"]) == (200, alias, EXPIRE)
    assert moved.admits(text)
    assert not moved.admits(f"{text}x")


def test_it_is_verified_renewed_rotated_and_revoked_like_any_other(
    moved: Service, alias: str
) -> None:
    text = brought(moved, alias, roles=["user"])

    verdict = moved.post({"key": text, "roles": ["user"]}, path=f"{PATH}/verify")
    assert (verdict.body["code"], verdict.body["generation"]) == ("valid", 1)
    renewed = moved.post({"alias": alias, "name": "N"})
    assert (renewed.status, renewed.body["key"], renewed.body["renewed"]) == (200, text, True)
    assert "recoverable" not in renewed.body
    id = renewed.body["id"]
    rotated = moved.post({}, path=f"{PATH}/{id}/rotate")
    assert keytext.parse(rotated.body["key"]) is not None
    verdict = moved.post({"key": text}, path=f"{PATH}/verify")
    assert (verdict.body["code"], verdict.body["generation"]) == ("valid", 1)
    assert moved.delete(id).status == 200
    verdict = moved.post({"key": text}, path=f"{PATH}/verify")
    assert verdict.body == {"valid": False, "code": "revoked"}


def test_its_string_in_the_path_revokes_it_where_a_path_can_hold_it(
    moved: Service, alias: str
) -> None:
    text = "".join(filter(str.isalnum, brought(moved, f"{alias} with signs")))
    text = brought(moved, alias, key=text) and text

    assert moved.delete(text[:-1]).is_error(404, "not_found")
    assert moved.delete(text).status == 200
    assert moved.delete(text).is_error(404, "not_found")


def test_a_renewal_of_a_hash_says_that_it_cannot_show_the_string(
    moved: Service, alias: str
) -> None:
    digest = "ab" * 32
    row = {"alias": alias, "name": "N", "expire": EXPIRE, "sha256": digest}
    moved.stack.invoke("ImportKeysFunction", {"rows": [row]})

    renewed = moved.post({"alias": alias, "name": "Again"})

    assert (renewed.status, renewed.body["key"], renewed.body["recoverable"]) == (200, None, False)
    assert renewed.body["name"] == "Again"


def test_where_nothing_was_imported_such_a_string_costs_no_read(service: Service) -> None:
    assert service.stack.admin_key
    service.wire.heal()

    assert service.post({}, key="f" * 64).is_error(401, "unauthorized")

    assert not service.wire.calls
