"""Invoking a function that nobody waits for: its failures are tried again a little, then given up.

On AWS, what is given up lies in a queue or a bucket. Here it is a line in the log.
"""

import json
import sys
import threading

from infra.local.functions import Function, FunctionError

PAUSES = (0.5, 1.0)
"""Seconds before each further attempt; on AWS, minutes."""


def invoke_later(function: Function, event: object, ending: threading.Event) -> None:
    """Invoke in a thread of its own, for as long as this stack is not ending."""
    threading.Thread(target=_attempts, args=(function, event, ending), daemon=True).start()


def given_up(function: Function, what: str) -> None:
    """Say in the log that nobody tries this any more."""
    line = {"level": "ERROR", "function_name": function.name, "message": "given up", "what": what}
    sys.stdout.write(json.dumps(line) + "\n")


def _attempts(function: Function, event: object, ending: threading.Event) -> None:
    for pause in (*PAUSES, None):
        try:
            function.invoke(event)
        except FunctionError as error:
            if ending.is_set():
                return
            if pause is None:
                given_up(function, f"an event: {error.kind}")
            elif ending.wait(pause):
                return
        else:
            return
