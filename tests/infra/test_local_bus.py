"""Events on a bus, and the schedule, reach the functions that the template's rules name."""

import json
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import background
from infra.local.resources import Resources
from infra.local.stack import Stack, local_stack
from infra.local.template import TemplateError
from tests.infra.conftest import NO_AWS, write_toy

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Place: {Type: String}}
Globals: {Function: {CodeUri: code/, Timeout: 5, Environment: {Variables: {PLACE: !Ref Place}}}}
Resources:
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: live}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: toys}}
  Note: {Type: AWS::Serverless::Function, Properties: {Handler: note.handler}}
  OnOurs:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [toy], account: [!Ref AWS::AccountId]}
      Targets: [{Id: it, Arn: !GetAtt Note.Arn}]
  OnDefault:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [toy]}
      Targets:
        - Id: it
          Arn: !GetAtt Note.Arn
          InputTransformer:
            InputPathsMap: {it: "$.detail.list[1].name", when: $.time}
            InputTemplate: '{"made":{"of":<it>},"when":<when>}'
  Off:
    Type: AWS::Events::Rule
    Properties:
      State: DISABLED
      EventBusName: !Ref Bus
      EventPattern: {source: [toy]}
      Targets: [{Id: it, Arn: !GetAtt Note.Arn}]
  Often:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: rate(1 hour)
      Targets: [{Id: it, Arn: !GetAtt Note.Arn}]
"""
NOTE = """
import json, os, pathlib, threading
writing = threading.Lock()

def handler(event, context):
    with writing, pathlib.Path(os.environ["PLACE"]).open("a") as file:
        file.write(json.dumps(event) + "\\n")
    if event.get("detail", {}).get("fails"):
        raise ValueError("what it says")
"""


class Bus:
    """The toy stack's buses, and what came of what was put on them."""

    def __init__(self, stack: Stack, place: Path) -> None:
        self.stack = stack
        self._place = place
        self.client = boto3.client("events", endpoint_url=stack.aws_endpoint)

    def put(self, bus: str, detail: dict[str, Any], **others: Any) -> str:  # noqa: ANN401
        entry: Any = {
            "EventBusName": bus,
            "Source": "toy",
            "DetailType": "Toy",
            "Detail": json.dumps(detail),
            **others,
        }
        (answer,) = self.client.put_events(Entries=[entry])["Entries"]
        return str(answer.get("EventId"))

    def noted(self) -> list[dict[str, Any]]:
        """Return what the function was given."""
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in self._place.read_text().splitlines()]
        return []

    def wait(self, for_it: Callable[[dict[str, Any]], object], times: int = 1) -> Any:  # noqa: ANN401
        """Return the first events of that kind, once there are so many."""
        for _ in range(500):
            found = [event for event in self.noted() if for_it(event)]
            if len(found) >= times:
                return found if times > 1 else found[0]
            time.sleep(0.02)
        raise AssertionError(self.noted())


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    folder = tmp_path_factory.mktemp("bus")
    template = write_toy(folder, TEMPLATE)
    (folder / "code/note.py").write_text(NOTE)
    given = {"Place": str(folder / "noted")}
    with local_stack(template=template, parameters=given, sweep_seconds=0.2) as stack:
        bus = Bus(stack, folder / "noted")
        yield bus
        bus.client.close()


def test_an_event_comes_as_eventbridge_delivers_it(bus: Bus) -> None:
    id = bus.put("toys", {"some": ["thing"]}, Resources=["arn:aws:toys:::it"])
    event = bus.wait(lambda event: event.get("id") == id)

    assert event.keys() == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources"),
        "detail",
    }
    assert (event["source"], event["detail-type"]) == ("toy", "Toy")
    assert (event["account"], event["region"]) == ("123456789012", "us-east-1")
    assert event["detail"] == {"some": ["thing"]}
    assert event["resources"] == ["arn:aws:toys:::it"]
    moment = time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    assert abs(time.mktime(moment) - time.mktime(time.gmtime())) < 60


def test_an_event_reaches_rules_of_its_own_bus_that_match_and_no_other(bus: Bus) -> None:
    others = [
        bus.put("toys", {"n": 1}, Source="other"),
        bus.put("toys", {"n": 2}, Source=""),
        bus.put("arn:aws:events:us-east-1:123456789012:event-bus/toys", {"n": 3}),
    ]
    bus.wait(lambda event: event.get("id") == others[2])
    last = bus.put("toys", {"n": 4}, Time=1_800_000_000)

    assert bus.wait(lambda event: event.get("id") == last)["time"] == "2027-01-15T08:00:00Z"
    came = [event.get("detail", {}).get("n") for event in bus.noted()]
    assert not {1, 2} & set(came)
    # Twice by name and ARN, once each: the rule that is switched off took neither.
    assert (came.count(3), came.count(4)) == (1, 1)


def test_a_target_gets_what_the_rules_transformer_makes_of_the_event(bus: Bus) -> None:
    bus.put("default", {"list": [{}, {"name": 'a "quoted" name'}]})
    made = bus.wait(lambda event: "made" in event)
    assert made["made"] == {"of": 'a "quoted" name'}
    assert made["when"].endswith("Z")


def test_what_the_transformer_makes_no_json_of_is_given_up(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.put("default", {"list": []})
    out = ""
    while "no JSON" not in out:
        out += capsys.readouterr().out
    assert '"message": "given up"' in out


def test_a_function_that_fails_is_tried_three_times_and_then_given_up(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    id = bus.put("toys", {"fails": True})
    bus.wait(lambda event: event.get("id") == id, times=3)
    out = ""
    while "given up" not in out:
        out += capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line.get("errorType") for line in lines].count("ValueError") == 3
    assert lines[-1]["what"] == "an event: ValueError"
    assert len([event for event in bus.noted() if event.get("id") == id]) == 3


def test_the_schedule_comes_by_its_own_beat(bus: Bus) -> None:
    first, second = bus.wait(lambda event: event.get("source") == "aws.events", times=2)[:2]
    assert first["id"] != second["id"]
    assert (first["detail-type"], first["detail"]) == ("Scheduled Event", {})
    assert first["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/keyturn-local-Often"]


RULE = """
  It:
    Type: AWS::Events::Rule
    Properties: {EventPattern: {source: [a]}, Targets: [{Id: it, Arn: !GetAtt Note.Arn}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{source: [a]}", "{source: [{prefix: a}]}", "a filter of source is not supported"),
        ("!GetAtt Note.Arn", "!GetAtt Bus.Arn", "It: a target that is not supported"),
        ("Id: it", "Id: it, Input: x", "It: a target that is not supported"),
        (
            "Id: it",
            "Id: it, InputTransformer: {InputPathsMap: {a: $..b}, InputTemplate: <a>}",
            "It: an input transformer that is not supported",
        ),
        (
            "Id: it",
            "Id: it, InputTransformer: {InputTemplate: <aws.events.event>}",
            "It: an input transformer that is not supported",
        ),
        (
            RULE,
            "  It: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: other}}",
            "It: the function is none of the template's",
        ),
        (
            RULE,
            "  It: {Type: AWS::Serverless::Function, Properties: {Events: {A: {Type: Schedule}}}}",
            "It: declare rules and mappings as resources",
        ),
    ],
)
def test_what_cannot_be_served_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.partition("  OnOurs:")[0] + RULE.replace(old, new))
    resources = Resources(path, "toy", {"Place": ""})
    running = background.running(
        resources, {}, queue.SimpleQueue(), {"AWS_ENDPOINT_URL": NO_AWS}, 1
    )
    with pytest.raises(TemplateError, match=message), running:
        pass
