"""Reads a SAM template: parameters' defaults, conditions and intrinsic functions.

Values are resolved where they are asked for and not before, so a function that is not supported
here only hurts where it is used.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

_NO_VALUE: Final = object()
_IN_SUB = re.compile(r"\$\{(!?)([^}]+)\}")

Lookup = Callable[[str, str], Any]
"""Gives a resource's attribute: (logical id, attribute), where `Ref` is one like the others."""


class TemplateError(Exception):
    """The template holds something that cannot be served here; the text names it."""


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short tags, and dates as the strings they are there."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)  # type: ignore[arg-type]
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


class Template:
    """A template with its parameters' values.

    `lookup` gives what `Ref` and `Fn::GetAtt` of a resource mean.
    """

    def __init__(
        self,
        path: Path,
        pseudo: Mapping[str, str],
        lookup: Lookup,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Read the file.

        Raises:
            TemplateError: a parameter has neither a value nor a default.
        """
        self.folder = path.resolve().parent
        self._document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - is safe
        self._lookup = lookup
        self._values = {
            **pseudo,
            **{
                name: _parameter(name, declared, parameters or {})
                for name, declared in self._document.get("Parameters", {}).items()
            },
            "AWS::NoValue": _NO_VALUE,
        }
        self._intrinsics: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda args: args[0].join(map(_text, self.resolve(args[1]))),
            "Fn::Select": lambda args: self.resolve(args[1])[int(self.resolve(args[0]))],
            "Fn::Split": lambda args: self.resolve(args[1]).split(args[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": lambda args: self.resolve(args[1 if self._condition(args[0]) else 2]),
            "Fn::Equals": lambda args: _text(self.resolve(args[0])) == _text(self.resolve(args[1])),
            "Fn::And": lambda args: all(map(self.resolve, args)),
            "Fn::Or": lambda args: any(map(self.resolve, args)),
            "Fn::Not": lambda args: not self.resolve(args[0]),
        }

    def resources(self, *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (logical id, resolved properties with Globals) of what the conditions allow."""
        sections = {f"AWS::Serverless::{name}": name for name in ("Api", "Function")}
        for logical_id, resource in self._document["Resources"].items():
            kind = resource["Type"]
            exists = "Condition" not in resource or self._condition(resource["Condition"])
            if kind in kinds and exists:
                inherited = self._document.get("Globals", {}).get(sections.get(kind), {})
                yield logical_id, self.resolve(_merged(inherited, resource.get("Properties", {})))

    def outputs(self) -> dict[str, str]:
        """Return the outputs that the conditions allow."""
        return {
            name: _text(self.resolve(output["Value"]))
            for name, output in self._document.get("Outputs", {}).items()
            if "Condition" not in output or self._condition(output["Condition"])
        }

    def kind(self, logical_id: str) -> str | None:
        """Return a resource's type; `None` where there is no such resource."""
        kind = self._document["Resources"].get(logical_id, {}).get("Type")
        return None if kind is None else str(kind)

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return a resource's properties, Globals left out and nothing resolved."""
        return dict(self._document["Resources"][logical_id].get("Properties", {}))

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 - a YAML node is anything
        """Return the node with its intrinsic functions replaced by their values.

        Raises:
            TemplateError: an unknown function or name.
        """
        if isinstance(node, list):
            items = [self.resolve(item) for item in node]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in self._intrinsics and (name != "Condition" or isinstance(argument, str)):
                return self._intrinsics[name](argument)
            if str(name).startswith("Fn::"):
                raise TemplateError(f"{name} is not supported by the local stack")
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not _NO_VALUE}

    def _ref(self, name: str) -> Any:  # noqa: ANN401
        return self._values[name] if name in self._values else self._attribute(name, "Ref")

    def _get_att(self, argument: list[Any]) -> Any:  # noqa: ANN401
        return self._attribute(argument[0], _text(self.resolve(argument[1])))

    def _attribute(self, name: str, attribute: str) -> Any:  # noqa: ANN401
        if "." in name and attribute == "Ref":  # SAM's `!Ref Function.Alias`
            name, attribute = name.split(".", 1)
        if name not in self._document["Resources"]:
            raise TemplateError(f"{name} is neither a parameter nor a resource")
        return self._lookup(name, attribute)

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self._document["Conditions"][name]))

    def _find_in_map(self, argument: list[Any]) -> Any:  # noqa: ANN401
        found = self._document["Mappings"]
        for key in self.resolve(argument):
            found = found[key]
        return self.resolve(found)

    def _sub(self, argument: str | list[Any]) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return _text(self.resolve(own[name]))
            if name in self._values:
                return _text(self._values[name])
            return _text(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return _IN_SUB.sub(value, text)


def _parameter(name: str, declared: Mapping[str, Any], given: Mapping[str, str]) -> Any:  # noqa: ANN401
    value = given.get(name, declared.get("Default"))
    if value is None:
        raise TemplateError(f"parameter {name} has no default")
    if str(declared["Type"]).startswith(("List<", "CommaDelimitedList")):
        return [item.strip() for item in str(value).split(",")]
    return _text(value)


def _merged(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Add Globals to properties as SAM does: maps merge, lists add up, own values win."""
    merged = {**inherited, **own}
    for name in inherited.keys() & own.keys():
        first, second = inherited[name], own[name]
        if isinstance(first, dict) and isinstance(second, dict):
            if not (_is_intrinsic(first) or _is_intrinsic(second)):
                merged[name] = _merged(first, second)
        elif isinstance(first, list) and isinstance(second, list):
            merged[name] = first + second
    return merged


def _is_intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and all(key == "Ref" or key.startswith("Fn::") for key in value)


def _text(value: Any) -> str:  # noqa: ANN401
    """Return a scalar as CloudFormation would print it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
