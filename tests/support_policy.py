"""Policies, as IAM evaluates those that an authorizer answers with."""

import re
from typing import Any


def covers(resource: str, arn: str) -> bool:
    """Tell whether a policy's resource is this one."""
    return bool(re.fullmatch(re.escape(resource).replace(r"\*", ".*").replace(r"\?", "."), arn))


def allows(policy: dict[str, Any], arn: str) -> bool:
    """Tell whether a policy lets a request in: silence denies, and a deny wins."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if statement["Action"] == "execute-api:Invoke" and covers(statement["Resource"], arn)
    }
    return effects == {"Allow"}
