"""The routes of the template that ask an authorizer, each behind the one it declares."""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from tests.infra.declared import resolved
from tests.support import Answer, Context, Handler, answer, request
from tests.support_authorizer import API, authorizer, rest
from tests.support_policy import allows

Route = tuple[str, str]

_API = resolved("AWS::Serverless::Api")["Api"]
_FUNCTIONS = resolved("AWS::Serverless::Function")


def _asks_for(name: str) -> str:
    arn = _API["Auth"]["Authorizers"][name]["FunctionArn"]
    function = _FUNCTIONS[arn.removesuffix(".Alias")]
    return str(function["Environment"]["Variables"]["REQUIRED_ROLES"])


def _routes() -> dict[Route, tuple[str, str]]:
    """Return (function's module, authorizer's name) by method and resource."""
    default = _API["Auth"]["DefaultAuthorizer"]
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): (
            function["Handler"].partition(".")[0],
            event["Properties"].get("Auth", {}).get("Authorizer", default),
        )
        for function in _FUNCTIONS.values()
        for event in function.get("Events", {}).values()
    }


_ALL = _routes()
OPEN = {route for route, (_, name) in _ALL.items() if name == "NONE"}
ROUTES = {route: declared for route, declared in _ALL.items() if route not in OPEN}
ASKED_ROLES = {name: _asks_for(name) for name in _API["Auth"]["Authorizers"]}
with pytest.MonkeyPatch.context() as patch:
    AUTHORIZERS: dict[str, ModuleType] = {
        name: authorizer(patch, roles) for name, roles in ASKED_ROLES.items()
    }


def handler_of(route: Route) -> Handler:
    """Return the function behind a route."""
    handler: Handler = importlib.import_module(ROUTES[route][0]).handler
    return handler


def ask(
    route: Route, key: str, body: bytes | None = None, path: Mapping[str, str] | None = None
) -> Answer:
    """Send a request with this key; what the gateway refuses is 401 or 403 without a body."""
    method, resource = route
    _, name = ROUTES[route]
    event = request(method, resource, path=path, body=body, caller=None)
    question = rest({"Authorization": [f"Bearer {key}"]}) | {
        "methodArn": f"{API}/live/{method}{event['path']}"
    }
    try:
        decision = AUTHORIZERS[name].handler(question, Context())
    except AUTHORIZERS[name].Unauthorized:
        return Answer(401, {}, {})
    if not allows(decision["policyDocument"], question["methodArn"]):
        return Answer(403, {}, {})
    event = request(method, resource, path=path, body=body, caller=decision["context"])
    return answer(handler_of(route), event)


def body_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a row says what its key may do, and whose it is."""
    names = ("id", "alias", "roles", "is_active", "generation", "secret_hash", "name", "updated_by")
    return {name: row[name] for name in names}
