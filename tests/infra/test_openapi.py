"""infra/openapi.json: complete, true to the template and the handlers, and without a key in it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from infra.openapi import deployed
from infra.openapi.__main__ import DOCUMENT
from infra.openapi.document import document
from infra.openapi.operations import OPERATIONS
from keyturn import keytext, schemas
from keyturn.web import STATUS
from tests.infra.declared import ROOT, resolved

Json = dict[str, Any]

KEPT: Json = json.loads(DOCUMENT.read_text(encoding="utf-8"))
OPERATION = {
    operation["operationId"]: operation
    for methods in KEPT["paths"].values()
    for operation in methods.values()
}
REGISTRY: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(KEPT))


def target(node: Json) -> Json:
    """Return what a node is or refers to."""
    found: Json = REGISTRY.resolver().lookup(node["$ref"]).contents if "$ref" in node else node
    return found


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def keywords(schema: Json) -> Iterator[str]:
    """Yield the words that a schema uses, and those in it."""
    yield from schema
    within = [schema[word] for word in ("items", "not", "additionalProperties") if word in schema]
    for word in ("anyOf", "allOf"):
        within += schema.get(word, [])
    for each in [*within, *schema.get("properties", {}).values()]:
        if isinstance(each, dict):
            yield from keywords(each)


def refused(name: str) -> dict[int, set[str]]:
    """Return the error codes of an operation, by status."""
    found = {}
    for status, response in OPERATION[name]["responses"].items():
        content = target(response)["content"]["application/json"]
        if "allOf" in content["schema"]:
            codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert content["examples"].keys() == set(codes)
            found[int(status)] = set(codes)
    return found


def test_the_document_is_what_the_handlers_make_it(tmp_path: Path) -> None:
    made = tmp_path / "openapi.json"
    subprocess.run([sys.executable, "-m", "infra.openapi", made], cwd=ROOT, check=True)

    assert made.read_text() == DOCUMENT.read_text(), "run `make openapi` and commit what it changes"


def test_the_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_path(DOCUMENT).validate()
    for schema in KEPT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in references(KEPT):
        assert REGISTRY.resolver().lookup(reference).contents


def test_rules_are_said_in_json_schemas_words() -> None:
    known = set(Draft202012Validator.VALIDATORS) | {"description", "default"}
    parameters = [each for it in OPERATION.values() for each in it.get("parameters", [])]
    for schema in [*KEPT["components"]["schemas"].values(), *(it["schema"] for it in parameters)]:
        assert known >= {*keywords(schema)}


def test_the_document_has_the_templates_routes_and_no_others() -> None:
    served = {
        (event["Properties"]["Method"].lower(), event["Properties"]["Path"])
        for function in resolved("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"]["Path"].startswith("/api")
    }
    described = {(method, path) for path, methods in KEPT["paths"].items() for method in methods}
    assert described == served


def test_a_route_that_nobody_describes_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "imagined", OPERATIONS["verify"])
    with pytest.raises(LookupError, match="not served: imagined"):
        document()
    monkeypatch.delitem(OPERATIONS, "verify")
    with pytest.raises(LookupError, match="does not describe verify"):
        document()


def test_every_error_can_be_answered_by_some_operation_with_its_status() -> None:
    described = {
        (status, code)
        for name in OPERATION
        for status, codes in refused(name).items()
        for code in codes
    }
    gateway = {(refusal.status, refusal.code) for refusal in deployed.refusals()}
    errors = {(int(status), error.code) for error, status in STATUS.items()}
    assert described == errors | gateway


@pytest.mark.parametrize("name", OPERATION)
def test_every_refusal_of_the_gateway_is_one_of_every_operation(name: str) -> None:
    for refusal in deployed.refusals():
        assert refusal.code in refused(name)[refusal.status]
        response = target(OPERATION[name]["responses"][str(refusal.status)])
        assert response["headers"].keys() == refusal.headers


@pytest.mark.parametrize("name", OPERATION)
def test_an_operation_asks_for_the_roles_of_its_authorizer(name: str) -> None:
    admin = [{"bearer": ["admin"]}, {"api_key": ["admin"]}]
    any_key: list[Json] = [{"bearer": []}, {"api_key": []}]
    assert OPERATION[name]["security"] == (any_key if name.endswith("_own") else admin)


@pytest.mark.parametrize("name", ["CreateRequest", "RotateRequest", "VerifyRequest"])
def test_a_request_with_a_field_too_many_is_not_valid(name: str) -> None:
    assert getattr(schemas, name).model_config["extra"] == "forbid"
    assert KEPT["components"]["schemas"][name]["additionalProperties"] is False


@pytest.mark.parametrize("name", OPERATION)
def test_what_a_person_reads_is_there(name: str) -> None:
    operation = OPERATION[name]
    assert operation["summary"]
    assert operation["description"]
    assert {tag["name"] for tag in KEPT["tags"]} >= {*operation["tags"]}
    for each in [*operation.get("parameters", []), *map(target, operation["responses"].values())]:
        assert each["description"]


@pytest.mark.parametrize("name", OPERATION)
def test_examples_are_valid_by_their_schemas(name: str) -> None:
    bodies = [*map(target, OPERATION[name]["responses"].values())]
    bodies += [OPERATION[name]["requestBody"]] if "requestBody" in OPERATION[name] else []
    for body in bodies:
        content = body["content"]["application/json"]
        examples = [each["value"] for each in content.get("examples", {}).values()]
        for example in examples or [content["example"]]:
            schema = {**content["schema"], "components": KEPT["components"]}
            Draft202012Validator(schema).validate(example)
    for parameter in OPERATION[name].get("parameters", []):
        if "example" in parameter:
            Draft202012Validator(parameter["schema"]).validate(parameter["example"])


def test_no_example_is_a_key() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "kt_" in text
    for each in re.findall(r"\w+", text):
        assert keytext.parse(each) is None
    assert not re.search(r"[0-9A-Za-z]{38}", text)
