"""An API with the shared authorizer attached, as API Gateway serves it.

Routes, authorizer and identity source are those of the API's translated definition. Answers of the
authorizer are kept as API Gateway does: under the identity source's value, for the stated time, for
all routes of the stage; a refusal that was raised is not kept, a refusal that was answered is.
"""

import json
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from tests.support import Clock, Context, request
from tests.support_authorizer import http
from tests.support_policy import allows

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5"
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class _Route(NamedTuple):
    method: str
    path: str
    resource: str
    parameters: dict[str, str]

    @property
    def arn(self) -> str:
        return f"{ARN}/live/{self.method}{self.path}"

    @property
    def key(self) -> str:
        return f"{self.method} {self.resource}"


class Attached:
    """One API. `answers` counts how often the authorizer was asked."""

    def __init__(
        self, body: Mapping[str, Any], authorizer: ModuleType, backend: Handler, clock: Clock
    ) -> None:
        (self._name,) = body["components"]["securitySchemes"]
        scheme = body["components"]["securitySchemes"][self._name]
        self._settings = scheme["x-amazon-apigateway-authorizer"]
        self._authorizer = authorizer
        self._backend = backend
        self._clock = clock
        self._kept: dict[str, tuple[int, dict[str, Any]]] = {}
        self.answers = 0
        self.is_rest = "authorizerPayloadFormatVersion" not in self._settings
        self.routes = {
            (method.upper(), path): declared
            for path, methods in body["paths"].items()
            for method, declared in methods.items()
        }

    @property
    def identity(self) -> str:
        """The one header that an answer is kept under."""
        source = self._settings["identitySource"]
        (one,) = [source] if isinstance(source, str) else source
        return str(one.removeprefix("method.").removeprefix("$").removeprefix("request.header."))

    def ask(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer to a request; headers' names in any case."""
        route = self._route(method, path)
        sent = {name.lower(): value for name, value in headers.items()}
        presented = sent.get(self.identity.lower())
        if not presented:
            return 401, {}
        try:
            decision = self._decision(presented, self._question(route, headers))
        except Exception as error:  # noqa: BLE001 - whatever a function raises
            if str(error) == "Unauthorized":
                return 401, {}
            return 503 if self.is_rest else 500, {}
        if self.is_rest:
            is_in = allows(decision["policyDocument"], route.arn)
        else:
            is_in = decision["isAuthorized"]
        if not is_in:
            return 403, {}
        event = self._event(route, decision["context"])
        answer = self._backend(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    def _route(self, method: str, path: str) -> "_Route":
        """Find the route, which must ask the authorizer."""
        for (verb, resource), declared in self.routes.items():
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource), path)
            if verb == method and match:
                assert declared["security"] == [{self._name: []}]
                return _Route(method, path, resource, match.groupdict())
        raise LookupError(path)

    def _decision(self, presented: str, question: dict[str, Any]) -> dict[str, Any]:
        until, kept = self._kept.get(presented, (0, {}))
        if self._clock.now < until:
            return kept
        self.answers += 1
        answer = self._authorizer.handler(question, Context())
        decision: dict[str, Any] = json.loads(json.dumps(answer))
        seconds = int(self._settings["authorizerResultTtlInSeconds"])
        self._kept[presented] = (self._clock.now + seconds, decision)
        return decision

    def _question(self, route: "_Route", headers: Mapping[str, str]) -> dict[str, Any]:
        if self.is_rest:
            many = {name: [value] for name, value in headers.items()}
            event = request(
                route.method, route.resource, path=route.parameters, headers=many, caller=None
            )
            return {"type": "REQUEST", "methodArn": route.arn, **event}
        asked = http({name.lower(): value for name, value in headers.items()})
        return asked | {"routeArn": route.arn, "routeKey": route.key, "rawPath": route.path}

    def _event(self, route: "_Route", caller: dict[str, str]) -> dict[str, Any]:
        if self.is_rest:
            return request(route.method, route.resource, path=route.parameters, caller=caller)
        spoken = {"method": route.method, "path": route.path, "protocol": "HTTP/1.1"}
        return {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": route.path,
            "requestContext": {"http": spoken, "authorizer": {"lambda": caller}},
            "isBase64Encoded": False,
        }
