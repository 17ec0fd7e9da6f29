"""Everything that may be late, lost or wrong has an alarm, on the metric that AWS or we give it."""

import json
from typing import Any

import pytest

from tests.infra.declared import resolved

TOPIC = "arn:aws:sns:us-east-1:123456789012:people"
ALARMS = resolved("AWS::CloudWatch::Alarm", {"AlarmTopicArn": TOPIC})
BY_EVENTS = (
    *("RotateOnEventFunction", "RotateSecretFunction"),
    *("PublishEventsFunction", "RecordUsageFunction"),
)


def watched(namespace: str, metric: str) -> dict[str, dict[str, Any]]:
    """Return the alarms on a metric, by the value of their one dimension."""
    found = {}
    for alarm in ALARMS.values():
        if (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric):
            (dimension,) = alarm["Dimensions"]
            found[f"{dimension['Name']} {dimension['Value']}"] = alarm
    return found


@pytest.mark.row("F10")
def test_whatever_is_kept_for_somebody_to_look_at_has_an_alarm() -> None:
    queues = watched("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert queues.keys() == {f"QueueName {name}.QueueName" for name in resolved("AWS::SQS::Queue")}
    # The mapping counts only where it is told to.
    mapping = resolved("AWS::Lambda::EventSourceMapping")["PublishEventsMapping"]
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
    assert watched("AWS/Lambda", "OnFailureDestinationDeliveredEventCount").keys() == {
        "EventSourceMappingUUID PublishEventsMapping.Ref"
    }


def test_what_cannot_even_be_kept_has_an_alarm() -> None:
    assert watched("AWS/Lambda", "DestinationDeliveryFailures").keys() == {
        "FunctionName PublishEventsFunction.Ref",
        "FunctionName RecordUsageFunction.Ref",
        "FunctionName RotateOnEventFunction.Ref",
    }


def test_every_function_that_nobody_waits_for_has_an_alarm_on_its_errors() -> None:
    functions = resolved("AWS::Serverless::Function")
    assert {name for name, f in functions.items() if "Events" not in f} >= {*BY_EVENTS}
    assert watched("AWS/Lambda", "Errors").keys() == {f"FunctionName {f}.Ref" for f in BY_EVENTS}


def test_changes_told_more_than_five_minutes_late_raise_an_alarm() -> None:
    (late,) = watched("AWS/Lambda", "IteratorAge").values()
    assert (late["Statistic"], late["Threshold"]) == ("Maximum", 300_000)


@pytest.mark.parametrize("metric", ["SweepFailed", "EventRefused", "UsageUnreadable"])
def test_what_the_function_counts_has_an_alarm_where_it_counts_it(
    metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from keyturn import web  # noqa: PLC0415 - its log would be another's

    web.count(metric)
    (said,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = said["_aws"]["CloudWatchMetrics"]
    ((dimension,),) = counted["Dimensions"]

    assert counted["Metrics"][0]["Name"] == metric
    found = watched(counted["Namespace"], metric)
    assert found.keys() == {f"{dimension} {said[dimension]}"}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_is_to_be_done_and_is_quiet_where_nothing_happens(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmDescription"]
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["MetricName"] == "IteratorAge" or alarm["Threshold"] == 0


def test_alarms_notify_the_topic_where_there_is_one() -> None:
    assert {tuple(alarm["AlarmActions"]) for alarm in ALARMS.values()} == {(TOPIC,)}
    assert {tuple(alarm["OKActions"]) for alarm in ALARMS.values()} == {(TOPIC,)}
    silent = resolved("AWS::CloudWatch::Alarm").values()
    assert [alarm for alarm in silent if {"AlarmActions", "OKActions"} & alarm.keys()] == []
