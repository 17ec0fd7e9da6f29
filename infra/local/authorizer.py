"""What API Gateway makes of a `REQUEST` authorizer: context for the backend, or a refusal.

Nothing is cached, whatever the template says of it.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.answers import Refused
from infra.local.events import Event
from infra.local.functions import Function, FunctionError

_ACTION = "execute-api:Invoke"


@dataclass(frozen=True)
class Authorizer:
    """An authorizer of the API; `qualifier` is the alias it is called by."""

    function: Function
    qualifier: str

    def decide(self, event: Event) -> dict[str, Any]:
        """Ask the function; return `requestContext.authorizer`, its values as strings.

        Raises:
            Refused: UNAUTHORIZED, ACCESS_DENIED, or it gave no usable decision.
        """
        started = time.perf_counter()
        try:
            decision = self.function.invoke(event, self.qualifier)
        except FunctionError as error:
            unauthorized = error.message == "Unauthorized"
            raise Refused("UNAUTHORIZED" if unauthorized else "AUTHORIZER_FAILURE") from None
        try:
            allowed = _allows(decision["policyDocument"]["Statement"], event["methodArn"])
            context = {
                name: _text(value) for name, value in (decision.get("context") or {}).items()
            }
            principal = _text(decision["principalId"])
        except (AttributeError, KeyError, TypeError):
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR") from None
        if not allowed:
            raise Refused("ACCESS_DENIED")
        latency = int((time.perf_counter() - started) * 1000)
        return {**context, "principalId": principal, "integrationLatency": latency}


def _allows(statements: Any, method_arn: str) -> bool:  # noqa: ANN401 - JSON of the function's
    """Evaluate a policy as IAM does: an explicit deny wins over an allow, and silence denies.

    Raises:
        KeyError, TypeError: it is not a policy, or one with what is not evaluated here.
    """
    effects = set()
    for statement in [statements] if isinstance(statements, Mapping) else list(statements):
        if statement["Effect"] not in {"Allow", "Deny"} or "Condition" in statement:
            raise TypeError
        asked = _matches(statement["Action"], _ACTION)
        if asked and _matches(statement["Resource"], method_arn):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def _matches(patterns: str | Iterable[str], value: str) -> bool:
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        wildcards = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(wildcards, value, re.DOTALL):
            return True
    return False


def _text(value: Any) -> str:  # noqa: ANN401
    """Return a context value as the backend gets it.

    Raises:
        TypeError: API Gateway takes strings, numbers and booleans only.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError
