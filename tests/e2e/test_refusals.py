"""Every refusal that the document names can be had from its operation, in the words shown there."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from keyturn import keytext
from tests.e2e import documented
from tests.e2e.served import Answer, Service
from tests.faults import wire

Json = dict[str, Any]

OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in documented.document()["paths"].items()
    for method, operation in methods.items()
}
NAMED = {
    (name, int(status), code): example["value"]["error"]
    for name, (_, _, operation) in OPERATIONS.items()
    for status in operation["responses"]
    for code, example in documented.content(operation, status).get("examples", {}).items()
}
# Not imitated here: throttles, a firewall, and what the gateway cannot read though it knows the
# route. And nothing that is stored, sent or lost makes a verification fail but with a 503.
NOT_HERE = {
    *((name, 429, "throttled") for name in OPERATIONS),
    *((name, 403, "forbidden") for name in ("read_own", "revoke_own")),
    *((name, 400, "field_invalid") for name in ("read_own", "revoke_own")),
    ("verify", 500, "internal_error"),
}
LARGE = b" " * (10 * 1024 * 1024 + 1)  # too large for the gateway already


@dataclass
class Desk:
    """Asks for one operation on a key, with that key."""

    service: Service
    name: str
    key: Json

    def ask(
        self, body: Json | bytes = b"", query: str = "", *, by: str = "", id: str = ""
    ) -> Answer:
        """Send a request that is right but for what is given."""
        method, path, operation = OPERATIONS[self.name]
        path = path.format(key=id or self.key["id"])
        if "requestBody" in operation and body == b"":
            body = {
                "create_or_renew": {"alias": self.key["alias"], "name": "n"},
                "rotate": {},
                "verify": {"key": self.key["key"]},
            }[self.name]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        presented = self.service.bearer(by or self.key["key"])
        return self.service.send(method, path + query, data, presented)

    def wrong(self) -> Answer:
        """Get the document's example of `field_invalid`."""
        sent: dict[str, tuple[Json | bytes, str]] = {
            "create_or_renew": ({"alias": "a", "name": "n", "ttl_days": 366}, ""),
            "list_keys": (b"", "?limit=101"),
            "get_key": (b"", "?limit=1"),
            "list_events": (b"", "?cursor=x"),
            "read_usage": (b"", "?days=91"),
            "revoke": (b"", "?why=superseded"),
            "rotate": ({"force": 1}, ""),
            "verify": ({"roles": []}, ""),
        }
        return self.ask(*sent[self.name])

    def unknown(self) -> Answer:
        """Ask for a key that is not there, or is not there any more once it was let in."""
        if not self.name.endswith("_own"):
            return self.ask(id="0" * 17)
        key = {"id": {"S": self.key["id"]}, "item": {"S": "key"}}
        self.service.wire.plan(
            "GetItem",
            wire.then(
                lambda: self.service.dynamodb.delete_item(
                    TableName=self.service.stack.table, Key=key
                ),
                wire.whole,
            ),
        )
        return self.ask()

    def no_route(self) -> Answer:
        """Use another method on the same path."""
        _, path, _ = OPERATIONS[self.name]
        return self.service.send("PUT", path.format(key=self.key["id"]))

    def broken(self) -> Answer:
        """Have the database call a request wrong that is not the authorizer's."""
        self.service.wire.plan("GetItem", wire.whole)
        for operation in ("GetItem", "Query", "UpdateItem"):
            self.service.wire.always(operation, wire.refused("ValidationException"))
        return self.ask()

    def unavailable(self) -> Answer:
        """Have the database answer the authorizer, and nobody after it."""
        self.service.wire.plan("GetItem", wire.whole)
        self.service.wire.always("*", wire.lost_request)
        return self.ask()

    def compromised(self) -> Answer:
        """Renew a key whose string has leaked."""
        self.service.delete(self.key["id"], "?reason=compromised")
        return self.ask(by=self.service.stack.admin_key)

    def conflict(self) -> Answer:
        """Create a key whose id another alias has."""
        self.service.change(self.key["alias"], "alias", {"S": "another"})
        return self.ask(by=self.service.stack.admin_key)

    def inactive(self) -> Answer:
        """Rotate a key that was revoked."""
        self.service.delete(self.key["id"])
        return self.ask(by=self.service.stack.admin_key)

    def twice(self) -> Answer:
        """Rotate a key while the string before still works."""
        assert self.ask().status == 200
        return self.ask()

    def forbidden(self) -> Answer:
        """Ask with a key that may do nothing."""
        poor = self.service.create(f"{self.key['alias']} poor")
        return self.ask(by=poor["key"])


HOW: dict[str, Callable[[Desk], Answer]] = {
    "alias_conflict": Desk.conflict,
    "alias_required": lambda desk: desk.ask({"name": "n"}),
    "body_too_large": lambda desk: desk.ask(LARGE),
    "field_invalid": Desk.wrong,
    "forbidden": Desk.forbidden,
    "grace_running": Desk.twice,
    "internal_error": Desk.broken,
    "invalid_body": lambda desk: desk.ask(b"["),
    "key_compromised": Desk.compromised,
    "key_inactive": Desk.inactive,
    "name_required": lambda desk: desk.ask({"alias": "a"}),
    "not_found": Desk.unknown,
    "roles_invalid": lambda desk: desk.ask(
        {"alias": "a", "name": "n", "key": "x", "roles": ["root"]}
    ),
    "route_not_found": Desk.no_route,
    "unauthorized": lambda desk: desk.ask(by=keytext.mint("kt", "0" * 17).reveal()),
    "unavailable": Desk.unavailable,
}


@pytest.mark.parametrize(("name", "status", "code"), sorted(NAMED.keys() - NOT_HERE))
def test_a_refusal_that_is_named_is_given(
    service: Service, alias: str, name: str, status: int, code: str
) -> None:
    desk = Desk(service, name, service.create(alias, roles=["admin"]))
    service.wire.heal()

    answer = HOW[code](desk)

    assert answer.is_error(status, code, NAMED[name, status, code])


def test_none_is_left_out_that_is_not_named() -> None:
    assert NAMED.keys() >= NOT_HERE
    assert HOW.keys() == {code for _, _, code in NAMED.keys() - NOT_HERE}
