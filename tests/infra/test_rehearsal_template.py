"""The template that is deployed to the emulator of AWS is the template, but for what is listed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import template as local
from infra.rehearsal import template
from tests.conftest import TEMPLATE

Resources = dict[str, dict[str, Any]]


def _template() -> Any:  # noqa: ANN401 - any YAML
    loader = local._Loader  # noqa: SLF001 - what the local stack reads it with
    return yaml.load(TEMPLATE.read_text(), loader)  # noqa: S506 - a safe one, with intrinsics


@pytest.fixture(scope="module")
def original() -> Resources:
    found: Resources = _template()["Resources"]
    return found


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    # As SAM writes what it built: no tags, and no aliases.
    built = tmp_path_factory.mktemp("built") / "template.yaml"
    built.write_text(yaml.safe_dump(_template()))
    found: Resources = yaml.safe_load(template.adapted(built, Path("bundle"), {"NAME": "value"}))[
        "Resources"
    ]
    return found


def conditions(node: Any) -> set[str]:  # noqa: ANN401 - a YAML node
    """Return what the conditions of policies ask for."""
    if isinstance(node, list):
        return {name for item in node for name in conditions(item)}
    if not isinstance(node, dict):
        return set()
    own = node.get("Condition") if "Effect" in node else None
    asked = {name for test in own.values() for name in test} if isinstance(own, dict) else set()
    return asked | {name for value in node.values() for name in conditions(value)}


def test_nothing_is_left_out_but_what_is_listed_and_there(
    original: Resources, adapted: Resources
) -> None:
    gone = {original[name]["Type"] for name in original.keys() - adapted.keys()}
    assert gone == template.LEFT_OUT
    assert {original[name]["Type"] for name in original.keys() & adapted.keys()} >= {
        *template.RENAMED
    }
    changed = {
        (original[name]["Type"], adapted[name]["Type"])
        for name in original.keys() & adapted.keys()
        if original[name]["Type"] != adapted[name]["Type"]
    }
    assert changed == {*template.RENAMED.items()}


def test_no_condition_is_left_out_but_what_is_listed_and_there(
    original: Resources, adapted: Resources
) -> None:
    kept = {name: resource for name, resource in original.items() if name in adapted}
    assert conditions(kept) - conditions(adapted) == template.CONDITIONS
    assert conditions(adapted) < conditions(kept)


def test_each_gateway_response_is_there(original: Resources, adapted: Resources) -> None:
    answers = original["Api"]["Properties"]["GatewayResponses"]
    made = {
        resource["Properties"]["ResponseType"]
        for resource in adapted.values()
        if resource["Type"] == "AWS::ApiGateway::GatewayResponse"
    }
    assert made == answers.keys()
    assert "GatewayResponses" not in adapted["Api"]["Properties"]


def test_only_functions_that_no_request_waits_for_are_told_otherwise(adapted: Resources) -> None:
    told = {
        name
        for name, resource in adapted.items()
        if "NAME" in resource["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert told >= {"PublishEventsFunction", "RotateOnEventFunction"}
    assert told.isdisjoint({"CreateKeyFunction", "AdminAuthorizerFunction", "VerifyKeyFunction"})
