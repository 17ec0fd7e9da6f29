"""POST /api/apikey/verify: for backends that do not sit behind API Gateway."""

import json

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service

VERIFY = f"{PATH}/verify"
JSON = ("Content-Type", "application/json")


def verify(service: Service, body: object, *, by: str | None = None) -> Answer:
    """Ask, by default as the first admin; bytes go out as they are."""
    return service.post(body, key=by, path=VERIFY)


def code(service: Service, body: object) -> str:
    """Return the outcome, which is a 200 whatever it is."""
    answer = verify(service, body)
    assert answer.status == 200
    if answer.body["valid"] is not True:
        assert answer.body == {"valid": False, "code": answer.body["code"]}
    return str(answer.body["code"])


def test_good_key_is_told_with_what_it_may(service: Service, alias: str) -> None:
    made = service.create(alias, roles=["user"], ttl_days=7)

    assert verify(service, {"key": made["key"], "roles": ["creator", "user"]}).body == {
        "valid": True,
        "code": "valid",
        "id": made["id"],
        "alias": alias,
        "roles": ["user"],
        "expire": made["expire"],
        "generation": 1,
    }


def test_every_outcome_is_told_in_the_contracts_order(service: Service, alias: str) -> None:
    made = service.create(alias, roles=["user"])
    key, parsed = made["key"], keytext.parse(made["key"])
    assert parsed is not None
    asked = {"key": key, "roles": ["admin"]}

    assert code(service, {"key": key[:-1], "roles": ["admin"]}) == "malformed"
    wrong = keytext.mint(parsed.prefix, parsed.id).reveal()
    assert code(service, {"key": wrong, "roles": ["admin"]}) == "not_found"
    assert code(service, asked) == "insufficient_role"
    service.change(alias, "expires_at", {"N": "1"})
    assert code(service, asked) == "expired"
    assert service.delete(made["id"]).status == 200
    assert code(service, asked) == "revoked"
    assert code(service, {"key": keytext.mint("kt", "0" * 17).reveal()}) == "not_found"


def test_revocation_and_renewal_are_seen_at_once(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]
    for _ in range(5):
        assert code(service, {"key": key}) == "valid"
        assert service.delete(key).status == 200
        assert code(service, {"key": key}) == "revoked"
        service.create(alias)


def test_trailing_slash_is_the_same_resource(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]

    assert service.post({"key": key}, path=f"{VERIFY}/").body["valid"] is True


def test_verification_costs_a_read_beside_the_callers_own(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]
    service.wire.heal()

    assert code(service, {"key": key}) == "valid"
    assert service.wire.calls == ["GetItem", "GetItem"]


def test_key_that_cannot_be_one_never_reaches_the_database(service: Service) -> None:
    assert code(service, {"key": "kt_no-key"}) == "malformed"
    assert service.wire.calls == ["GetItem"]  # the caller's own


# who may ask


def test_who_may_not_is_refused_and_told_nothing_of_the_key(service: Service, alias: str) -> None:
    asked = service.create(alias)["key"]
    guest = service.create(f"{alias}-guest", roles=["user", "creator"])["key"]

    assert verify(service, {"key": asked}, by=guest).is_error(403, "forbidden")
    assert verify(service, {"key": asked}, by="kt_no-key").is_error(401, "unauthorized")
    data = json.dumps({"key": asked}).encode()
    assert service.send("POST", VERIFY, data, [JSON]).is_error(401, "unauthorized")


def test_key_in_the_body_is_no_credential(service: Service) -> None:
    """Not even an admin's: it is what is asked about."""
    data = json.dumps({"key": service.stack.admin_key}).encode()

    assert service.send("POST", VERIFY, data, [JSON]).is_error(401, "unauthorized")


# what is no question


@pytest.mark.parametrize(
    ("body", "status", "error", "message"),
    [
        (b"", 400, "invalid_body", "invalid or missing JSON body"),
        ({}, 400, "invalid_body", "invalid or missing JSON body"),
        ([], 400, "invalid_body", "invalid or missing JSON body"),
        (b'{"key": "\xff"}', 400, "invalid_body", "invalid or missing JSON body"),
        ({"key": "k" * 16_384}, 413, "body_too_large", None),
        ({"key": "k", "roles": ["root"]}, 400, "roles_invalid", None),
        ({"key": "k", "roles": None}, 400, "roles_invalid", None),
        ({"roles": []}, 400, "field_invalid", "key: is required"),
        ({"key": 5}, 400, "field_invalid", None),
        ({"key": "k", "id": "x"}, 400, "field_invalid", "unknown field id"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_body_that_is_no_question_is_refused(
    service: Service, body: object, status: int, error: str, message: str | None
) -> None:
    assert verify(service, body).is_error(status, error, message)
    assert service.wire.calls == ["GetItem"]  # the caller's own


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_method_is_no_such_route_and_verify_is_never_an_id(
    service: Service, method: str
) -> None:
    answer = service.send(method, VERIFY, headers=service.bearer())

    assert answer.is_error(404, "route_not_found", "no such route")


def test_row_that_cannot_be_read_is_no_verdict(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]
    service.change(alias, "schema", {"N": "2"})

    assert verify(service, {"key": key}).is_error(503, "unavailable")
