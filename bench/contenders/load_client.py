"""What clients do under load, and what each knows of its keys: run by locust, for `bench.load`.

Every client has keys of its own, so it knows what each answer must be, and says where one is not.
What they knew at the end goes to `LOAD_REPORT`, with hashes for the key strings' secrets.

The tasks tagged `both` are those that the Flask service has, too.
"""

import hashlib
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant, events, tag, task

PATH = "/api/apikey"
ADMIN = os.environ["LOAD_ADMIN_KEY"]
REPORT = Path(os.environ["LOAD_REPORT"])
AT_FIRST = 10  # keys of a client
_SHOWN = 20

clients = count()
wrong: list[str] = []
statuses: Counter[str] = Counter()
everything: list["Key"] = []


@dataclass
class Key:
    """A key as its client knows it; `version` counts its changes."""

    alias: str
    text: str = field(repr=False)
    body: dict[str, Any] = field(repr=False)
    is_active: bool = True
    version: int = 1
    sure: bool = True

    @property
    def id(self) -> str:
        """Return what a URL names it by: the Flask service knows keys by their strings alone."""
        return str(self.body.get("id", self.text))

    def known(self) -> dict[str, Any]:
        """Return what its row must hold."""
        secret = self.text.rpartition("_")[2][:32]
        fields = {name: self.body.get(name) for name in ("id", "name", "roles", "expire")}
        return {
            **fields,
            "alias": self.alias,
            "generation": self.body.get("generation"),
            "is_active": self.is_active,
            "version": self.version,
            "secret_hash": hashlib.sha256(secret.encode()).hexdigest(),
            "sure": self.sure,
        }


