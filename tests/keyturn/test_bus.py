import json

import pytest

from keyturn import aws as sdk
from keyturn.bus import Bus
from keyturn.changes import Change, Happening
from keyturn.errors import Unavailable
from tests.support import NOW, api_key, by
from tests.support_aws import Answer, Aws, Call, lost_reply, lost_request, refused

BUS = Bus(sdk.events(), "default")
CHANGE = Change(Happening.CREATED, NOW, by("admin"), api_key())


def failing(code: str) -> Answer:
    reply = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "quoted"}]}
    headers = [("Content-Type", "application/x-amz-json-1.1")]
    return Answer("200 OK", headers, json.dumps(reply).encode())


def test_change_is_one_event_of_the_time_it_happened(aws: Aws) -> None:
    BUS.tell(CHANGE)

    (sent,) = aws.sent
    (entry,) = json.loads(sent)["Entries"]
    assert json.loads(entry.pop("Detail")) == CHANGE.detail()
    assert entry == {
        "EventBusName": "default",
        "Source": "keyturn",
        "DetailType": "Key Created",
        "Time": NOW,
    }


def test_event_that_the_bus_did_not_take_is_said_though_the_call_succeeded(aws: Aws) -> None:
    def fault(_call: Call) -> Answer:
        return failing("InternalFailure")

    aws.plan("PutEvents", fault)

    with pytest.raises(Unavailable) as caught:
        BUS.tell(CHANGE)
    assert caught.value.detail == "PutEvents: InternalFailure"


@pytest.mark.parametrize("fault", [lost_request, refused("InternalException", 500)])
def test_bus_that_does_not_answer_is_said(aws: Aws, fault: object) -> None:
    aws.plan("PutEvents", fault, fault)  # type: ignore[arg-type]

    with pytest.raises(Unavailable):
        BUS.tell(CHANGE)


def test_lost_reply_tells_the_same_event_again(aws: Aws) -> None:
    aws.plan("PutEvents", lost_reply)

    BUS.tell(CHANGE)

    assert aws.calls == ["PutEvents", "PutEvents"]
    assert aws.sent[0] == aws.sent[1]
