"""Four months of a small company's keys, lived through the API with the clock turned back.

What the console shows of it is real: each key was created, renewed, rotated, used or revoked by a
request, and the sweep ran every day. For screenshots, and for tests that want a full table.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from infra.local.stack import Stack

DAY = 86_400
ADMIN = "ops-console"
SWEEP = Path(__file__).parents[2] / "events/scheduled_sweep.json"

KEYS = Path(__file__).with_name("keys.txt")
ROTATE_BY_ITSELF = {"mailer": 30, "helpdesk": 60}
METADATA = {
    "billing": {"team": "payments", "env": "production", "contact": "#payments-oncall"},
    "checkout": {"team": "storefront", "env": "production"},
    "partner-globex": {"contract": "2026-0417"},
}


@dataclass
class Clock:
    """The wall clock, set back by some days; durations go on being measured."""

    real: Callable[[], float] = time.time
    ago: float = 0

    def __call__(self) -> float:
        return self.real() - self.ago


@dataclass
class Company:
    """A stack on which all this has happened; `admin` is a key that the console is used with."""

    stack: Stack
    admin: str = field(repr=False, default="")
    ids: dict[str, str] = field(default_factory=dict)
    strings: dict[str, list[str]] = field(default_factory=dict, repr=False)


@contextmanager
def set_back(days: float) -> Iterator[Clock]:
    """Turn this process's wall clock back; with it that of the functions that run in it."""
    clock = Clock(ago=days * DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", clock)
        yield clock


def lived(stack: Stack, *, uses: bool = True) -> Company:
    """Let it happen; `uses`: also every single use of a key."""
    company = Company(stack)
    lines = KEYS.read_text("utf-8").splitlines()
    plans = [_plan(line) for line in lines if not line.startswith("#")]
    with set_back(120) as clock, httpx.Client(base_url=stack.url, timeout=30) as client:
        admin = {"alias": ADMIN, "name": "The console of operations", "roles": ["admin"]}
        company.admin = stack.invoke("CreateKeyFunction", admin | {"ttl_days": 150})["key"]
        client.headers["Authorization"] = f"Bearer {company.admin}"
        random = Random(7)  # noqa: S311 - always the same company
        for days in range(120, -1, -1):
            clock.ago = days * DAY + (9 if days else 2) * 3600
            for plan in plans:
                for ago, verb, reason in plan["happens"]:
                    if ago == days:
                        clock.ago -= random.randint(60, 900)
                        _happen(verb, reason, plan, company, client)
            if days < 91:
                stack.invoke("RotateOnEventFunction", json.loads(SWEEP.read_text("utf-8")))
            if uses:
                _use(plans, days, clock, random, company)
    return company


def _plan(line: str) -> dict[str, Any]:
    alias, name, roles, ttl, uses, happens = (part.strip() for part in line.split("|"))
    steps = [[*step.split(), ""][:3] for step in happens.split(", ")]
    grant: dict[str, Any] = {
        "alias": alias,
        "name": name,
        "roles": roles.split(","),
        "ttl_days": int(ttl),
    }
    if alias in ROTATE_BY_ITSELF:
        grant["rotate_every_days"] = ROTATE_BY_ITSELF[alias]
    if alias in METADATA:
        grant["metadata"] = METADATA[alias]
    number, _, once = uses.rstrip("*").partition("@")
    days = {int(once)} if once else set(range(31 if "*" in uses else 3))
    return {
        "alias": alias,
        "grant": grant,
        "uses": int(number),
        "days": days,
        "happens": [(int(ago), verb, reason) for verb, ago, reason in steps],
    }


def _happen(
    verb: str, reason: str, plan: dict[str, Any], company: Company, client: httpx.Client
) -> None:
    alias = plan["alias"]
    if verb == "rotate":
        answer = client.post(f"/api/apikey/{company.ids[alias]}/rotate", json={"force": True})
    elif verb == "revoke":
        answer = client.delete(f"/api/apikey/{company.ids[alias]}", params={"reason": reason})
    else:
        answer = client.post("/api/apikey", json=plan["grant"])
    said = answer.raise_for_status().json()
    if verb != "revoke":
        company.ids[alias] = said["id"]
        company.strings.setdefault(alias, []).append(said["key"])


def _use(
    plans: list[dict[str, Any]], days: int, clock: Clock, random: Random, company: Company
) -> None:
    """Present keys to the shared authorizer, as other APIs do; now and then to the wrong one."""
    day = clock.ago
    weekend = 0.35 if days % 7 in {2, 3} else 1.0
    for plan in plans:
        if plan["alias"] not in company.strings or days not in plan["days"]:
            continue
        *before, current = company.strings[plan["alias"]]
        for _ in range(round(plan["uses"] * weekend * random.uniform(0.6, 1.4))):
            clock.ago = max(120, day - random.randint(300, 6900))
            old = before and random.random() < 0.06
            lost = random.random() < 0.04
            _present(before[-1] if old else current, company.stack, "Admin" if lost else "Shared")
    clock.ago = day


def _present(key: str, stack: Stack, authorizer: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    arn = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/live/GET/things"
    context = {"requestId": "r", "extendedRequestId": "r=", "httpMethod": "GET"}
    event = {
        "type": "REQUEST",
        "methodArn": arn,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": context,
    }
    try:
        stack.invoke(f"{authorizer}AuthorizerFunction", event)
    except Exception as error:
        if getattr(error, "message", "") != "Unauthorized":
            raise
