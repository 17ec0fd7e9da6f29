"""A toy API, served by the local stack: every outcome of a gateway, and none of the service."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import Stack, local_stack

NO_AWS = "http://127.0.0.1:9"

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Binary: {Type: CommaDelimitedList, Default: "*~1*"}
Globals:
  Function:
    CodeUri: code/
    Timeout: 5
    Environment: {Variables: {SHARED: "yes"}}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      BinaryMediaTypes: !Ref Binary
      Auth:
        DefaultAuthorizer: First
        Authorizers:
          First:
            FunctionArn: !Ref FirstGuard.Alias
            FunctionPayloadType: REQUEST
          Second:
            FunctionArn: !GetAtt SecondGuard.Arn
            FunctionPayloadType: REQUEST
      GatewayResponses:
        UNAUTHORIZED:
          StatusCode: 401
          ResponseParameters:
            Headers: {X-Id: context.extendedRequestId, WWW-Authenticate: "'Bearer'"}
          ResponseTemplates:
            application/problem+json: >-
              {"type":"$context.error.responseType","id":"$context.extendedRequestId",
              "resource":"$context.resourcePath","nothing":"$context.no.such"}
        DEFAULT_5XX: {StatusCode: 503, ResponseTemplates: {application/json: '"default"'}}
        INTEGRATION_FAILURE: {ResponseTemplates: {application/json: '"integration"'}}
  Timeout:
    Type: AWS::ApiGateway::GatewayResponse
    Properties:
      RestApiId: !Ref Api
      ResponseType: INTEGRATION_TIMEOUT
      StatusCode: "504"
      ResponseParameters: {gatewayresponse.header.Retry-After: "'3'"}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: open.echo
      Events:
        Make: {Type: Api, Properties: {RestApiId: !Ref Api, Method: post, Path: /items, Auth: &open
          {Authorizer: NONE}}}
        Get: {Type: Api, Properties: {Method: get, Path: "/items/{id}", Auth: *open}}
        Drop: {Type: Api, Properties: {Method: delete, Path: "/items/{id}", Auth: *open}}
        Special: {Type: Api, Properties: {Method: get, Path: /items/special, Auth: *open}}
        Sub: {Type: Api, Properties: {Method: get, Path: "/items/{id}/parts", Auth: *open}}
        File: {Type: Api, Properties: {Method: any, Path: "/files/{path+}", Auth: *open}}
        Guarded: {Type: Api, Properties: {Method: post, Path: "/guarded/{id}"}}
        Second: {Type: Api, Properties: {Method: get, Path: /second, Auth: {Authorizer: Second}}}
  Act:
    Type: AWS::Serverless::Function
    Properties:
      Handler: open.act
      Events:
        Act: {Type: Api, Properties: {Method: post, Path: /act, Auth: *open}}
  Hasty:
    Type: AWS::Serverless::Function
    Properties:
      Handler: open.act
      Timeout: 0.1
      Events:
        Act: {Type: Api, Properties: {Method: post, Path: /hasty, Auth: *open}}
  FirstGuard:
    Type: AWS::Serverless::Function
    Properties:
      Handler: guard.handler
      AutoPublishAlias: live
      Environment: {Variables: {WHO: first}}
  SecondGuard:
    Type: AWS::Serverless::Function
    Properties: {Handler: guard.handler, Environment: {Variables: {WHO: second, ALONE: "1"}}}
"""
OPEN = """
import json, os, time
from beside import SAME

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}

def act(event, context):
    import base64
    asked = json.loads(base64.b64decode(event["body"]))
    if "sleep" in asked:
        time.sleep(asked["sleep"])
    if "raise" in asked:
        raise ValueError(asked["raise"])
    return asked["answer"]
"""
GUARD = """
import json, os
from beside import SAME

WHO, ALONE = os.environ["WHO"], os.environ.get("ALONE")

def handler(event, context):
    said = {name.lower(): value for name, value in event["headers"].items()}.get("x-say")
    if said is None:
        raise Exception("Unauthorized")
    if not said.startswith("{"):
        raise Exception(said)
    decision = json.loads(said.replace("$ARN", event["methodArn"]))
    if "context" not in decision:
        decision["context"] = {"who": WHO, "alone": str(ALONE), "arn": context.invoked_function_arn,
                               "event": json.dumps(event)}
    return decision
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """What the function was given."""
        event: dict[str, Any] = json.loads(self.body)
        return event


class Toy:
    """The toy API and a client that sends targets as they are."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.port = int(stack.url.rpartition(":")[2])

    def ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items() if isinstance(headers, dict) else headers or ():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        connection.close()
        return reply

    def act(self, path: str = "/act", **asked: Any) -> Reply:  # noqa: ANN401 - any JSON
        """Have the function sleep, raise or answer."""
        return self.ask("POST", path, body=json.dumps(asked).encode())


def write_toy(folder: Path, template: str = TEMPLATE) -> Path:
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code/open.py").write_text(OPEN)
    (folder / "code/guard.py").write_text(GUARD)
    (folder / "code/beside.py").write_text("SAME = object()")
    path = folder / "template.yaml"
    path.write_text(template)
    return path


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    with local_stack(aws=NO_AWS, template=write_toy(tmp_path_factory.mktemp("toy"))) as stack:
        yield Toy(stack)
