"""An admin key has leaked, and was used: the runbook's steps end all that it got hold of."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.stack import Stack, local_stack

PATIENCE = 20


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack() as stack:
        yield stack


class Caller:
    """Whoever holds an admin key; keeps every string that it was shown."""

    def __init__(self, stack: Stack, key: str) -> None:
        self._url, self._key = f"{stack.url}/api/apikey", key
        self.shown: list[str] = []

    def call(self, method: str, path: str = "", body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"}
        answer = httpx.request(method, self._url + path, json=body, headers=headers, timeout=30)
        said: dict[str, Any] = answer.raise_for_status().json()
        if said.get("key"):
            self.shown.append(said["key"])
        return said

    def grant(self, alias: str, *roles: str) -> dict[str, Any]:
        return self.call("POST", body={"alias": alias, "name": "N", "roles": roles})

    def judge(self, key: str) -> str:
        return str(self.call("POST", "/verify", {"key": key})["code"])


def changed_by(caller: Caller, actor: str) -> dict[str, set[str]]:
    """Return what an admin key changed, by key: from the list and every history."""
    found: dict[str, set[str]] = {}
    for item in caller.call("GET", "?limit=100")["items"]:
        for event in caller.call("GET", f"/{item['id']}/events?limit=100")["items"]:
            if event["actor"].startswith(f"{actor}:"):
                found.setdefault(item["id"], set()).add(event["type"])
    return found


@pytest.mark.prove
def test_whatever_a_leaked_admin_key_got_hold_of_is_ended(stack: Stack) -> None:
    owner = Caller(stack, stack.admin_key)
    victims = {
        alias: owner.grant(alias, "user")["id"] for alias in ("renewed", "rotated", "widened")
    }
    untouched = owner.grant("untouched", "user")
    leaked = owner.grant("leaked-admin", "admin")
    thief = Caller(stack, leaked["key"])
    made = thief.grant("backdoor", "admin")["id"]
    thief.grant("renewed", "user")
    thief.grant("widened", "user", "admin")
    thief.call("POST", f"/{victims['rotated']}/rotate", {})
    second = Caller(stack, thief.shown[0])
    second.grant("backdoor-2", "admin")

    started = time.monotonic()
    # 1: a key of one's own, past the API; and the leaked one ends.
    fresh = stack.invoke(
        "CreateKeyFunction", {"alias": "new-admin", "name": "N", "roles": ["admin"]}
    )
    admin = Caller(stack, fresh["key"])
    admin.call("DELETE", f"/{leaked['id']}?reason=compromised")
    # 2 and 3: what it changed, and what those changed that it made.
    suspects, handled = [leaked["id"]], set()
    while suspects:
        actor = suspects.pop()
        deadline = time.monotonic() + PATIENCE
        wanted = {leaked["id"]: {made, *victims.values()}}.get(actor, set())
        while not (found := changed_by(admin, actor)).keys() >= wanted:
            assert time.monotonic() < deadline, "the history did not come"
            time.sleep(0.3)
        for id, kinds in found.items():
            if id in handled:
                continue
            handled.add(id)
            if "Key Created" in kinds:
                admin.call("DELETE", f"/{id}?reason=compromised")
                suspects.append(id)
            else:
                record = admin.call("GET", f"/{id}")
                admin.grant(record["alias"], "user")
                admin.call("POST", f"/{id}/rotate", {"force": True, "grace_seconds": 0})
    took = time.monotonic() - started

    assert handled >= {made, *victims.values()}
    assert untouched["id"] not in handled
    for string in (leaked["key"], *thief.shown, *second.shown):
        assert admin.judge(string) in {"revoked", "expired", "not_found"}
    assert admin.judge(untouched["key"]) == "valid"
    assert all(admin.call("GET", f"/{id}")["roles"] == ["user"] for id in victims.values())
    # 4: nothing new of the leaked key.
    assert set(changed_by(admin, leaked["id"])) == {made, *victims.values()}
    sys.stdout.write(f"leaked admin key: {len(handled)} keys found and ended in {took:.1f} s\n")
