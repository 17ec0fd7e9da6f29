"""What the local gateway makes of an authorizer's answer."""

import json
from typing import Any

import pytest

from tests.infra.conftest import Toy
from tests.infra.test_local_gateway import CONTEXT, EVENT

ALLOW = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "$ARN"}
DENY = {**ALLOW, "Effect": "Deny"}


def test_authorizer_sees_the_request_without_its_body(toy: Toy) -> None:
    said = json.dumps({"principalId": "p", "policyDocument": {"Statement": [ALLOW]}})
    context = toy.ask("POST", "/guarded/a%2Fb?q=1", {"X-Say": said}, b"secret").event[
        "requestContext"
    ]
    event = json.loads(context["authorizer"]["event"])

    assert event.keys() == EVENT - {"body", "isBase64Encoded"} | {"type", "methodArn"}
    assert event["requestContext"].keys() == CONTEXT
    assert event["requestContext"]["extendedRequestId"] == context["extendedRequestId"]
    assert event["type"] == "REQUEST"
    assert event["methodArn"].endswith(f"{context['apiId']}/live/POST/guarded/a%2Fb")
    assert event["pathParameters"] == {"id": "a%2Fb"}
    assert event["stageVariables"] == {}


def test_one_file_deployed_twice_is_two_authorizers(toy: Toy) -> None:
    said = json.dumps({"principalId": "p", "policyDocument": {"Statement": ALLOW}})
    first, second = (
        toy.ask(method, path, {"X-Say": said}).event["requestContext"]["authorizer"]
        for method, path in (("POST", "/guarded/1"), ("GET", "/second"))
    )

    assert (first["who"], first["alone"]) == ("first", "None")
    assert (second["who"], second["alone"]) == ("second", "1")
    assert first["arn"].endswith(":function:keyturn-local-FirstGuard:live")
    assert second["arn"].endswith(":function:keyturn-local-SecondGuard")


def test_context_of_the_authorizer_arrives_as_strings(toy: Toy) -> None:
    context = {"text": "é", "number": 7, "float": 1.5, "yes": True}
    decision = {"principalId": "p", "policyDocument": {"Statement": [ALLOW]}, "context": context}
    given = toy.ask("POST", "/guarded/1", {"X-Say": json.dumps(decision)}).event["requestContext"][
        "authorizer"
    ]

    assert given.pop("integrationLatency") >= 0
    assert given == {
        "principalId": "p",
        "text": "é",
        "number": "7",
        "float": "1.5",
        "yes": "true",
    }


def _decision(*statements: dict[str, Any], **changes: Any) -> str:  # noqa: ANN401
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return json.dumps({"principalId": "p", "policyDocument": policy, **changes})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (_decision(ALLOW), 200),
        (_decision({**ALLOW, "Action": "*", "Resource": "*"}), 200),
        (_decision({**ALLOW, "Action": ["x", "execute-api:*"], "Resource": ["x", "$ARN"]}), 200),
        (_decision({**ALLOW, "Resource": "arn:aws:execute-api:*:*:*/li?e/*"}), 200),
        (_decision(ALLOW, DENY), 403),
        (_decision({**ALLOW, "Resource": "*"}, {**DENY, "Resource": "*/POST/guarded/*"}), 403),
        (_decision(ALLOW, {**DENY, "Resource": "*/GET/*"}), 200),
        (_decision(), 403),
        (_decision({**ALLOW, "Action": "execute-api:ManageConnections"}), 403),
        (_decision({**ALLOW, "Resource": "*/dead/*"}), 403),
        (None, 401),
        ("Unauthorized", 401),
        ("unauthorized", 503),
        ("Unauthorized ", 401),  # HTTP takes the blank away
        ("Unauthorized!", 503),
        ("the database is down", 503),
        ("{}", 503),
        (_decision({"Effect": "Maybe"}), 503),
        (_decision({**ALLOW, "Condition": {}}), 503),
        (json.dumps({"principalId": "p", "policyDocument": "*"}), 503),
        (json.dumps({"policyDocument": {"Statement": [ALLOW]}}), 503),
        (_decision(ALLOW, principalId=None), 503),
        (_decision(ALLOW, context={"list": []}), 503),
        (_decision(ALLOW, context={"null": None}), 503),
        (_decision(ALLOW, context=[1]), 503),
    ],
)
def test_authorizer_outcome(toy: Toy, said: str | None, status: int) -> None:
    assert toy.ask("POST", "/guarded/1", {"X-Say": said} if said else {}).status == status
