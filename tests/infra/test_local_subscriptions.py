"""What functions log reaches the function that subscribes to it, as CloudWatch Logs delivers it."""

import base64
import gzip
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import subscriptions
from infra.local.functions import Function, FunctionError, load
from infra.local.resources import Resources
from infra.local.template import TemplateError
from keyturn.keys import Outcome
from keyturn.tally import COUNTED
from tests.infra.declared import resolved
from tests.support_usage import line

PATTERN = '{ ($.message = "decision") && ($.id = "*") }'
TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Pattern: {Type: String}}
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/aws/${AWS::StackName}/says"}}
  Own: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: own}}
  Nobodys: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: nobody's}}
  Says: {Type: AWS::Serverless::Function, Properties: {LoggingConfig: {LogGroup: !Ref Log}}}
  Wants: {Type: AWS::Serverless::Function, Properties: {LoggingConfig: {LogGroup: !Ref Own}}}
  Wanted:
    Type: AWS::Logs::SubscriptionFilter
    Properties:
      LogGroupName: !Ref Log
      FilterPattern: !Ref Pattern
      DestinationArn: !GetAtt Wants.Arn
"""
CODE = """
import logging, sys
log = logging.getLogger("says")
log.handlers = [logging.StreamHandler(sys.stdout)]
seen = []

def says(event, context):
    if "raises" in event:
        raise ValueError(event["raises"])
    sys.stdout.write(event["text"])
    if "logs" in event:
        log.error(event["logs"])

def wants(event, context):
    sys.stdout.write('{"message": "decision", "id": "own"}\\n')
    seen.append(event)
    if len(seen) == 1 and fails:
        raise ValueError("what it says")

fails = False
"""


class Toy:
    """A function that says something, and what came of it with the one that wants it."""

    def __init__(self, folder: Path, pattern: str, **changed: str) -> None:
        (folder / "code.py").write_text(CODE)
        template = folder / "template.yaml"
        text = TEMPLATE
        for old, new in changed.items():
            text = text.replace(f"!Ref {old}\n", f"!Ref {new}\n").replace(
                f"!GetAtt {old}.", f"{new}."
            )
        template.write_text(text)
        resources = Resources(template, "toy", {"Pattern": pattern})
        self.functions = {
            name: Function(
                f"{folder.name}-{name}",
                resources.attribute(name, "Arn"),
                f"code.{name.lower()}",
                folder,
                5,
                128,
                {},
            )
            for name in ("Says", "Wants")
        }
        load(self.functions.values())
        self.wants = sys.modules[f"{folder.name}-Wants:code"]
        self._subscribed = subscriptions.read(resources, self.functions)
        self.ending = threading.Event()
        self._thread = threading.Thread(
            target=subscriptions.deliver, args=(self._subscribed, self.ending), daemon=True
        )
        self._thread.start()

    def say(self, *lines: object, **others: str) -> None:
        text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        self.functions["Says"].invoke({"text": text, **others})

    def batches(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many batches, and return them decoded."""
        for _ in range(400):
            if len(self.wants.seen) >= number:
                break
            time.sleep(0.02)
        return [
            json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
            for event in self.wants.seen
        ]

    def messages(self, number: int) -> list[object]:
        """Wait for so many lines; of those that must not come none has then come before them."""
        found: list[object] = []
        for _ in range(400):
            found = [e["message"] for batch in self.batches(0) for e in batch["logEvents"]]
            if len(found) >= number:
                break
            time.sleep(0.02)
        return [json.loads(str(message)) for message in found]

    def end(self) -> None:
        self.ending.set()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Toy]]:
    monkeypatch.setattr("infra.local.subscriptions._WAIT_SECONDS", 0.05)
    monkeypatch.setattr("infra.local.invocations.PAUSES", (0.0, 0.0))
    made: list[Toy] = []

    def make(pattern: str = PATTERN, **changed: str) -> Toy:
        made.append(Toy(tmp_path, pattern, **changed))
        return made[-1]

    yield make
    for each in made:
        each.end()


def decision(number: int = 1) -> dict[str, Any]:
    return {"message": "decision", "id": "an id", "number": number}


