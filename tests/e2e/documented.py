"""The document, held against what the service answers."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from infra.openapi.__main__ import DOCUMENT

Json = dict[str, Any]

_AT = "urn:document"


@cache
def document() -> Json:
    """Return the document, in which no answer may hold a field that is not there."""
    found: Json = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


def operation(method: str, path: str) -> tuple[str, Json] | None:
    """Return the operation that a request asks for, as a pointer into the document and in whole."""
    path = re.sub("^http://[^/]+", "", path).partition("?")[0].removesuffix("/")
    # A literal comes before a parameter.
    for template in sorted(document()["paths"], key=lambda each: each.count("{")):
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path):
            found = document()["paths"][template].get(method.lower())
            pointer = f"/paths/{template.replace('/', '~1')}/{method.lower()}"
            return (pointer, found) if found and method.isupper() else None
    return None


def check(
    method: str, path: str, status: int, headers: Mapping[str, list[str]], body: Json
) -> None:
    """Assert that an answer is one that the document names."""
    found = operation(method, path)
    if found is None:
        assert (status, body["code"]) == (404, "route_not_found")
        return
    pointer, said = found
    assert str(status) in said["responses"], f"{method} may not answer {status}"
    pointer = said["responses"][str(status)].get("$ref", f"#{pointer}/responses/{status}")[1:]
    wrong = _validator(f"{pointer}/content/application~1json/schema").iter_errors(body)
    assert not [f"{error.json_path} {error.validator}" for error in wrong]  # not what it holds
    for name in _response(said, str(status))["headers"]:
        (value,) = headers[name.lower()]
        schema = document()["components"]["headers"][name]["schema"]
        sent = int(value) if schema["type"] == "integer" else value
        _validator(f"/components/headers/{name}/schema").validate(sent)


def content(said: Json, status: str) -> Json:
    """Return what an operation's answer of this status holds: schema and examples."""
    found: Json = _response(said, status)["content"]["application/json"]
    return found


def _response(said: Json, status: str) -> Json:
    found: Json = said["responses"][status]
    if "$ref" in found:
        found = document()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


@cache
def _validator(pointer: str) -> Draft202012Validator:
    resource = DRAFT202012.create_resource(document())
    registry: Registry[Any] = Registry().with_resource(_AT, resource)
    return Draft202012Validator({"$ref": f"{_AT}#{pointer}"}, registry=registry)
