"""POST /api/apikey/{id}/rotate: a new string for the same key, the old one good for a grace."""

import json
import time
from typing import Any

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service

DAY = 86_400
FIELDS = {
    *("id", "key", "alias", "name", "roles", "is_active", "expire", "ttl_days", "generation"),
    *("created_at", "updated_at", "metadata", "renewed", "previous_expires_at"),
    "previous_last_seen_at",
}


def rotate(
    service: Service, id: str, body: object = None, *, by: str | None = None, path: str = "/rotate"
) -> Answer:
    """Rotate, by default as the first admin and without a body; bytes go out as they are."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = [("Content-Type", "application/json")] if data else []
    return service.send("POST", f"{PATH}/{id}{path}", data, [*service.bearer(by), *kind])


def rotated(service: Service, id: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Rotate and return the answer's body."""
    answer = rotate(service, id, body)
    assert answer.status == 200
    return answer.body


def epoch(moment: str) -> float:
    return time.mktime(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


@pytest.fixture
def made(service: Service, alias: str) -> dict[str, Any]:
    """A key that the authorizer lets in."""
    key = service.create(alias, roles=["admin"], ttl_days=30, metadata={"a": "b"})
    service.wire.heal()
    return key


@pytest.mark.parametrize("body", [None, {}, {"force": False}])
@pytest.mark.parametrize("path", ["/rotate", "/rotate/"])
def test_the_same_key_gets_a_new_string(
    service: Service, made: dict[str, Any], body: object, path: str
) -> None:
    answer = rotate(service, made["id"], body, path=path)

    assert answer.status == 200
    assert answer.body.keys() == FIELDS
    kept = ("id", "alias", "name", "roles", "ttl_days", "metadata", "created_at", "is_active")
    assert {name: answer.body[name] for name in kept} == {name: made[name] for name in kept}
    assert (made["generation"], answer.body["generation"]) == (1, 2)
    assert answer.body["renewed"] is False
    text = keytext.parse(answer.body["key"])
    assert text is not None
    assert (text.id, answer.body["key"] == made["key"]) == (made["id"], False)
    assert abs(epoch(answer.body["expire"]) - (time.time() + 30 * DAY)) < 60
    # The deployment's grace, where the request does not say.
    assert abs(epoch(answer.body["previous_expires_at"]) - (time.time() + DAY)) < 60


def test_a_rotation_is_two_reads_one_call_to_kms_one_write_and_a_look_at_usage(
    service: Service, made: dict[str, Any]
) -> None:
    rotated(service, made["id"])
    # The authorizer's read is one of the two.
    assert service.wire.calls == ["GetItem", "GetItem", "Encrypt", "UpdateItem", "GetItem"]


def test_both_strings_work_inside_the_grace_and_one_after_it(
    service: Service, made: dict[str, Any]
) -> None:
    new = rotated(service, made["id"], grace_seconds=2)
    end = epoch(new["previous_expires_at"])
    inside = [service.admits(made["key"]), service.admits(new["key"])]
    asked = time.time()
    time.sleep(max(0, end - time.time()) + 0.05)

    assert inside == [True, True]
    assert asked < end <= time.time()
    assert [service.admits(made["key"]), service.admits(new["key"])] == [False, True]


def test_without_grace_the_old_string_ends_at_once(service: Service, made: dict[str, Any]) -> None:
    new = rotated(service, made["id"], grace_seconds=0)
    assert [service.admits(made["key"]), service.admits(new["key"])] == [False, True]


def test_a_grace_never_goes_past_the_old_strings_own_end(service: Service, alias: str) -> None:
    made = service.create(alias, ttl_days=1)
    new = rotated(service, made["id"], grace_seconds=2_592_000)
    assert new["previous_expires_at"] == made["expire"]


def test_a_rotation_with_a_known_id_changes_nothing_and_answers_the_current_key(
    service: Service, made: dict[str, Any]
) -> None:
    first = rotated(service, made["id"], rotation_id="r" * 64, grace_seconds=0)
    again = rotated(service, made["id"], rotation_id="r" * 64, grace_seconds=500)
    assert again == first

    later = rotated(service, made["id"], rotation_id="another", grace_seconds=0)
    assert rotated(service, made["id"], rotation_id="r" * 64) == later
    row = service.row(made["alias"])
    assert row is not None
    assert row["generation"] == {"N": "3"}


def test_a_blind_repeat_cannot_end_the_string_that_consumers_use(
    service: Service, made: dict[str, Any]
) -> None:
    new = rotated(service, made["id"])

    assert rotate(service, made["id"]).is_error(
        409,
        "grace_running",
        "an earlier rotation's grace still runs: wait for its end, or use force",
    )
    assert [service.admits(made["key"]), service.admits(new["key"])] == [True, True]

    forced = rotated(service, made["id"], force=True)
    assert forced["generation"] == 3
    strings = [made["key"], new["key"], forced["key"]]
    assert [service.admits(text) for text in strings] == [False, True, True]


def test_a_renewal_after_a_rotation_returns_the_current_string(
    service: Service, made: dict[str, Any]
) -> None:
    new = rotated(service, made["id"])
    renewed = service.create(made["alias"], roles=["admin"])
    assert (renewed["key"], renewed["generation"]) == (new["key"], 2)
    assert service.admits(made["key"])


def test_a_revocation_ends_both_strings(service: Service, made: dict[str, Any]) -> None:
    new = rotated(service, made["id"])
    assert service.delete(made["id"]).status == 200
    assert [service.admits(made["key"]), service.admits(new["key"])] == [False, False]


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_an_inactive_key_is_renewed_first(service: Service, made: dict[str, Any], how: str) -> None:
    if how == "revoked":
        service.delete(made["id"], "?reason=superseded")
    else:
        service.change(made["alias"], "expires_at", {"N": "1"})

    assert rotate(service, made["id"]).is_error(
        409, "key_inactive", "this key is expired or revoked: renew it first"
    )

    assert service.create(made["alias"])["key"] == made["key"]
    assert rotate(service, made["id"]).status == 200


def test_a_compromised_key_becomes_active_with_the_new_string_and_no_grace(
    service: Service, made: dict[str, Any]
) -> None:
    service.delete(made["id"], "?reason=compromised")

    new = rotated(service, made["id"], grace_seconds=500)

    assert new["is_active"] is True
    assert epoch(new["previous_expires_at"]) <= time.time()
    assert [service.admits(made["key"]), service.admits(new["key"])] == [False, True]


def test_nobody_but_an_admin_rotates(service: Service, alias: str) -> None:
    user = service.create(alias, roles=["user"])
    assert rotate(service, user["id"], by=user["key"]).is_error(403, "forbidden")
    nobody = service.send("POST", f"{PATH}/{user['id']}/rotate")
    assert nobody.is_error(401, "unauthorized")


def test_only_an_id_is_looked_up(service: Service, made: dict[str, Any]) -> None:
    stranger = keytext.id_of("", "nobody's")
    assert rotate(service, stranger).is_error(404, "not_found", "API key not found")
    service.wire.heal()
    for named in (made["key"], "self", "verify", "x", "%00", "a%2Fb"):
        assert rotate(service, named).is_error(404, "not_found", "API key not found")
    # The authorizer's, and nobody else's: AWS logs what is asked for.
    assert {json.dumps(passed.body["Key"]) for passed in service.wire.passed} == {
        json.dumps({"id": {"S": keytext.id_of("", "admin")}, "item": {"S": "key"}})
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"grace_seconds": -1}, "grace_seconds: "),
        ({"grace_seconds": 2_592_001}, "grace_seconds: "),
        ({"grace_seconds": 10**30}, "grace_seconds: "),
        ({"grace_seconds": 1.0}, "grace_seconds: "),
        ({"grace_seconds": "60"}, "grace_seconds: "),
        ({"grace_seconds": True}, "grace_seconds: "),
        ({"grace_seconds": None}, "grace_seconds: "),
        ({"rotation_id": ""}, "rotation_id: String should have at least 1 character"),
        ({"rotation_id": "r" * 65}, "rotation_id: String should have at most 64 characters"),
        ({"rotation_id": 7}, "rotation_id: "),
        ({"rotation_id": "\ud800"}, "rotation_id: "),
        ({"force": "true"}, "force: "),
        ({"force": 1}, "force: "),
        ({"roles": ["admin"]}, "unknown field roles"),
        ({"key": "kt_x"}, "unknown field key"),
    ],
)
def test_a_bad_field_is_named_and_changes_nothing(
    service: Service, made: dict[str, Any], body: dict[str, Any], message: str
) -> None:
    answer = rotate(service, made["id"], body)
    assert answer.is_error(400, "field_invalid")
    assert answer.body["error"].startswith(message)
    assert service.wire.calls == ["GetItem"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"\xff", b"rotation_id=x"])
def test_anything_but_a_json_object_is_no_body(
    service: Service, made: dict[str, Any], body: bytes
) -> None:
    assert rotate(service, made["id"], body).is_error(400, "invalid_body")
    assert service.wire.calls == ["GetItem"]


def test_a_body_has_its_limit(service: Service, made: dict[str, Any]) -> None:
    large = json.dumps({"rotation_id": "x" * 16 * 1024}).encode()
    assert rotate(service, made["id"], large).is_error(413, "body_too_large")
