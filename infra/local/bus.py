"""EventBridge: events that were put on a bus, and the schedule, reach the functions of the rules.

The emulator takes events and invokes nothing, so it tells here what it took (see `emulator`).
"""

import json
import queue
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from infra.local.emulator import Taken
from infra.local.invocations import given_up, invoke_later
from infra.local.resources import ACCOUNT, REGION
from infra.local.rules import Event, Rule

_LOOK_SECONDS = 0.1


def deliver(taken: Taken, rules: Iterable[Rule], ending: threading.Event) -> None:
    """Hand on what is taken, until the end."""
    rules = list(rules)
    while not ending.is_set():
        try:
            entry = taken.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            continue
        bus = entry.get("EventBusName", "default").rpartition("/")[2]
        event = _event(
            entry["EventId"],
            (entry["Source"], entry["DetailType"]),
            entry.get("Time", time.time()),
            entry.get("Resources", []),
            json.loads(entry["Detail"]),
        )
        for rule in rules:
            if rule.takes(bus, event):
                _invoke(rule, event, ending)


def keep_time(rules: Iterable[Rule], seconds: float, ending: threading.Event) -> None:
    """Invoke what is on a schedule every so many seconds, whatever the template says."""
    scheduled = [rule for rule in rules if rule.pattern is None]
    while not ending.wait(seconds):
        for rule in scheduled:
            kind = ("aws.events", "Scheduled Event")
            event = _event(str(uuid.uuid4()), kind, time.time(), [rule.arn], {})
            _invoke(rule, event, ending)


def _invoke(rule: Rule, event: Event, ending: threading.Event) -> None:
    for target in rule.targets:
        try:
            invoke_later(target.function, target.input(event), ending)
        except ValueError:
            given_up(target.function, "an event that the rule's transformer makes no JSON of")


def _event(
    id: str, kind: tuple[str, str], epoch: float, about: list[str], detail: dict[str, Any]
) -> Event:
    source, detail_type = kind
    return {
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": about,
        "detail": detail,
    }
