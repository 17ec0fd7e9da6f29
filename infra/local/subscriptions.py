"""CloudWatch Logs' subscriptions: lines of a function's log reach the function that wants them.

In batches of one log stream, each once, where AWS may deliver one again. Filter patterns are those
on JSON that compare strings, and all of whose terms must hold; one that is not is refused, so that
no line is let through, or kept out, by what was not understood.
"""

import base64
import gzip
import json
import queue
import re
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from infra.local.functions import Function
from infra.local.invocations import invoke_later
from infra.local.resources import ACCOUNT, Resources
from infra.local.template import TemplateError

_WAIT_SECONDS = 0.5  # on AWS, some seconds
_COMPARED = r'\$\.(\w+(?:\.\w+)*)\s*=\s*"([^"\\]*)"'
_TERM = re.compile(rf"\s*(?:{_COMPARED}|\(\s*{_COMPARED}\s*\))\s*")


class Subscription:
    """What one function wants of another one's log."""

    def __init__(self, name: str, group: str, pattern: str, function: Function) -> None:
        """Take the filter's name, the log group's, the filter's pattern, and who wants it.

        Raises:
            TemplateError: a pattern that is not supported here.
        """
        self._wanted = _read(pattern, name)
        self._head = {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": group,
            "logStream": "local",
            "subscriptionFilters": [name],
        }
        self._function = function
        self._ids = count(time.time_ns())
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def take(self, line: str) -> None:
        """Keep a line for the next batch, where the filter lets it through."""
        if _matches(self._wanted, line):
            at = int(time.time() * 1000)
            self._events.put({"id": f"{next(self._ids):056}", "timestamp": at, "message": line})

    def deliver(self, ending: threading.Event) -> None:
        """Hand on what has come since the last time, if anything."""
        events = [self._events.get() for _ in range(self._events.qsize())]
        if events:
            batch = json.dumps({**self._head, "logEvents": events}).encode()
            data = base64.b64encode(gzip.compress(batch)).decode()
            invoke_later(self._function, {"awslogs": {"data": data}}, ending)


def read(resources: Resources, functions: Mapping[str, Function]) -> list[Subscription]:
    """Return the template's subscriptions, which listen from now on; `functions` by logical id.

    Raises:
        TemplateError: a log that none of the functions writes, or that the subscriber itself does;
            a destination that is none of them; or what is not supported here.
    """
    by_arn = {function.arn: function for function in functions.values()}
    writers: dict[str, list[Function]] = {}
    for logical_id, declared in resources.template.resources("AWS::Serverless::Function"):
        if logical_id in functions and "LoggingConfig" in declared:
            group = declared["LoggingConfig"].get("LogGroup")
            writers.setdefault(group, []).append(functions[logical_id])
    found = []
    for name, declared in resources.template.resources("AWS::Logs::SubscriptionFilter"):
        group, destination = declared["LogGroupName"], by_arn.get(declared["DestinationArn"])
        if group not in writers or destination is None:
            raise TemplateError(f"{name}: its log, or its destination, is none of the functions'")
        if destination in writers[group]:
            raise TemplateError(f"{name}: what it delivers is logged there, and would come again")
        found.append(Subscription(name, group, declared["FilterPattern"], destination))
        for function in writers[group]:
            function.listeners.append(found[-1].take)
    return found


def deliver(subscriptions: Iterable[Subscription], ending: threading.Event) -> None:
    """Hand on what is logged, until the end."""
    subscriptions = list(subscriptions)
    while not ending.wait(_WAIT_SECONDS):
        for subscription in subscriptions:
            subscription.deliver(ending)


def _read(pattern: str, name: str) -> list[tuple[list[str], re.Pattern[str]]]:
    """Return what the pattern asks for: the path of a string, and what it must be like."""
    text = pattern.strip()
    terms = [_TERM.fullmatch(term) for term in text[1:-1].split("&&")]
    if f"{text[:1]}{text[-1:]}" != "{}" or not all(terms):
        raise TemplateError(f"{name}: a filter pattern that is not supported by the local stack")
    compared = [[part for part in term.groups() if part is not None] for term in terms if term]
    return [
        (path.split("."), re.compile(".*".join(map(re.escape, like.split("*"))), re.DOTALL))
        for path, like in compared
    ]


def _matches(wanted: Iterable[tuple[list[str], re.Pattern[str]]], line: str) -> bool:
    try:
        written = json.loads(line)
    except (ValueError, RecursionError):
        return False
    for path, like in wanted:
        found = written
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, str) or not like.fullmatch(found):
            return False
    return True
