"""The one line that a decision about a presented key leaves in the log.

It is an Embedded Metric Format document, so the same line is the record, the metrics and the source
of usage: ids, alias and outcome, never the key.
"""

import json
import sys
import time

from keyturn.keys import Outcome, Verdict
from keyturn.settings import service_name

_METRICS = {Outcome.VALID: "Allowed", None: "Failed"}


def _constant(outcome: Outcome | None) -> str:
    """Return what every line with this outcome has in common, from the metrics' names on.

    Written out once, when the module is loaded: building it anew costs more than the rest of the
    line, and every request waits for it.
    """
    metric = _METRICS.get(outcome, "Denied")
    declared = {
        "Namespace": "Keyturn",
        "Dimensions": [["service"], ["service", "reason"]],
        "Metrics": [
            {"Name": metric, "Unit": "Count"},
            {"Name": "Latency", "Unit": "Milliseconds"},
        ],
    }
    fields = {
        "service": service_name(),
        "message": "decision",
        "reason": outcome or "unavailable",
        metric: 1,
    }
    return f'"CloudWatchMetrics":[{json.dumps(declared)}]}},{json.dumps(fields)[1:-1]},'


_CONSTANTS = {outcome: _constant(outcome) for outcome in (*Outcome, None)}


def write(verdict: Verdict | None, request_id: str, started: float, detail: str = "") -> None:
    """Write the line; no verdict means that nobody can know, and `detail` says what failed.

    `started` is `time.perf_counter()` at the event's arrival; latency is in milliseconds.
    """
    varying: dict[str, object] = {
        "Latency": round((time.perf_counter() - started) * 1000, 3),
        "request_id": request_id,
    }
    if verdict and verdict.credential:
        varying["id"] = verdict.credential.id
        varying["alias"] = verdict.credential.alias
        varying["generation"] = verdict.generation
    if detail:
        varying["detail"] = detail
    constant = _CONSTANTS[verdict and verdict.outcome]
    sys.stdout.write(
        f'{{"_aws":{{"Timestamp":{int(time.time() * 1000)},{constant}{json.dumps(varying)[1:]}\n'
    )