def test_a_batch_has_the_form_that_cloudwatch_logs_gives_it(toy: Callable[..., Toy]) -> None:
    it = toy()
    it.say(decision(1), decision(2))
    (batch,) = it.batches(1)
    events = batch.pop("logEvents")

    assert batch == {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/toy/says",
        "logStream": "local",
        "subscriptionFilters": ["Wanted"],
    }
    assert [event.keys() for event in events] == [{"id", "timestamp", "message"}] * 2
    assert [json.loads(event["message"])["number"] for event in events] == [1, 2]
    assert len({event["id"] for event in events}) == 2
    assert all(len(event["id"]) == 56 and event["id"].isdecimal() for event in events)
    assert all(abs(event["timestamp"] / 1000 - time.time()) < 60 for event in events)


def test_what_the_filter_keeps_out_does_not_come(toy: Callable[..., Toy]) -> None:
    it = toy()
    others = (
        {"message": "decision"},
        {"message": "decision", "id": None},
        {"message": "decision", "id": 7},
        {"message": "decisions", "id": "x"},
        {"id": "x"},
        ["decision"],
        "decision",
        "no JSON",
        "[" * 99_999,
        "",
    )
    it.say(*others, decision(), *others)

    assert it.messages(1) == [decision()]


def test_what_a_logger_writes_comes_and_what_begins_in_one_write_ends_in_another(
    toy: Callable[..., Toy],
) -> None:
    it = toy()
    it.functions["Says"].invoke({"text": json.dumps(decision(1))[:9]})  # never ended
    it.say(decision(2), logs=json.dumps(decision(3)))

    assert it.messages(2) == [decision(2), decision(3)]


def test_what_the_runtime_says_of_a_failure_comes_too(toy: Callable[..., Toy]) -> None:
    it = toy('{ $.errorType = "Value*" }')
    with pytest.raises(FunctionError):
        it.functions["Says"].invoke({"raises": "what it says"})

    (said,) = it.messages(1)
    assert isinstance(said, dict)
    assert said["errorMessage"] == "what it says"


def test_output_goes_where_it_went_and_others_are_not_listened_to(
    toy: Callable[..., Toy], capsys: pytest.CaptureFixture[str]
) -> None:
    it = toy()
    stdout = sys.stdout
    it.say(decision())
    sys.stdout.write(json.dumps(decision(7)) + "\n")

    assert it.messages(1) == [decision()]
    assert sys.stdout is stdout
    *others, own = capsys.readouterr().out.splitlines()
    assert [json.loads(said) for said in others] == [decision(), decision(7)]
    assert json.loads(own)["id"] == "own"  # which is logged elsewhere


def test_a_batch_that_fails_is_tried_again(
    toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = toy()
    monkeypatch.setattr(it.wants, "fails", True)
    it.say(decision())

    first, second = it.batches(2)
    assert first == second


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "decision",
        "{ }",
        '$.message = "decision"',
        '{ $.message = "decision" || $.id = "*" }',
        '{ $.message != "decision" }',
        "{ $.message = decision }",
        "{ $.generation = 1 }",
        "{ $.id NOT EXISTS }",
        '{ $.ids[0] = "x" }',
        '{ ($.message = "decision" }',
        '{ $.message = "decision" && }',
        '{ $.message = "a\\"b" }',
        "{ $.message = %decision% }",
    ],
)
def test_a_pattern_that_is_not_known_here_is_refused(pattern: str, toy: Callable[..., Toy]) -> None:
    with pytest.raises(TemplateError, match="Wanted: a filter pattern"):
        toy(pattern)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Log": "Nobodys"}, "none of the functions'"),
        ({"Wants": "elsewhere"}, "none of the functions'"),
        ({"Log": "Own"}, "would come again"),
    ],
    ids=str,
)
def test_a_subscription_that_leads_nowhere_or_back_to_itself_is_refused(
    changed: dict[str, str], said: str, toy: Callable[..., Toy]
) -> None:
    with pytest.raises(TemplateError, match=f"Wanted: .*{said}"):
        toy(**changed)


def test_the_templates_pattern_is_known_and_lets_through_what_counts_for_a_key(
    toy: Callable[..., Toy],
) -> None:
    (pattern,) = {f["FilterPattern"] for f in resolved("AWS::Logs::SubscriptionFilter").values()}
    it = toy(pattern)
    it.say(*[line(outcome)[1] for outcome in [*Outcome, None]])

    found = it.messages(len(COUNTED))
    assert {said["reason"] for said in found if isinstance(said, dict)} == COUNTED
