"""The document, put together."""

import importlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

from infra.openapi import deployed, words
from infra.openapi.deployed import Refusal, Route
from infra.openapi.fixed import ALWAYS, ERROR, HEADERS, SCHEMES, SERVERS
from infra.openapi.operations import (
    ABOUT,
    EVENT,
    MEANINGS,
    MESSAGES,
    OPERATIONS,
    PATHS,
    TAGS,
    Operation,
)
from keyturn import answers, errors, schemas, web
from keyturn.changes import Happening

Json = dict[str, Any]

_ROOT = Path(__file__).parents[2]
_JSON: Final = "application/json"
_METHODS = ("post", "get", "delete")


def text() -> str:
    """Return the document as it is kept."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Json:
    """Make the document from the handlers, which are imported: what they need must be set.

    Raises:
        LookupError: a route is served and not handled, handled and not served, or not described.
    """
    routes = sorted(deployed.routes(), key=lambda each: (each.path, _METHODS.index(each.method)))
    modules = {route.module: importlib.import_module(route.module) for route in routes}
    made = _merged(modules.values())
    gateway = deployed.refusals()
    shared = {status: _refused(found) for status, found in _by_status(gateway).items()}
    paths: dict[str, Json] = {}
    described = set()
    for route in routes:
        operation = made["paths"].get(route.path, {}).pop(route.method, None)
        if operation is None:
            raise LookupError(f"{route.module} does not handle {route.method} {route.path}")
        finished = _operation(operation, route, modules[route.module], gateway)
        paths.setdefault(route.path, {})[route.method] = finished
        described.add(finished["operationId"])
    idle = [path for path, methods in made["paths"].items() if methods]
    idle += OPERATIONS.keys() - described
    if idle:
        raise LookupError(f"not served: {', '.join(idle)}")
    found = _schemas(made["components"]["schemas"])
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps([paths, shared, found])))
    return {
        **{name: made[name] for name in ("openapi", "info", "servers", "tags")},
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in found.items() if name in used},
            "responses": {_name(each): shared[s] for s, each in _by_status(gateway).items()},
            "headers": {
                name: {"description": says, "required": True, "schema": schema}
                for name, (says, schema) in HEADERS.items()
            },
            "securitySchemes": SCHEMES,
        },
    }


def _merged(modules: Iterable[ModuleType]) -> Json:
    """Return what Powertools says of all handlers."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    merge = OpenAPIMerge(
        title="Keyturn",
        version=project["version"],
        summary=project["description"],
        description=ABOUT,
        servers=SERVERS,  # type: ignore[arg-type]  # its models' own form
        tags=[{"name": name, "description": says} for name, says in TAGS.items()],  # type: ignore[misc]
        license_info={"name": project["license"], "identifier": project["license"]},  # type: ignore[arg-type]
        on_conflict="error",
    )
    for module in modules:
        merge.add_schema(module.web.app.get_openapi_schema())
    merged: Json = json.loads(merge.get_openapi_json_schema())
    return merged


def _operation(made: Json, route: Route, module: ModuleType, gateway: set[Refusal]) -> Json:
    suffix = re.sub(r"\W", "_", route.path) + f"_{route.method}"
    name = made["operationId"].removesuffix(suffix)
    if name not in OPERATIONS:
        raise LookupError(f"infra.openapi.operations does not describe {name}")
    said = OPERATIONS[name]
    summary, description = words.split(getattr(module, name).__doc__)
    who = f"Asks for the role {' or '.join(f'`{role}`' for role in route.roles)}."
    finished = {
        "tags": [said.tag],
        "summary": summary,
        "description": "\n\n".join(
            filter(None, [description, who if route.roles else "Any valid key may call it."])
        ),
        "operationId": name,
        "security": [{scheme: route.roles} for scheme in SCHEMES],
    }
    if "parameters" in made:
        finished["parameters"] = [_parameter(each, said) for each in made["parameters"]]
    if "requestBody" in made:
        schema = made["requestBody"]["content"][_JSON]["schema"]
        finished["requestBody"] = {
            "required": not said.body_optional,
            "content": {_JSON: {"schema": schema, "examples": _examples(said.asks)}},
        }
    schema = made["responses"]["200"]["content"][_JSON]["schema"]
    finished["responses"] = {
        **{str(status): _answered(said, status, schema) for status in said.answers},
        **_refusals(said, gateway),
    }
    return finished


