"""POST /api/apikey: create, or renew by alias."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Service

MINUTE = timedelta(minutes=1)


def moment(text: str) -> datetime:
    """Read a time of the contract: ISO 8601, UTC with `Z`, to the second."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def lasts(body: Mapping[str, Any], days: int) -> bool:
    """Tell whether a key just created or renewed is valid for so many days from now."""
    written = moment(body["updated_at"])
    assert abs(datetime.now(UTC) - written) < MINUTE
    return moment(body["expire"]) - written == timedelta(days=days)


def test_create_answers_201_and_the_whole_key(service: Service, alias: str) -> None:
    answer = service.post(
        {"alias": alias, "name": "Billing", "roles": ["user", "creator"], "metadata": {"team": "a"}}
    )

    assert answer.status == 201
    body = answer.body
    key = keytext.parse(body["key"])
    assert key is not None
    assert (key.prefix, key.id) == ("kt", keytext.id_of("", alias))
    assert body["created_at"] == body["updated_at"]
    assert lasts(body, 15)
    varying = ("key", "expire", "created_at", "updated_at")
    assert {name: body[name] for name in body if name not in varying} == {
        "id": key.id,
        "alias": alias,
        "name": "Billing",
        "roles": ["user", "creator"],
        "is_active": True,
        "ttl_days": 15,
        "generation": 1,
        "metadata": {"team": "a"},
        "renewed": False,
    }
    assert answer.headers["x-request-id"] == answer.headers["x-amz-apigw-id"]
    assert "request_id" not in body
    assert "www-authenticate" not in answer.headers
    assert "retry-after" not in answer.headers


def test_alias_that_exists_is_renewed_with_200_and_the_same_key(
    service: Service, alias: str
) -> None:
    created = service.create(alias, roles=["user"], ttl_days=3, metadata={"team": "a"})
    assert lasts(created, 3)

    renewed = service.post({"alias": alias, "name": "Later", "ttl_days": 365})

    assert renewed.status == 200
    body = renewed.body
    assert lasts(body, 365)
    same = ("id", "key", "alias", "created_at", "generation", "metadata", "is_active")
    assert {name: body[name] for name in same} == {name: created[name] for name in same}
    assert (body["name"], body["roles"], body["ttl_days"]) == ("Later", [], 365)
    assert body["renewed"] is True


def test_what_a_renewal_leaves_out_is_the_default_except_metadata(
    service: Service, alias: str
) -> None:
    service.create(alias, roles=["admin"], ttl_days=300, metadata={"a": "b"})

    left_out = service.create(alias)
    cleared = service.create(alias, metadata={})

    assert (left_out["roles"], left_out["ttl_days"]) == ([], 15)
    assert lasts(left_out, 15)
    assert left_out["metadata"] == {"a": "b"}
    assert cleared["metadata"] == {}


def test_renewal_may_shorten_validity(service: Service, alias: str) -> None:
    service.create(alias, ttl_days=365)

    assert lasts(service.create(alias, ttl_days=1), 1)


def test_renewal_starts_validity_from_now_and_not_from_the_old_end(
    service: Service, alias: str
) -> None:
    service.create(alias)
    service.change(alias, "expires_at", {"N": str(int(time.time()) + 100 * 86_400)})

    assert lasts(service.create(alias, ttl_days=2), 2)


def test_expired_key_is_still_active_and_renewed(service: Service, alias: str) -> None:
    created = service.create(alias, roles=["admin"])
    service.change(alias, "expires_at", {"N": str(int(time.time()) - 1)})
    assert service.post({}, key=created["key"]).is_error(401, "unauthorized")
    row = service.row(alias)
    assert row is not None
    assert row["is_active"] == {"BOOL": True}

    renewed = service.create(alias, roles=["admin"])

    assert renewed["key"] == created["key"]
    assert renewed["is_active"] is True
    assert service.admits(created["key"])


@pytest.mark.parametrize("reason", ["unspecified", "superseded", "cessation"])
def test_revoked_key_is_active_again_once_renewed(
    service: Service, alias: str, reason: str
) -> None:
    created = service.create(alias, roles=["admin"])
    assert service.delete(created["id"], f"?reason={reason}").status == 200

    renewed = service.post({"alias": alias, "name": "again", "roles": ["admin"]})

    assert renewed.status == 200
    assert (renewed.body["key"], renewed.body["is_active"]) == (created["key"], True)
    assert service.admits(created["key"])


