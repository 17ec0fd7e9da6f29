"""What the template says of the API: its routes, who may call them, what the gateway answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from infra.local.resources import REGION
from infra.local.template import Template

PREFIX = "/api/"

_PATH = Path(__file__).parents[2] / "template.yaml"
_PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "keyturn",
    "AWS::URLSuffix": "amazonaws.com",
}
_API = "AWS::Serverless::Api"
_FUNCTION = "AWS::Serverless::Function"
_UNREADABLE = 400  # what the gateway cannot read has no one status; this is the usual one


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    module: str
    """The handler's."""
    roles: list[str]
    """Of which the caller's key needs one; none, any valid key will do."""


class Refusal(NamedTuple):
    """What can be answered instead: status, code and message, and headers that others have not."""

    status: int
    code: str
    message: str
    headers: frozenset[str] = frozenset()


def template() -> Template:
    """Return the template with its defaults."""
    return Template(_PATH, _PSEUDO, lambda name, part: f"{name}.{part}")


def environment() -> dict[str, str]:
    """Return the variables of the functions that serve the API."""
    found: dict[str, Any] = {}
    for _, function in template().resources(_FUNCTION):
        if any(event["Type"] == "Api" for event in function.get("Events", {}).values()):
            found |= function["Environment"]["Variables"]
    return {name: str(value) for name, value in found.items()}


def routes() -> Iterator[Route]:
    """Yield what is served below `PREFIX`."""
    functions = dict(template().resources(_FUNCTION))
    auth = _api()["Auth"]
    for function in functions.values():
        for event in function.get("Events", {}).values():
            route = event["Properties"]
            if event["Type"] != "Api" or not route["Path"].startswith(PREFIX):
                continue
            asked = route.get("Auth", {}).get("Authorizer", auth["DefaultAuthorizer"])
            authorizer, _, _ = auth["Authorizers"][asked]["FunctionArn"].partition(".")
            roles = functions[authorizer]["Environment"]["Variables"]["REQUIRED_ROLES"]
            yield Route(
                method=route["Method"].lower(),
                path=route["Path"],
                module=function["Handler"].removesuffix(".handler"),
                roles=[] if roles == "*" else str(roles).split(","),
            )


def refusals() -> set[Refusal]:
    """Return what the gateway answers by itself, on any route."""
    found = set()
    for response in _api()["GatewayResponses"].values():
        (body,) = response["ResponseTemplates"].values()
        said = json.loads(body)
        found.add(
            Refusal(
                status=int(response.get("StatusCode", _UNREADABLE)),
                code=said["code"],
                message=said["error"],
                headers=frozenset(response["ResponseParameters"]["Headers"]),
            )
        )
    return found


def _api() -> dict[str, Any]:
    ((_, api),) = template().resources(_API)
    return api
