"""IAM's evaluation of policies, as far as the template's use it; anything else is refused.

Neither moto nor the local emulators evaluate a role's policies, and AWS's own simulator needs an
account. The rules are those of IAM's user guide: "Policy evaluation logic", "Condition operators".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Statement = Mapping[str, Any]
Values = list[str]
ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


class Asked(NamedTuple):
    """What somebody wants to do; `context` holds the condition keys, a list each."""

    action: str
    resource: str
    context: Mapping[str, Values] = {}


def allows(asked: Asked, identity: Iterable[Statement], *others: Iterable[Statement]) -> bool:
    """Tell whether a role's policies allow it, and no statement of anybody's denies it.

    `others`: policies on the resource. Here they only deny, or hand on to IAM what it allows: what
    they deny is denied, and each that has an allowing statement must have one that applies.
    """
    statements = list(identity)
    if denies(asked, statements) or not applies("Allow", asked, statements):
        return False
    for policy in map(list, others):
        delegates = any(statement["Effect"] == "Allow" for statement in policy)
        if denies(asked, policy) or (delegates and not applies("Allow", asked, policy)):
            return False
    return True


def denies(asked: Asked, statements: Iterable[Statement]) -> bool:
    """Tell whether a policy denies it, whatever others allow."""
    return applies("Deny", asked, statements)


def applies(effect: str, asked: Asked, statements: Iterable[Statement]) -> bool:
    """Tell whether a statement of this effect is about what is asked."""
    return any(_applies(effect, asked, statement) for statement in statements)


def _applies(effect: str, asked: Asked, statement: Statement) -> bool:
    if not statement.keys() <= ELEMENTS:
        raise NotImplementedError(sorted(statement.keys() - ELEMENTS))
    operators = statement.get("Condition", {})
    conditions = [
        _holds(operator, _many(values), asked.context.get(key))
        for operator, keys in operators.items()
        for key, values in keys.items()
    ]
    return (
        statement["Effect"] == effect
        and any(_like(each, asked.action, ignore_case=True) for each in _many(statement["Action"]))
        and any(_like(each, asked.resource) for each in _many(statement["Resource"]))
        and all(conditions)
    )


def _holds(operator: str, wanted: Values, found: Values | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name.endswith("IfExists"):
        return found is None or _holds(operator.removesuffix("IfExists"), wanted, found)
    if name == "Null":
        return (found is None) == (wanted == ["true"])
    if name not in _OPERATORS:
        raise NotImplementedError(operator)
    matches, negated = _OPERATORS[name]
    each = [any(matches(want, value) for want in wanted) is not negated for value in found or []]
    if quantifier == "ForAllValues":
        return all(each)  # also of none
    if quantifier == "ForAnyValue":
        return any(each)
    return negated if found is None else len(each) == 1 and each[0]


def _like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    wildcards = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(wildcards, value, flags) is not None


def _many(value: str | Values) -> Values:
    return [value] if isinstance(value, str) else list(value)


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, False),
    "ArnEquals": (_like, False),
    "ArnNotLike": (_like, True),
    "Bool": (lambda want, value: want.lower() == value.lower(), False),
}