class Client(FastHttpUser):
    """Somebody with an admin key, who goes on as soon as the last answer is there."""

    wait_time = constant(0)
    network_timeout = connection_timeout = 60.0

    def on_start(self) -> None:
        """Make the first keys."""
        self.number = next(clients)
        self.dice = random.Random(self.number)  # noqa: S311 - the same load every time
        self.keys: list[Key] = []
        for _ in range(AT_FIRST):
            self.create()

    @tag("both")
    @task(12)
    def create(self) -> None:
        """Make a key for a new alias."""
        alias = f"load/{self.number}/{len(self.keys)}"
        status, body = self._ask("create", "POST", "", self._wanted(alias))
        if self._is("create", (status, body.get("alias")), (201, alias)):
            self.keys.append(Key(alias, body["key"], body))
            everything.append(self.keys[-1])

    @tag("both")
    @task(8)
    def renew(self) -> None:
        """Renew one, in whatever state it is: the same string, active again."""
        key = self._any()
        status, body = self._ask("renew", "POST", "", self._wanted(key.alias), key)
        if self._is("renew", (status, body.get("key") == key.text), (200, True)):
            key.body, key.is_active = body, True
            key.version += 1

    @tag("both")
    @task(4)
    def revoke(self) -> None:
        """Revoke one: 404, where it is revoked already."""
        key = self._any()
        status, _ = self._ask("revoke", "DELETE", f"/{key.id}", None, key)
        expected = 200 if key.is_active else 404
        if self._is("revoke", status, expected) and key.is_active:
            key.is_active = False
            key.version += 1

    @tag("both")
    @task(25)
    def present(self) -> None:
        """Come with a key that is no admin's: let in and then refused, or not let in."""
        key = self._any()
        status, _ = self._ask("present", "POST", "", {}, by=key.text)
        self._is("present", status, 403 if key.is_active else 401)

    @task(40)
    def verify(self) -> None:
        """Have one verified, as it is or misspelt."""
        key, misspelt = self._any(), self.dice.random() < 0.1  # noqa: PLR2004
        asked = {"key": key.text[:-1] if misspelt else key.text}
        status, body = self._ask("verify", "POST", "/verify", asked)
        code = "malformed" if misspelt else "valid" if key.is_active else "revoked"
        expected: dict[str, Any] = {"valid": code == "valid", "code": code}
        if code == "valid":
            names = ("id", "alias", "roles", "expire", "generation")
            expected |= {name: key.body[name] for name in names}
        self._is("verify", (status, body), (200, expected))

    @task(6)
    def rotate(self) -> None:
        """Rotate one without grace: 409, where it is revoked."""
        key = self._any()
        status, body = self._ask("rotate", "POST", f"/{key.id}/rotate", {"grace_seconds": 0}, key)
        if not key.is_active:
            self._is("rotate", (status, body.get("code")), (409, "key_inactive"))
            return
        before = key.body["generation"]
        if self._is("rotate", (status, body.get("generation")), (200, before + 1)):
            self._is("rotate", body["key"] != key.text, expected=True)
            key.text, key.body = body["key"], body
            key.version += 1

    @task(3)
    def list(self) -> None:
        """List one's own, a page of them."""
        query = f"?alias_prefix=load/{self.number}/&limit=20"
        status, body = self._ask("list", "GET", query)
        mine = {key.alias: key.id for key in self.keys}
        shown = {item["alias"]: item["id"] for item in body.get("items", [])}
        self._is("list", (status, len(shown)), (200, min(len(mine), 20)))
        self._is("list", [a for a in shown if mine.get(a) != shown[a]], [])

    @task(2)
    def get(self) -> None:
        """Read one."""
        key = self._any()
        status, body = self._ask("get", "GET", f"/{key.id}")
        read = (status, body.get("generation"), body.get("is_active"), body.get("expire"))
        expected = (200, key.body["generation"], key.is_active, key.body["expire"])
        self._is("get", read, expected)

    def _any(self) -> Key:
        return self.dice.choice([key for key in self.keys if key.sure])

    def _wanted(self, alias: str) -> dict[str, Any]:
        days = self.dice.randrange(1, 365)
        return {"alias": alias, "name": f"{days}", "roles": ["user"], "ttl_days": days}

    def _ask(  # noqa: PLR0913, PLR0917 - a request has so many parts
        self,
        verb: str,
        method: str,
        path: str,
        body: object = None,
        key: Key | None = None,
        by: str = ADMIN,
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; a change of `key` whose outcome is not known makes it unsure."""
        with self.client.request(
            method,
            f"{PATH}{path}",
            name=verb,
            json=body,
            headers={"X-API-Key": by},
            catch_response=True,
        ) as response:
            status = response.status_code or 0
            statuses[f"{verb} {status}"] += 1
            if status == 0 or status >= 500:  # noqa: PLR2004
                response.failure(f"{verb}: {status}")
                if key:
                    key.sure = False
                return 0, {}
            response.success()
            return status, response.json()

    def _is(self, verb: str, found: object, expected: object) -> bool:
        if _status(found) == 0:  # an error, and counted as one
            return False
        if found != expected and len(wrong) < _SHOWN:
            # What was found may hold a key: only its status, if that is what differs, is told.
            said, meant = _status(found), _status(expected)
            wrong.append(f"{verb}: a field" if said == meant else f"{verb}: {said}, not {meant}")
        return found == expected


def _status(answer: object) -> object:
    return answer[0] if isinstance(answer, tuple) else answer


@events.quitting.add_listener
def report(environment: Any, **_: object) -> None:  # noqa: ANN401 - locust's
    """Write what was measured, and what is known."""
    stats = environment.stats.entries.values()
    verbs = {
        each.name: {
            "requests": each.num_requests,
            "failed": each.num_failures,
            "per_second": round(each.total_rps, 2),
            **{
                f"p{share}_ms": each.get_response_time_percentile(share / 100)
                for share in (50, 95, 99)
            },
        }
        for each in stats
    }
    said = {
        "verbs": verbs,
        "statuses": dict(sorted(statuses.items())),
        "wrong": wrong,
        "keys": [key.known() for key in everything],
    }
    REPORT.write_text(json.dumps(said), encoding="utf-8")
