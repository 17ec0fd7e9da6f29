"""Our authorizer: REST event in, policy out, its line written."""

import json
import os
from pathlib import Path

from lambda_event import KEY, Context, event

import authorize
from keyturn import row
from keyturn.keys import Credential

_CONTEXT = Context()


def first() -> None:
    """Decide once."""
    answer = authorize.handler(event(KEY), _CONTEXT)
    if answer["policyDocument"]["Statement"][0]["Effect"] != "Allow":
        raise SystemExit("not let in")


def verify(times: int) -> None:
    """Decide with the read."""
    asked = event(KEY)
    for _ in range(times):
        authorize.handler(asked, _CONTEXT)


def without_read(times: int) -> None:
    """Decide where the reader already holds the row: everything that is ours, but the read."""
    read, authorize.read = authorize.read, _fixed()
    try:
        first()
        verify(times)
    finally:
        authorize.read = read


def refused_check(times: int) -> None:
    """Refuse a key whose check is wrong."""
    _refused(times, os.environ["BENCH_MISSPELT"])


def refused_form(times: int) -> None:
    """Refuse what is no key."""
    _refused(times, "0123456789abcdef0123456789abcdef")


def _refused(times: int, key: str) -> None:
    asked = event(key)
    for _ in range(times):
        try:
            authorize.handler(asked, _CONTEXT)
        except authorize.Unauthorized:
            continue
        raise SystemExit("not refused")


def _fixed() -> "authorize.Reader":
    answers = Path(os.environ["BENCH_FOLDER"], "answers.json").read_text()
    item = json.loads(answers)["GetItem keys"]["Item"]

    def read(_: str) -> Credential:
        return row.to_credential(item)

    return read


CASES = {
    "ours": verify,
    "own_logic": without_read,
    "refused_check": refused_check,
    "refused_form": refused_form,
}
