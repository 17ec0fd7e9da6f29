"""A key goes to its owner and nowhere else."""

import logging
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

import authorize
import create_key
import read_keys
import revoke_key
import rotate_key
import self_key
import verify_key
from keyturn import keytext, web
from keyturn.keys import DAY
from tests.support import Clock, Context, Output, delete, post, request
from tests.support_authorizer import http, rest, token, websocket
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_canary import Witness, disguises, leaks

PLANTED = keytext.mint("kt", "A" * 17).reveal()


@pytest.fixture
def witness(aws: Aws, table: Table, output: Output) -> Iterator[Witness]:
    """A witness of everything, at the most talkative level that a deployment can choose."""
    witness = Witness(aws, table, output)
    root = logging.getLogger()
    level = root.level
    root.addHandler(witness)
    root.setLevel(logging.DEBUG)
    yield witness
    root.setLevel(level)
    root.removeHandler(witness)


def test_a_search_finds_every_disguise() -> None:
    secret = PLANTED[-38:-6]
    shown = [
        PLANTED,
        f"kt_...{secret[5:15]}...",
        PLANTED.encode().hex(),
        PLANTED.encode().hex().upper(),
        *(b64encode(("x" * shift + PLANTED + "tail").encode()).decode() for shift in range(3)),
        repr(PLANTED.encode()),
    ]

    for text in shown:
        assert leaks({PLANTED}, {"here": text.encode()}) == {"here"}
    assert leaks({PLANTED}, {"here": PLANTED.encode("utf-16")}) == {"here"}
    assert leaks({PLANTED}, {"here": keytext.mint("kt", "A" * 17).reveal().encode()}) == set()
    assert all(len(disguise) >= 10 for disguise in disguises(PLANTED))


def test_a_witness_finds_a_key_in_every_place(witness: Witness, table: Table) -> None:
    made = witness.invokes(create_key.handler, {"alias": "a", "name": "A", "roles": ["admin"]})
    before = witness.places()
    assert not leaks(witness.keys, before)

    key = made["key"]
    logging.getLogger("anything").debug("%s", [key])
    sys.stdout.write(f'{{"message": "{key}"}}\n')
    witness.invokes(lambda event, _: {}[event], key)
    witness.plant("answers", key)
    planted = {
        "text": {"S": f"it is {key}"},
        "binary": {"B": b"\0" + key.encode()},
        "hex": {"S": key.encode().hex()},
        "list": {"L": [{"S": b64encode(key.encode()).decode()}]},
        "map": {"M": {"deep": {"B": key.encode("utf-16")}}},
        "set": {"SS": [key]},
    }
    table.put(table.row() | planted)

    assert witness.keys == {key}
    assert leaks({key}, witness.places()) == {
        *("logging", "standard output", "exceptions", "answers"),
        *(f"row: {name}" for name in planted),
    }


def test_a_witness_finds_a_key_on_the_wire_but_where_it_belongs(witness: Witness, aws: Aws) -> None:
    witness.invokes(create_key.handler, {"alias": "a", "name": "A"})
    (key,) = witness.keys
    assert {"Encrypt", "PutItem"} <= {*aws.calls}

    witness.invokes(create_key.handler, {"alias": "b", "name": f"named {key}"})

    assert leaks({key}, witness.places()) == {"wire", "row: name", "answers"}


def drive_create(witness: Witness, aws: Aws) -> None:
    body = {"alias": "canary", "name": "Canary", "roles": ["user"]}
    for _ in range(2):
        witness.asks(create_key.handler, post(body))
    for alias in ("other", "root"):
        witness.invokes(create_key.handler, {"alias": alias, "name": "N", "roles": ["admin"]})
    key = min(witness.keys)
    for bad in (
        *(key, [key], {"key": key}, {"alias": [key]}, body | {key: 1}, body | {"name": [key]}),
        *(body | {"roles": [key]}, body | {"ttl_days": key}, body | {"metadata": {key: 5}}),
        *(body | {"metadata": key}, body | {"key": key}),
    ):
        witness.asks(create_key.handler, post(bad))
        witness.invokes(create_key.handler, bad)
    for raw in (key.encode(), b"{" + key.encode(), key.encode("utf-16"), key.encode() * 300):
        witness.asks(create_key.handler, post(raw))
    witness.asks(create_key.handler, post(body, headers={"Content-Type": [key]}))
    witness.asks(create_key.handler, post(body, headers={key: [key], "User-Agent": [key]}))
    witness.asks(create_key.handler, post(body, caller=None))
    witness.asks(create_key.handler, request("GET", "/api/apikey", query={key: [key]}))
    for operation in ("GetItem", "Decrypt", "UpdateItem"):
        for code in ("AccessDeniedException", "ValidationException", "InternalServerError"):
            aws.always(operation, refused(code, message=key))
            witness.asks(create_key.handler, post(body))
            witness.invokes(create_key.handler, body)
            aws.heal()
    for operation in ("Encrypt", "PutItem"):
        for code in ("AccessDeniedException", "ValidationException"):
            aws.always(operation, refused(code, message=key))
            witness.asks(create_key.handler, post(body | {"alias": "never"}))
            aws.heal()
        aws.plan(operation, lost_reply)
        witness.asks(create_key.handler, post(body | {"alias": f"lost {operation}"}))


