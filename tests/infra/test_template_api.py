"""The API of the template: who is asked, what is logged, and what the gateway says by itself."""

import json
import re
from typing import Any

import pytest

from keyturn import errors
from tests.infra.declared import deployed, resolved, written

API = resolved("AWS::Serverless::Api")["Api"]
FUNCTIONS = resolved("AWS::Serverless::Function")
ROUTES = {
    (event["Properties"]["Method"], event["Properties"]["Path"]): (name, event)
    for name, function in FUNCTIONS.items()
    for event in function.get("Events", {}).values()
}
RESPONSES: dict[str, dict[str, Any]] = API["GatewayResponses"]
# Beside the contract: files for people's browsers, which it says nothing of.
CONSOLE = {
    ("GET", "/console"): "ConsoleFunction",
    ("GET", "/console/{file+}"): "ConsoleFunction",
}
NO_ROUTE = (404, "route_not_found", errors.RouteNotFound.message)
UNAVAILABLE = (503, "unavailable", errors.Unavailable.message)
# Every type of gateway response that can happen here. What is missing falls to the two defaults:
# request validators and API keys of the gateway's own kind, neither of which this API has.
SAYS = {
    "UNAUTHORIZED": (401, "unauthorized", "missing or invalid API key"),
    "ACCESS_DENIED": (403, "forbidden", errors.Forbidden.message),
    "WAF_FILTERED": (403, "forbidden", errors.Forbidden.message),
    "MISSING_AUTHENTICATION_TOKEN": NO_ROUTE,
    "INVALID_SIGNATURE": NO_ROUTE,
    "EXPIRED_TOKEN": NO_ROUTE,
    "RESOURCE_NOT_FOUND": NO_ROUTE,
    "REQUEST_TOO_LARGE": (413, "body_too_large", errors.BodyTooLarge.message),
    "THROTTLED": (429, "throttled", "too many requests, try again"),
    "QUOTA_EXCEEDED": (429, "throttled", "too many requests, try again"),
    # A status here would replace that of every other type.
    "DEFAULT_4XX": (None, "field_invalid", "the request cannot be read"),
    "AUTHORIZER_FAILURE": UNAVAILABLE,
    "AUTHORIZER_CONFIGURATION_ERROR": UNAVAILABLE,
    "INTEGRATION_FAILURE": UNAVAILABLE,
    "INTEGRATION_TIMEOUT": UNAVAILABLE,
    "DEFAULT_5XX": UNAVAILABLE,
    "API_CONFIGURATION_ERROR": (500, "internal_error", errors.InternalError.message),
}


def test_the_routes_are_the_contracts() -> None:
    assert {route: name for route, (name, _) in ROUTES.items()} == {
        ("POST", "/api/apikey"): "CreateKeyFunction",
        ("DELETE", "/api/apikey/{key}"): "RevokeKeyFunction",
        ("GET", "/api/apikey"): "ReadKeysFunction",
        ("GET", "/api/apikey/{key}"): "ReadKeysFunction",
        ("GET", "/api/apikey/{key}/events"): "ReadKeysFunction",
        ("GET", "/api/apikey/{key}/usage"): "ReadKeysFunction",
        ("POST", "/api/apikey/{key}/rotate"): "RotateKeyFunction",
        ("POST", "/api/apikey/verify"): "VerifyKeyFunction",
        ("GET", "/api/apikey/self"): "SelfKeyFunction",
        ("DELETE", "/api/apikey/self"): "SelfKeyFunction",
    } | CONSOLE


@pytest.mark.row("T4")
def test_no_route_can_forget_the_authorizer() -> None:
    assert API["Auth"]["DefaultAuthorizer"] == "Admin"
    asks: dict[tuple[str, str], list[dict[str, list[str]]]] = {
        route: [{event["Properties"].get("Auth", {}).get("Authorizer", "Admin"): []}]
        for route, (_, event) in ROUTES.items()
    }
    others = {route: security for route, security in asks.items() if security != [{"Admin": []}]}
    # What others than admins may do. The rest asks for admin, also a route that says nothing.
    assert others == {route: [{"NONE": []}] for route in CONSOLE} | {
        ("POST", "/api/apikey/verify"): [{"VerifyCaller": []}],
        ("GET", "/api/apikey/self"): [{"AnyKey": []}],
        ("DELETE", "/api/apikey/self"): [{"AnyKey": []}],
    }
    body = deployed()["Api"]["Properties"]["Body"]
    methods = {
        (method.upper(), path): _where(declared)["security"]
        for path, methods in body["paths"].items()
        for method, declared in _where(methods).items()
    }
    assert methods == asks


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_the_console_and_all_that_is_its_own_can_be_switched_off(enabled: str) -> None:
    given = {"EnableConsole": enabled}
    kinds = ("AWS::Serverless::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup")
    names = {name for kind in kinds for name in resolved(kind, given) if "Console" in name}

    assert bool(names) is (enabled == "true")
    assert not names or names == {"ConsoleFunction", "ConsoleRole", "ConsoleLogs"}
    assert written()["Outputs"]["ConsoleUrl"]["Condition"] == "HasConsole"