def test_compromised_key_is_not_renewed(service: Service, alias: str) -> None:
    created = service.create(alias, roles=["admin"])
    assert service.delete(created["id"], "?reason=compromised").status == 200
    before = service.row(alias)

    assert service.post({"alias": alias, "name": "again"}).is_error(409, "key_compromised")

    assert service.row(alias) == before
    assert not service.admits(created["key"])


def test_alias_of_an_id_that_another_one_owns_is_a_conflict(service: Service, alias: str) -> None:
    service.create(alias)
    service.change(alias, "alias", {"S": "another"})
    before = service.row(alias)

    assert service.post({"alias": alias, "name": "name"}).is_error(409, "alias_conflict")

    assert service.row(alias) == before


def test_new_key_opens_what_its_roles_allow(service: Service, alias: str) -> None:
    admin = service.create(alias, roles=["admin"])["key"]

    assert service.post({"alias": f"{alias}-2", "name": "name"}, key=admin).status == 201
    row = service.row(f"{alias}-2")
    assert row is not None
    assert row["updated_by"] == {"S": f"{keytext.id_of('', alias)}:{alias}"}


def test_trailing_slash_is_the_same_resource(service: Service, alias: str) -> None:
    created = service.post({"alias": alias, "name": "name"}, path=f"{PATH}/")
    renewed = service.post({"alias": alias, "name": "name"})

    assert (created.status, renewed.status) == (201, 200)
    assert created.body["key"] == renewed.body["key"]


def test_integer_alias_is_its_decimal_text(service: Service) -> None:
    number = 1 + int.from_bytes(os.urandom(8), "big")
    as_number = service.post({"alias": number, "name": "name"})
    as_text = service.post({"alias": f" {number} ", "name": "name"})

    assert (as_number.status, as_text.status) == (201, 200)
    assert as_number.body["alias"] == as_text.body["alias"] == str(number)


def test_composed_and_decomposed_alias_are_one_key(service: Service, alias: str) -> None:
    composed = service.post({"alias": f"{alias} \u00e9", "name": "name"})
    decomposed = service.post({"alias": f"{alias} e\u0301", "name": "name"})

    assert (composed.status, decomposed.status) == (201, 200)
    assert decomposed.body["key"] == composed.body["key"]
    assert decomposed.body["alias"] == f"{alias} \u00e9"


def test_alias_is_case_sensitive(service: Service, alias: str) -> None:
    assert service.create(alias)["id"] != service.create(alias.upper())["id"]


def test_name_is_kept_as_sent_and_repeated_roles_are_dropped(service: Service, alias: str) -> None:
    name = "  Ze\u0301 \U0001f511 \u0000\n"

    body = service.create(alias, name=name, roles=["user", "admin", "user", "admin"])

    assert body["name"] == name
    assert body["roles"] == ["user", "admin"]


@pytest.mark.parametrize("name", ["\U0001f511" * 106, "a" * 106, "../../x?y=%2F&z", "<b>'\"</b>"])
def test_any_printable_alias_will_do(service: Service, alias: str, name: str) -> None:
    assert service.create(alias + name)["alias"] == alias + name


def test_first_admin_is_made_by_a_direct_invoke(service: Service, alias: str) -> None:
    body = {"alias": alias, "name": "First", "roles": ["admin"]}

    created = service.stack.invoke("CreateKeyFunction", body)
    renewed = service.stack.invoke("CreateKeyFunction", body)
    refused = service.stack.invoke("CreateKeyFunction", {"name": "First"})

    assert (created["status"], renewed["status"]) == (201, 200)
    assert created["key"] == renewed["key"]
    assert service.admits(created["key"])
    row = service.row(alias)
    assert row is not None
    assert row["updated_by"] == {"S": "iam"}
    assert created.keys() == service.create(f"{alias}-2").keys() | {"status"}
    assert (refused["status"], refused["code"], refused["error"]) == (
        400,
        "alias_required",
        "alias is required",
    )