def _parameter(made: Json, said: Operation) -> Json:
    if made["in"] == "path":
        return {"name": made["name"], "in": "path", "required": True, **PATHS[said.path]}
    schema = _plain(made["schema"])
    says = schema.pop("description")
    # Whoever leaves it out says null; there is no other way to.
    alternatives = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    return {
        "name": made["name"],
        "in": made["in"],
        "description": says,
        "required": made["required"],
        "schema": schema | (alternatives[0] if alternatives else {}),
    }


def _answered(said: Operation, status: int, schema: Json) -> Json:
    answer = said.answers[status]
    response = {
        "description": answer.says,
        "headers": _headers(ALWAYS),
        "content": {_JSON: {"schema": schema, "example": answer.example}},
    }
    if answer.next:
        response["links"] = {
            name: {"operationId": name, "parameters": {"key": "$response.body#/id"}}
            for name in answer.next
        }
    return response


def _refusals(said: Operation, gateway: set[Refusal]) -> Json:
    """Return what an operation may refuse with: its function's errors, and the gateway's."""
    headers = {refusal.status: refusal.headers for refusal in gateway}
    own = set()
    kinds: tuple[type[errors.KeyturnError], ...] = (errors.InternalError, errors.Unavailable)
    for kind in said.refuses + kinds:
        message = kind.message or MESSAGES.get(kind.code, said.wrong)
        status = int(web.STATUS[kind])
        own.add(Refusal(status, kind.code, message, headers.get(status, ALWAYS)))
    shared = _by_status(gateway)
    codes = {refusal.code for refusal in own}
    every = _by_status(own | {refusal for refusal in gateway if refusal.code not in codes})
    return {
        str(status): {"$ref": f"#/components/responses/{_name(found)}"}
        if found == shared.get(status)
        else _refused(found)
        for status, found in every.items()
    }


def _by_status(refusals: set[Refusal]) -> dict[int, list[Refusal]]:
    found: dict[int, list[Refusal]] = {}
    for refusal in sorted(refusals, key=lambda each: (each.status, each.code)):
        found.setdefault(refusal.status, []).append(refusal)
    return found


def _refused(refusals: list[Refusal]) -> Json:
    codes = [refusal.code for refusal in refusals]
    meanings = [f"`{code}`: {MEANINGS.get(code) or words.of_error(code) + '.'}" for code in codes]
    examples = {
        refusal.code: {
            "error": refusal.message,
            "code": refusal.code,
            "request_id": EVENT["request_id"],
        }
        for refusal in refusals
    }
    return {
        "description": "\n".join(f"- {each}" for each in meanings) if meanings[1:] else meanings[0],
        "headers": _headers(frozenset.union(*(refusal.headers for refusal in refusals))),
        "content": {
            _JSON: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Error"},
                        {"properties": {"code": {"enum": codes}}},
                    ]
                },
                "examples": _examples(examples),
            }
        },
    }


def _headers(names: frozenset[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name in names}


def _examples(values: Mapping[str, object]) -> Json:
    return {name: {"value": value} for name, value in values.items()}


def _name(refusals: list[Refusal]) -> str:
    return "".join(refusal.code.title().replace("_", "") for refusal in refusals)


def _schemas(made: Json) -> Json:
    """Return the models' schemas with the texts below their fields, and those that no model has."""
    detail = json.loads((_ROOT / "docs/schemas/detail.json").read_text(encoding="utf-8"))
    texts = words.of_fields([schemas, answers])
    found = {
        # Powertools' own refusals are never answered.
        name: _plain(schema)
        for name, schema in made.items()
        if "ValidationError" not in name
    }
    for name, fields in texts.items():
        for field, says in fields.items():
            found.get(name, {}).get("properties", {}).get(field, {})["description"] = says
    found["EventsResponse"]["properties"]["items"]["items"] = {"$ref": "#/components/schemas/Event"}
    found["Event"] = {
        "description": "An event as on the bus, and its type.",
        "type": "object",
        "properties": {"type": {"enum": [*Happening]}, **detail["properties"]},
        "required": ["type", *detail["required"]],
    }
    return {"Error": ERROR, **dict(sorted(found.items()))}


def _plain(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema without pydantic's titles, and with integers as such."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if isinstance(node, dict):
        return {
            name: _plain(value)
            for name, value in node.items()
            if name != "title" or not isinstance(value, str)
        }
    return int(node) if isinstance(node, float) and node.is_integer() else node