def drive_authorizer(witness: Witness, aws: Aws, clock: Clock) -> None:
    clock.now += 20 * DAY
    expired = witness.keys - {witness.invokes(create_key.handler, body)["key"] for body in ADMINS}
    for key in [*witness.keys]:
        for presented in (key, key[:-1], key.swapcase(), f"{key} {key}", f"Basic {key}"):
            for event in (
                rest({"Authorization": [f"Bearer {presented}"]}),
                rest({"X-API-Key": [presented], "Authorization": [f"Bearer {key}"]}),
                token(presented),
                http({"x-api-key": presented}),
                websocket({"X-API-Key": [presented, key]}),
            ):
                witness.invokes(authorize.handler, event)
        witness.invokes(authorize.handler, token(key) | {"methodArn": key})
        witness.invokes(authorize.handler, {key: key, "headers": {key: key}})
    assert expired
    for code in ("AccessDeniedException", "ValidationException", key):
        aws.always("GetItem", refused(code, message=key))
        witness.invokes(authorize.handler, token(key))
        aws.heal()


def drive_verify_and_self(witness: Witness, aws: Aws) -> None:
    path = "/api/apikey/verify"
    keys = [*witness.keys]
    key, own = keys[0], "/api/apikey/self"
    caller = {"id": key.split("_")[1], "alias": "canary", "generation": "1"}
    for key in keys:
        bodies: tuple[object, ...] = (
            *({"key": key}, {"key": key, "roles": ["creator"]}, {"key": key[:-1]}, {"key": [key]}),
            *({"roles": []}, {"key": key, key: 1}, {"key": key, "roles": [key]}),
        )
        for body in bodies:
            witness.asks(verify_key.handler, post(body) | {"resource": path})
        witness.asks(self_key.handler, request("GET", own, caller=caller, query={"k": [key]}))
    aws.always("GetItem", refused("AccessDeniedException", message=key))
    witness.asks(verify_key.handler, post({"key": key}) | {"resource": path})
    witness.asks(self_key.handler, request("GET", own, caller=caller))
    aws.heal()
    witness.asks(self_key.handler, request("DELETE", own, caller=caller))


def drive_revoke(witness: Witness, aws: Aws, table: Table) -> None:
    for key in [*witness.keys]:
        wrong = keytext.mint("kt", key.split("_")[1]).reveal()
        witness.keys.add(wrong)
        for target in (key[:-1], f"{key}x", f" {key}", key.replace("_", "%5F"), wrong):
            witness.asks(revoke_key.handler, delete(target))
        witness.asks(revoke_key.handler, delete(key, key))
        witness.asks(revoke_key.handler, delete(key, query={key: [key]}))
        witness.asks(revoke_key.handler, delete(key, caller=None))
        for code in ("AccessDeniedException", "ValidationException"):
            aws.always("UpdateItem", refused(code, message=key))
            witness.asks(revoke_key.handler, delete(key))
            aws.heal()
        aws.plan("UpdateItem", lost_reply)
        witness.asks(revoke_key.handler, delete(key, "compromised"))
        witness.asks(revoke_key.handler, delete(key))
    for alias in ("canary", "root"):
        witness.asks(create_key.handler, post({"alias": alias, "name": "N"}))
    for row in table.rows():
        table.put(row | {"alias": {"S": "collides"}})
    witness.asks(create_key.handler, post({"alias": "canary", "name": "N"}))
    for row in table.rows():
        table.put(row | {"schema": {"N": "2"}})
    for key in [*witness.keys]:
        witness.invokes(authorize.handler, token(key))


def drive_rotate(witness: Witness, aws: Aws) -> None:
    event: dict[str, Any] = {}
    rotate, read = "/api/apikey/{key}/rotate", "/api/apikey/{key}/events"
    account, source = Context().invoked_function_arn.split(":")[4], "keyturn.request"
    for key in [*witness.keys]:
        id = key.split("_")[1]
        for target in (id, id, key, key[:-1]):
            for body in ({"grace_seconds": 9}, {"rotation_id": key}, {"force": key}, {key: key}):
                named: dict[str, Any] = {"resource": rotate, "pathParameters": {"key": target}}
                witness.asks(rotate_key.handler, post(body) | named)
            for resource in (read, "/api/apikey/{key}"):
                asked = request("GET", resource, query={"cursor": [key]}, path={"key": target})
                witness.asks(read_keys.handler, asked)
        for detail in ({"id": key}, {"alias": key}, {"id": id, "key": key}, {"id": id, key: key}):
            for kind in ("Rotation Requested", "Key Compromised", key):
                event = {"detail-type": kind, "source": source, "account": account, "id": "e"}
                event |= {"time": "2030-01-01T00:00:00Z", "detail": detail}
                witness.invokes(rotate_key.handler, event)
                witness.invokes(rotate_key.handler, event | {"source": key, "id": key})
    aws.always("UpdateItem", refused("ValidationException", message=key))
    witness.invokes(rotate_key.handler, event | {"detail-type": "Rotation Requested"})
    aws.heal()
    listed = request("GET", "/api/apikey", query={"cursor": [key], "alias_prefix": [key]})
    witness.asks(read_keys.handler, listed)


ADMINS = [{"alias": alias, "name": "N", "roles": ["admin"]} for alias in ("other", "root")]


@pytest.mark.prove
@pytest.mark.row("T1", "T2")
def test_no_key_leaks_whatever_happens(
    witness: Witness, aws: Aws, table: Table, clock: Clock
) -> None:
    drive_create(witness, aws)
    drive_authorizer(witness, aws, clock)
    drive_verify_and_self(witness, aws)
    drive_rotate(witness, aws)
    drive_revoke(witness, aws, table)

    errors = {error.code for error in web.STATUS}
    assert witness.ends >= errors | {"done", "valid", "Unauthorized", "Unavailable"}
    assert len(witness.keys) >= 5
    assert leaks(witness.keys, witness.places()) == set()
