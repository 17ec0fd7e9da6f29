"""GET and DELETE /api/apikey/self: what the holder of a key may do with it."""

import time

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service

SELF = f"{PATH}/self"


def own(service: Service, method: str, key: str) -> Answer:
    return service.send(method, SELF, headers=service.bearer(key))


def rotated(service: Service, alias: str, key: str, grace: int = 60) -> str:
    """Give the key another string, as a rotation leaves its row; `grace` in seconds."""
    old = keytext.parse(key)
    assert old is not None
    new = keytext.mint(old.prefix, old.id)
    service.change(alias, "previous_hash", {"B": old.digest})
    service.change(alias, "previous_expires_at", {"N": str(int(time.time()) + grace)})
    service.change(alias, "generation", {"N": "2"})
    service.change(alias, "secret_hash", {"B": new.digest})
    return new.reveal()


def is_refused(service: Service, key: str) -> bool:
    return own(service, "GET", key).is_error(401, "unauthorized")


@pytest.mark.parametrize("roles", [[], ["user"], ["admin", "creator"]], ids=str)
def test_any_valid_key_reads_its_own_record(service: Service, alias: str, roles: list[str]) -> None:
    made = service.create(alias, roles=roles, metadata={"team": "money"})

    answer = own(service, "GET", made["key"])

    assert answer.status == 200
    common = {name: made[name] for name in made if name not in {"key", "renewed"}}
    assert answer.body == common | {
        "status": "active",
        "hint": f"kt_...{made['key'][-4:]}",
        "revoked_at": None,
        "revoke_reason": None,
        "previous_expires_at": None,
        "rotate_every_days": None,
        "updated_by": answer.body["updated_by"],
        "last_used_at": None,
        "last_generation_used": None,
        "previous_last_seen_at": None,
    }
    assert answer.body["updated_by"].endswith(":admin")
    assert made["key"] not in repr(answer.body)


def test_either_header_presents_the_key(service: Service, alias: str) -> None:
    made = service.create(alias)

    answer = service.send("GET", f"{SELF}/", headers=[("X-API-Key", made["key"])])

    assert answer.body["id"] == made["id"]


def test_whoever_finds_a_key_can_end_it_for_good(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]

    answer = own(service, "DELETE", key)

    assert (answer.status, answer.body) == (200, {"message": "API key revoked successfully"})
    assert is_refused(service, key)
    renewal = service.post({"alias": alias, "name": "n"})
    assert renewal.is_error(409, "key_compromised")
    row = service.row(alias)
    assert row is not None
    assert row["revoke_reason"] == {"S": "compromised"}
    assert row["updated_by"] == {"S": f"{row['id']['S']}:{alias}"}


def test_key_ends_nobody_elses(service: Service, alias: str) -> None:
    key = service.create(alias)["key"]
    other = service.create(f"{alias}-other")["key"]

    assert own(service, "DELETE", key).status == 200

    assert own(service, "GET", other).status == 200


def test_both_strings_read_the_record_in_the_grace(service: Service, alias: str) -> None:
    old = service.create(alias)["key"]
    new = rotated(service, alias, old)

    one, other = (own(service, "GET", key).body for key in (old, new))

    assert one == other
    assert one["generation"] == 2
    assert one["previous_expires_at"] < one["expire"]


def test_old_string_ends_only_itself(service: Service, alias: str) -> None:
    old = service.create(alias)["key"]
    new = rotated(service, alias, old)

    assert own(service, "DELETE", old).status == 200

    assert is_refused(service, old)
    assert own(service, "GET", new).body["status"] == "active"


def test_current_string_ends_both(service: Service, alias: str) -> None:
    old = service.create(alias)["key"]
    new = rotated(service, alias, old)

    assert own(service, "DELETE", new).status == 200

    assert is_refused(service, old)
    assert is_refused(service, new)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_no_valid_key_is_401(service: Service, alias: str, method: str) -> None:
    made = service.create(alias)
    assert service.delete(made["id"]).status == 200

    for key in (made["key"], "kt_no-key", keytext.mint("kt", "0" * 17).reveal()):
        assert own(service, method, key).is_error(401, "unauthorized")
    assert service.send(method, SELF).is_error(401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "calls"),
    [("GET", ["GetItem", "GetItem", "GetItem"]), ("DELETE", ["GetItem", "UpdateItem"])],
)
def test_it_costs_the_authorizers_read_and_one_call_or_two_of_which_one_tells_its_use(
    service: Service, alias: str, method: str, calls: list[str]
) -> None:
    key = service.create(alias)["key"]
    service.wire.heal()

    assert own(service, method, key).status == 200

    assert service.wire.calls == calls


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_other_method_is_no_such_route_and_self_is_never_an_id(
    service: Service, method: str
) -> None:
    answer = service.send(method, SELF, headers=service.bearer())

    assert answer.is_error(404, "route_not_found", "no such route")