def test_without_a_console_its_routes_are_none_of_the_deployed_api() -> None:
    resources = deployed()
    nothing = {"Ref": "AWS::NoValue"}

    for path, methods in resources["Api"]["Properties"]["Body"]["paths"].items():
        conditional = {route for route in CONSOLE if route[1] == path}
        assert ("Fn::If" in methods) is bool(conditional)
        if conditional:
            assert methods["Fn::If"][0] == "HasConsole"
            assert methods["Fn::If"][2] == nothing
    own = {name: resource for name, resource in resources.items() if name.startswith("Console")}
    assert len(own) == 5
    assert {resource["Condition"] for resource in own.values()} == {"HasConsole"}
    # Nor does the stage go on with what was deployed before: the text of the API is the same with
    # and without a console.
    assert API["AlwaysDeploy"] is True


def _where(conditional: dict[str, Any]) -> dict[str, Any]:
    """Return what there is where the condition holds."""
    return conditional["Fn::If"][1] if "Fn::If" in conditional else conditional


@pytest.mark.row("T6")
def test_no_decision_is_ever_cached() -> None:
    for authorizer in API["Auth"]["Authorizers"].values():
        # Nothing else in it: no identity source, so that every request is put to the authorizer.
        assert authorizer["Identity"] == {"ReauthorizeEvery": 0}
    schemes = deployed()["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
    for scheme in schemes.values():
        asked = scheme["x-amazon-apigateway-authorizer"]
        assert asked.keys() == {"type", "authorizerUri", "authorizerResultTtlInSeconds"}
        assert (asked["type"], asked["authorizerResultTtlInSeconds"]) == ("request", 0)
    assert {setting["CachingEnabled"] for setting in API["MethodSettings"]} == {False}
    assert "CacheClusterEnabled" not in API


@pytest.mark.parametrize("name", API["Auth"]["Authorizers"])
def test_an_authorizers_alias_is_what_is_asked(name: str) -> None:
    resources = deployed()
    alias = {"Ref": f"{name}AuthorizerFunctionAliaslive"}
    asked = resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"][name]

    uri = asked["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
    assert uri[1] == {"__FunctionArn__": alias}
    assert "functions/${__FunctionArn__}/invocations" in uri[0]
    permission = resources[f"Api{name}AuthorizerPermission"]["Properties"]
    assert permission["FunctionName"] == alias
    assert permission["SourceArn"]["Fn::Sub"][0].endswith(":${__ApiId__}/authorizers/*")
    assert resources[alias["Ref"]]["Properties"]["Name"] == "live"


def test_the_shared_authorizer_is_not_asked_by_an_api_of_ours() -> None:
    assert API["Auth"]["Authorizers"].keys() == {"Admin", "VerifyCaller", "AnyKey"}
    assert "Shared" not in json.dumps(deployed()["Api"])


def test_any_api_of_the_account_may_ask_the_shared_authorizers_exported_alias() -> None:
    permission = "SharedAuthorizerPermission"
    output = written()["Outputs"]["SharedAuthorizerAliasArn"]

    assert resolved("AWS::Lambda::Permission")[permission] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "SharedAuthorizerFunction.Alias",
        "Principal": "apigateway.amazonaws.com",
        # This account's, and only as an authorizer: no API can make it a backend.
        "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:*/authorizers/*",
    }
    assert output["Value"] == ("Ref", "SharedAuthorizerFunction.Alias")
    assert output["Export"] == {"Name": ("Sub", "${AWS::StackName}-SharedAuthorizerAliasArn")}
    alias = {"Ref": "SharedAuthorizerFunctionAliaslive"}
    assert deployed()[permission]["Properties"]["FunctionName"] == alias


@pytest.mark.row("T11")
def test_a_function_may_be_invoked_by_its_own_routes_only() -> None:
    allowed: dict[str, set[str]] = {}
    for resource in deployed().values():
        source = resource["Properties"].get("SourceArn", {}).get("Fn::Sub")
        if resource["Type"] == "AWS::Lambda::Permission" and isinstance(source, list):
            function = resource["Properties"]["FunctionName"]["Ref"]
            function = function.replace("VerifyKeyFunctionAliaslive", "VerifyKeyFunction")
            allowed.setdefault(function, set()).add(source[0].partition("${__Stage__}/")[2])
    expected: dict[str, set[str]] = {}
    for (method, path), (function, _) in ROUTES.items():
        expected.setdefault(function, set()).add(method + re.sub(r"\{\w+\+?\}", "*", path))
    authorizers = {name for name in allowed if name.endswith("Aliaslive")}

    assert len(authorizers) == 3
    assert {name: paths for name, paths in allowed.items() if name not in authorizers} == expected


def test_a_body_reaches_a_function_as_it_was_sent() -> None:
    assert API["BinaryMediaTypes"] == ["*/*"]
    assert API["EndpointConfiguration"] == {"Type": "REGIONAL"}


@pytest.mark.row("T2", "T3")
def test_the_access_log_names_the_request_and_nothing_that_can_hold_a_key() -> None:
    logged = json.loads(API["AccessLogSetting"]["Format"])
    assert "\n" not in API["AccessLogSetting"]["Format"]
    # Of each it is known that a client cannot write a key into it: the route's template and not the
    # path, the id that a client cannot set and not the one it can, the kind of refusal and not its
    # message, no header.
    assert set(logged.values()) == {
        "$context.authorizer.id",
        "$context.authorizer.latency",
        "$context.error.responseType",
        "$context.extendedRequestId",
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.integration.latency",
        "$context.requestTimeEpoch",
        "$context.resourcePath",
        "$context.responseLatency",
        "$context.status",
    }


@pytest.mark.row("T2")
def test_the_stage_neither_traces_nor_writes_an_execution_log() -> None:
    (setting,) = API["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert (setting["LoggingLevel"], setting["DataTraceEnabled"]) == ("OFF", False)
    assert API["TracingEnabled"] is False


def test_the_stage_is_throttled_as_the_parameters_say() -> None:
    given = {"ThrottleRate": "7", "ThrottleBurst": "9", "StageName": "other"}
    api = resolved("AWS::Serverless::Api", given)["Api"]
    (setting,) = api["MethodSettings"]
    assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == ("7", "9")
    assert api["StageName"] == "other"


def test_every_refusal_of_the_gateways_own_is_declared() -> None:
    assert RESPONSES.keys() == SAYS.keys()


@pytest.mark.parametrize("kind", RESPONSES)
def test_the_gateway_refuses_in_the_contracts_form(kind: str) -> None:
    status, code, message = SAYS[kind]
    response = RESPONSES[kind]
    (media_type, template), *more = response["ResponseTemplates"].items()

    assert response.get("StatusCode") == status
    assert (media_type, more) == ("application/json", [])
    assert json.loads(template) == {
        "error": message,
        "code": code,
        "request_id": "$context.extendedRequestId",
    }
    headers = {"Cache-Control": "'no-store'", "X-Request-Id": "context.extendedRequestId"}
    if status == 401:
        headers["WWW-Authenticate"] = "'Bearer'"
    if status in {429, 503}:
        headers["Retry-After"] = "'2'"
    assert response["ResponseParameters"] == {"Headers": headers}


@pytest.mark.parametrize("manages", ["true", "false"])
def test_the_stage_waits_for_the_logging_role_where_this_stack_makes_it(manages: str) -> None:
    given = {"ManageApiGatewayAccount": manages}
    (tag,) = resolved("AWS::Logs::LogGroup", given)["ApiLogs"]["Tags"]
    account = resolved("AWS::ApiGateway::Account", given)

    assert API["AccessLogSetting"]["DestinationArn"].endswith(":log-group:ApiLogs.Ref")
    if manages == "true":
        assert tag["Value"] == "ApiGatewayAccount.Ref"
        assert account["ApiGatewayAccount"] == {"CloudWatchRoleArn": "ApiGatewayLogRole.Arn"}
    else:
        assert tag["Value"] == "given"
        assert account == {}
