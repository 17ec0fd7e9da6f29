"""The one line that a decision about a presented key leaves in the log.

It is an Embedded Metric Format document, so the same line is the record, the metrics and the source
of usage: ids, alias and outcome, never the key.
"""

import json
import sys
import time

from keyturn.keys import Verdict

_NAMESPACE = "Keyturn"
_SERVICE = "keyturn"


def write(verdict: Verdict | None, request_id: str, started: float, detail: str = "") -> None:
    """Write the line; no verdict means that nobody can know, and `detail` says what failed.

    `started` is `time.perf_counter()` at the event's arrival; latency is in milliseconds.
    """
    reason = "unavailable" if verdict is None else verdict.outcome
    metric = {"valid": "Allowed", "unavailable": "Failed"}.get(reason, "Denied")
    line: dict[str, object] = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": _NAMESPACE,
                    "Dimensions": [["service"], ["service", "reason"]],
                    "Metrics": [
                        {"Name": metric, "Unit": "Count"},
                        {"Name": "Latency", "Unit": "Milliseconds"},
                    ],
                }
            ],
        },
        "service": _SERVICE,
        "message": "decision",
        "reason": reason,
        metric: 1,
        "Latency": round((time.perf_counter() - started) * 1000, 3),
        "request_id": request_id,
    }
    if verdict and verdict.credential:
        line["id"] = verdict.credential.id
        line["alias"] = verdict.credential.alias
        line["generation"] = verdict.generation
    if detail:
        line["detail"] = detail
    sys.stdout.write(json.dumps(line) + "\n")
