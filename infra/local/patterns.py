"""Event patterns, as EventBridge's rules and Lambda's filters write them.

The operators that the template uses, and no others: one that is not known here is refused when the
pattern is read, so that no event is let through, or kept out, by what was not understood.
"""

from collections.abc import Mapping
from typing import Any

from infra.local.template import TemplateError

Pattern = Mapping[str, Any]


def checked(pattern: Pattern) -> Pattern:
    """Return the pattern.

    Raises:
        TemplateError: it holds an operator that is not supported here, or is no pattern.
    """
    for name, part in pattern.items():
        if isinstance(part, Mapping) and not name.startswith("$"):
            checked(part)
        elif not isinstance(part, list) or not part or name.startswith("$"):
            raise TemplateError(f"event pattern: {name} is not supported by the local stack")
        else:
            for choice in part:
                if isinstance(choice, Mapping | list) and not _is_exists(choice):
                    raise TemplateError(
                        f"event pattern: a filter of {name} is not supported by the local stack"
                    )
    return pattern


def matches(pattern: Pattern, event: object) -> bool:
    """Tell whether all that the pattern names is in the event, with one of the values it lists.

    Of a list in the event, one element has to match.
    """
    if isinstance(event, list):
        return any(matches(pattern, element) for element in event)
    values = event if isinstance(event, Mapping) else {}
    return all(
        matches(part, values.get(name))
        if isinstance(part, Mapping)
        else any(_is_met(choice, name, values) for choice in part)
        for name, part in pattern.items()
    )


def _is_met(choice: object, name: str, values: Mapping[str, Any]) -> bool:
    if isinstance(choice, Mapping):
        return (name in values) is choice["exists"]
    if name not in values:
        return False
    found = values[name] if isinstance(values[name], list) else [values[name]]
    # Types count: 1 is neither true nor "1".
    return any(type(value) is type(choice) and value == choice for value in found)


def _is_exists(choice: object) -> bool:
    return (
        isinstance(choice, Mapping)
        and choice.keys() == {"exists"}
        and isinstance(choice["exists"], bool)
    )
