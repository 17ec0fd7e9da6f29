"""Our authorizer, asked for another key each time."""

import json
import os
from itertools import cycle
from pathlib import Path

from lambda_event import Context, event

import authorize

_CONTEXT = Context()
_KEYS = json.loads(Path(os.environ["BENCH_FOLDER"], "keys.json").read_text())
_EVENTS = cycle([event(key) for key in _KEYS])


def verify(times: int) -> None:
    """Decide, and let each of them in."""
    for _ in range(times):
        answer = authorize.handler(next(_EVENTS), _CONTEXT)
        if answer["policyDocument"]["Statement"][0]["Effect"] != "Allow":
            raise SystemExit("not let in")


CASES = {"verify": verify}
