import json
import time

import pytest

from keyturn import decision
from keyturn.keys import Outcome, Verdict
from tests.support import NOW, Clock, Output, api_key

KEY = api_key(alias="billing", generation=2)


def written(output: Output) -> dict[str, object]:
    (record,) = output.records()
    return record


@pytest.mark.parametrize(
    ("outcome", "metric"),
    [
        (Outcome.VALID, "Allowed"),
        (Outcome.INSUFFICIENT_ROLE, "Denied"),
        (Outcome.EXPIRED, "Denied"),
        (Outcome.REVOKED, "Denied"),
        (Outcome.NOT_FOUND, "Denied"),
        (Outcome.MALFORMED, "Denied"),
    ],
)
def test_one_line_is_the_record_and_the_metrics(
    outcome: Outcome, metric: str, clock: Clock, output: Output
) -> None:
    decision.write(Verdict(outcome), "request", time.perf_counter())

    line = written(output)
    emf = line.pop("_aws")
    assert isinstance(line.pop("Latency"), float)
    assert line == {
        "service": "keyturn",
        "message": "decision",
        "reason": str(outcome),
        metric: 1,
        "request_id": "request",
    }
    assert emf == {
        "Timestamp": clock.now * 1000,
        "CloudWatchMetrics": [
            {
                "Namespace": "Keyturn",
                "Dimensions": [["service"], ["service", "reason"]],
                "Metrics": [
                    {"Name": metric, "Unit": "Count"},
                    {"Name": "Latency", "Unit": "Milliseconds"},
                ],
            }
        ],
    }


def test_a_key_that_is_known_is_named(output: Output) -> None:
    decision.write(Verdict(Outcome.VALID, KEY, 1, NOW), "request", time.perf_counter())

    line = written(output)
    assert (line["id"], line["alias"], line["generation"]) == (KEY.id, "billing", 1)


def test_a_failure_is_its_own_metric_and_says_what_failed(output: Output) -> None:
    decision.write(None, "request", time.perf_counter(), "GetItem: ThrottlingException")

    line = written(output)
    assert (line["reason"], line["Failed"]) == ("unavailable", 1)
    assert line["detail"] == "GetItem: ThrottlingException"
    assert not line.keys() & {"Allowed", "Denied", "id"}


def test_latency_is_in_milliseconds(output: Output) -> None:
    decision.write(Verdict(Outcome.VALID), "request", time.perf_counter() - 0.25)

    latency = written(output)["Latency"]
    assert isinstance(latency, float)
    assert 250 <= latency < 10_000


def test_a_line_break_in_an_alias_makes_no_second_line(output: Output) -> None:
    verdict = Verdict(Outcome.VALID, api_key(alias="a\n{}\u2028\x85"), 1, NOW)

    decision.write(verdict, "request", time.perf_counter())

    assert output.text.count("\n") == 1
    assert json.loads(output.text)["alias"] == "a\n{}\u2028\x85"
