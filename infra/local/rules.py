"""EventBridge's rules, as the template declares them: which event goes to which function, as what.

Input transformers know paths of names and indices, and put values into a template of JSON.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local import patterns
from infra.local.functions import Function
from infra.local.patterns import Pattern
from infra.local.resources import Resources
from infra.local.template import TemplateError

Event = dict[str, Any]

_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")
_PATH = re.compile(rf"\$(?:{_STEP.pattern})+")
_PLACE = re.compile(r"<([\w-]+)>")


@dataclass(frozen=True)
class Target:
    """A function that a rule invokes, and what it is given instead of the event, if anything."""

    function: Function
    paths: Mapping[str, str]
    template: str

    def input(self, event: Event) -> object:
        """Return what the function is given.

        Raises:
            ValueError: what the transformer makes of this event is not JSON.
        """
        if not self.template:
            return event
        values = {name: _look_up(path, event) for name, path in self.paths.items()}
        return json.loads(_PLACE.sub(lambda place: values[place[1]], self.template))


@dataclass(frozen=True)
class Rule:
    """Events of `bus` that match `pattern` go to the targets; a scheduled one has no pattern."""

    arn: str
    bus: str
    pattern: Pattern | None
    targets: tuple[Target, ...]

    def takes(self, bus: str, event: Event) -> bool:
        """Tell whether it is an event for this rule."""
        return (
            self.pattern is not None and bus == self.bus and patterns.matches(self.pattern, event)
        )


def read(resources: Resources, functions: Mapping[str, Function]) -> list[Rule]:
    """Return the template's rules; `functions` by logical id.

    Raises:
        TemplateError: a target that is not one of the functions, or what is not supported here.
    """
    by_arn = {function.arn: function for function in functions.values()}
    return [
        Rule(
            arn=resources.attribute(logical_id, "Arn"),
            bus=rule.get("EventBusName", "default"),
            pattern=patterns.checked(rule["EventPattern"]) if "EventPattern" in rule else None,
            targets=tuple(_target(logical_id, target, by_arn) for target in rule["Targets"]),
        )
        for logical_id, rule in resources.template.resources("AWS::Events::Rule")
        if rule.get("State") != "DISABLED"
    ]


def _target(rule: str, declared: Mapping[str, Any], functions: Mapping[str, Function]) -> Target:
    transformer = declared.get("InputTransformer", {})
    paths, template = transformer.get("InputPathsMap", {}), transformer.get("InputTemplate", "")
    known = all(map(_PATH.fullmatch, paths.values())) and {*_PLACE.findall(template)} <= {*paths}
    if not known or ">" in _PLACE.sub("", template):
        raise TemplateError(f"{rule}: an input transformer that is not supported")
    if declared["Arn"] not in functions or {"Input", "InputPath"} & declared.keys():
        raise TemplateError(f"{rule}: a target that is not supported by the local stack")
    return Target(functions[declared["Arn"]], paths, template)


def _look_up(path: str, event: Event) -> str:
    """Return the JSON of what is there; of what is not there, nothing."""
    found: Any = event
    for name, index in _STEP.findall(path):
        try:
            found = found[int(index)] if index else found[name]
        except (IndexError, KeyError, TypeError):
            return ""
    return json.dumps(found)
