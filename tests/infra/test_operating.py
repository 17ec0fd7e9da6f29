"""What is deployed to see the service run looks at what there is, under the names it has."""

import json
import re
from functools import cache
from typing import Any

import pytest

from keyturn import decision
from keyturn.changes import Happening
from keyturn.keys import Outcome
from tests.infra.declared import ROOT, resolved, written

NESTED = ROOT / "infra/operating.yaml"
GIVEN = written()["Resources"]["OperatingStack"]["Properties"]["Parameters"]
EVERYWHERE = {name: f"the-{name}" for name in GIVEN} | {"AlarmTopicArn": "arn:aws:sns:x"}
ALARM = "AWS::CloudWatch::Alarm"
DECLARED = resolved(ALARM, {"Rollout": "Canary10Percent5Minutes"})


def operating(kind: str) -> dict[str, dict[str, Any]]:
    return resolved(kind, EVERYWHERE, NESTED)


@cache
def counted() -> set[str]:
    """Return the names of all metrics that the functions' code writes."""
    code = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    named = set(re.findall(r'(?:count|done)\(\s*"(\w+)"', code))
    named |= set(re.findall(r'"(\w+)" if \w+\.renewed else "(\w+)"', code)[0])
    return named | {"Allowed", "Denied", "Failed", "Latency"}


def dashboard() -> list[dict[str, Any]]:
    ((_, declared),) = operating("AWS::CloudWatch::Dashboard").items()
    widgets: list[dict[str, Any]] = json.loads(declared["DashboardBody"])["widgets"]
    return widgets


def test_it_is_told_what_it_asks_for() -> None:
    assert written(NESTED)["Parameters"].keys() == GIVEN.keys()


def test_it_is_deployed_where_it_is_asked_for() -> None:
    stack = "AWS::CloudFormation::Stack"
    assert not resolved(stack)
    ((_, nested),) = resolved(stack, {"Operating": "true"}).items()
    assert (ROOT / nested["TemplateURL"]) == NESTED


def test_the_dashboard_shows_only_metrics_that_are_written() -> None:
    shown: set[str] = set()
    for widget in dashboard():
        if widget["type"] == "metric":
            names = [line[1] for line in widget["properties"]["metrics"] if line[0] != "..."]
            first = widget["properties"]["metrics"][0][0]
            shown |= set(names) if first == "Keyturn" else set()

    assert shown
    assert shown <= counted()
    assert {"Allowed", "Denied", "Failed", "Latency"} <= shown


def test_every_reason_to_refuse_is_shown() -> None:
    (reasons,) = [
        widget["properties"]["metrics"]
        for widget in dashboard()
        if widget["properties"]["title"] == "Refused, by reason"
    ]
    assert {line[-1] for line in reasons} == set(Outcome) - {Outcome.VALID}


def test_widgets_lie_beside_each_other() -> None:
    taken = [
        (x, y)
        for widget in dashboard()
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23


def test_queries_and_rules_look_for_lines_that_are_written() -> None:
    text = NESTED.read_text()
    code = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    messages = set(re.findall(r"message = ['\"]([\w ]+)['\"]", text))
    messages |= set(re.findall(r'"Match": "\$.message", "In": \["(\w+)"\]', text))

    assert messages == {"decision", "told", "event refused"}
    assert all(f'"{message}"' in code for message in messages)
    assert set(re.findall(r"type in \['([^]]+)'\]", text)[0].split("', '")) <= set(Happening)
    line = decision._constant(Outcome.REVOKED)  # noqa: SLF001 - the names in the line
    assert '"message": "decision"' in line
    assert '"reason": "revoked"' in line


@pytest.mark.parametrize("rule", operating("AWS::CloudWatch::InsightRule"))
def test_a_rule_is_one_that_cloudwatch_can_read(rule: str) -> None:
    body = json.loads(operating("AWS::CloudWatch::InsightRule")[rule]["RuleBody"])
    assert body["Schema"] == {"Name": "CloudWatchLogRule", "Version": 1}
    assert "$.reason" in body["Contribution"]["Keys"]
    assert {each["Match"] for each in body["Contribution"]["Filters"]} == {"$.message", "$.reason"}


@pytest.mark.parametrize(
    ("name", "alarm"),
    [*DECLARED.items(), *operating(ALARM).items()],
    ids=[*DECLARED, *operating(ALARM)],
)
def test_an_alarm_names_its_runbook_and_the_runbook_the_alarm(
    name: str, alarm: dict[str, Any]
) -> None:
    (page,) = re.findall(r"Runbook: (docs/runbooks/[a-z-]+\.md)", alarm["AlarmDescription"])
    text = (ROOT / page).read_text(encoding="utf-8")
    index = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")

    assert "**What it means.**" in text
    assert "**Look first.**" in text
    assert re.search(
        rf"\|[^|]*\b{name}\b[^|]*\| \[[a-z-]+\]\({page.rpartition('/')[2]}\) \|", index
    )


def test_alarms_of_callers_notify_the_topic_where_there_is_one() -> None:
    assert {tuple(alarm["AlarmActions"]) for alarm in operating(ALARM).values()} == {
        ("arn:aws:sns:x",)
    }
    silent = resolved(ALARM, {**EVERYWHERE, "AlarmTopicArn": ""}, NESTED)
    assert not [name for name, alarm in silent.items() if "AlarmActions" in alarm]
