"""A request's way through API Gateway: route, authorizer, function, answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local import answers, events
from infra.local.answers import GatewayResponses, Refused, Response
from infra.local.authorizer import Authorizer
from infra.local.events import Deployed, Request
from infra.local.functions import Function, FunctionError
from infra.local.resources import ACCOUNT, REGION, Resources
from infra.local.template import TemplateError

PAYLOAD_BYTES = 10 * 1024 * 1024
INTEGRATION_SECONDS = 29

_API = "AWS::Serverless::Api"
_FUNCTION = "AWS::Serverless::Function"
_GATEWAY_RESPONSE = "AWS::ApiGateway::GatewayResponse"
_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class _Method:
    function: Function
    authorizer: Authorizer | None


class _Resource:
    """A path of the API with its methods."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.methods: dict[str, _Method] = {}
        self.parts = path.removeprefix("/").split("/") if path != "/" else []
        greedy = [match and match[2] for match in map(_PARAMETER.fullmatch, self.parts)]
        # A literal comes before a parameter, and that before a greedy one.
        self.rank = [0 if plus is None else len(plus) + 1 for plus in greedy]
        self._pattern = re.compile("".join(f"/{_part(part)}" for part in self.parts) or "/")

    def match(self, path: str) -> dict[str, str] | None:
        """Return the path's parameters as they were sent; `None` where it is another resource."""
        match = self._pattern.fullmatch(path)
        return None if match is None else match.groupdict()

    def disagrees(self, other: "_Resource") -> bool:
        """Tell whether both name the same parameter differently, which API Gateway refuses."""
        for mine, theirs in zip(self.parts, other.parts, strict=False):
            if mine != theirs:
                return bool(_PARAMETER.fullmatch(mine) and _PARAMETER.fullmatch(theirs))
        return False


class Gateway:
    """The template's one API."""

    def __init__(self, resources: Resources, functions: Mapping[str, Function]) -> None:
        """Read the API; `functions` by logical id.

        Raises:
            TemplateError: something that cannot be served, or not by API Gateway either.
        """
        template = resources.template
        apis = list(template.resources(_API))
        if len(apis) != 1:
            raise TemplateError(f"the template has {len(apis)} APIs; the local stack serves one")
        ((logical_id, api),) = apis
        id = resources.attribute(logical_id, "Ref")
        domain = f"{id}.execute-api.{REGION}.amazonaws.com"
        self._deployed = Deployed(id, str(api["StageName"]), ACCOUNT, REGION, domain)
        self._binary = [str(kind).replace("~1", "/") for kind in api.get("BinaryMediaTypes", [])]
        self._responses = GatewayResponses(
            api.get("GatewayResponses", {})
            | {
                response["ResponseType"]: response
                for _, response in template.resources(_GATEWAY_RESPONSE)
            }
        )
        by_arn = {function.arn: function for function in functions.values()}
        authorizers = {
            name: _authorizer(name, declared, by_arn)
            for name, declared in api.get("Auth", {}).get("Authorizers", {}).items()
        }
        default = api.get("Auth", {}).get("DefaultAuthorizer", "NONE")
        self._resources: list[_Resource] = []
        for function_id, function in template.resources(_FUNCTION):
            for event in function.get("Events", {}).values():
                if event["Type"] != "Api":
                    continue
                route = event["Properties"]
                name = route.get("Auth", {}).get("Authorizer", default)
                if name != "NONE" and name not in authorizers:
                    raise TemplateError(f"{function_id}: authorizer {name} is not supported")
                method = _Method(functions[function_id], authorizers.get(name))
                self._add(route["Path"], route["Method"].upper(), method)
        self._resources.sort(key=lambda resource: resource.rank)

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        path = request.path.removesuffix("/") or "/"
        resource, parameters = self._resource(path)
        context = events.request_context(request, self._deployed, resource.path if resource else "")
        try:
            response = self._answer(request, context, resource, parameters)
        except Refused as refused:
            response = self._responses.answer(refused, context)
        return answers.finished(
            response, request.id, request.extended_id, resource.path if resource else "-"
        )

    def refuse(self, refused: Refused, request: Request) -> Response:
        """Answer what never became a request."""
        response = self._responses.answer(
            refused, events.request_context(request, self._deployed, "")
        )
        return answers.finished(response, request.id, request.extended_id, "-")

    def _add(self, path: str, name: str, method: _Method) -> None:
        added = _Resource(path.removesuffix("/") or "/")
        for resource in self._resources:
            if resource.path == added.path:
                added = resource
            elif resource.disagrees(added):
                raise TemplateError(f"{resource.path} and {added.path} name one level differently")
        if added not in self._resources:
            self._resources.append(added)
        if name in added.methods:
            raise TemplateError(f"{name} {added.path} is declared twice")
        added.methods[name] = method

    def _resource(self, path: str) -> tuple[_Resource | None, dict[str, str]]:
        for resource in self._resources:
            parameters = resource.match(path)
            if parameters is not None:
                return resource, parameters
        return None, {}

    def _answer(
        self,
        request: Request,
        context: events.Event,
        resource: _Resource | None,
        parameters: Mapping[str, str],
    ) -> Response:
        if len(request.body) > PAYLOAD_BYTES:
            raise Refused("REQUEST_TOO_LARGE")
        # First the resource, then the method: a literal that lacks the method is not a parameter.
        methods = resource.methods if resource else {}
        method = methods.get(request.method) or methods.get("ANY")
        if method is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        if method.authorizer:
            arn = self._deployed.method_arn(request.method, request.path)
            context["authorizer"] = method.authorizer.decide(
                events.authorizer_event(request, context, parameters, arn)
            )
        binary = self._is_binary(request.header("Content-Type"))
        event = events.proxy_event(request, context, parameters, binary=binary)
        try:
            answer = method.function.invoke(event, wait=INTEGRATION_SECONDS)
        except FunctionError:
            raise Refused("INTEGRATION_FAILURE") from None
        except TimeoutError:
            raise Refused("INTEGRATION_TIMEOUT") from None
        return answers.proxy_answer(answer, decode=self._is_binary(request.header("Accept")))

    def _is_binary(self, header: str | None) -> bool:
        kind = (header or "application/json").split(",")[0].partition(";")[0].strip().lower()
        return bool({"*/*", kind, f"{kind.partition('/')[0]}/*"} & set(self._binary))


def _part(part: str) -> str:
    parameter = _PARAMETER.fullmatch(part)
    if parameter is None:
        return re.escape(part)
    return f"(?P<{parameter[1]}>{'.+' if parameter[2] else '[^/]+'})"


def _authorizer(
    name: str, declared: Mapping[str, Any], functions: Mapping[str, Function]
) -> Authorizer:
    identity = declared.get("Identity", {})
    sources = {"Headers", "QueryStrings", "StageVariables", "Context"} & identity.keys()
    if declared.get("FunctionPayloadType") != "REQUEST" or sources:
        raise TemplateError(f"authorizer {name}: only REQUEST without identity sources is served")
    arn = str(declared["FunctionArn"])
    for function_arn, function in functions.items():
        if arn == function_arn or arn.startswith(f"{function_arn}:"):
            return Authorizer(function, arn.removeprefix(function_arn).removeprefix(":"))
    raise TemplateError(f"authorizer {name}: {arn} is none of the template's functions")
