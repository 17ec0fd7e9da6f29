"""The template as the emulator of AWS can take it: every difference from the template is here.

`LEFT_OUT`, `RENAMED`, `TABLE` and `CONDITIONS` are what the emulator lacks. The other two are what
it cannot be told otherwise: it reads gateway responses as resources only, and cannot say
`extendedRequestId`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LEFT_OUT = {"AWS::Events::Archive", "AWS::Events::EventBusPolicy"}
"""Resource types it does not know."""
RENAMED = {"AWS::IAM::RolePolicy": "AWS::IAM::Policy"}
"""The same, under the name it knows."""
TABLE = "${Table.TableId}", "${Table}"
"""What says that it is another table: it knows no `TableId` of a global one, but its name."""
CONDITIONS = {
    "events:source",
    "kms:EncryptionContext:service",
    "secretsmanager:resource/AllowRotationLambdaArn",
}
"""What its IAM knows of no request: whoever asks for it is refused. It enforces the rest."""


def adapted(built: Path, bundle: Path, behind: Mapping[str, str]) -> str:
    """Return the template that was built, as YAML, with `bundle` for each function.

    `behind` are environment variables for the functions behind the scenes: no request waits for
    them, so what they do must not be taken for a request's doing.
    """
    template = yaml.safe_load(built.read_text(encoding="utf-8").replace(*TABLE))
    template["Globals"]["Function"]["CodeUri"] = str(bundle)
    resources: dict[str, dict[str, Any]] = {
        logical_id: _renamed(resource)
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] not in LEFT_OUT
    }
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            properties.pop("CodeUri", None)
            if "Events" not in properties and "AutoPublishAlias" not in properties:
                properties.setdefault("Environment", {}).setdefault("Variables", {}).update(behind)
    answers = resources["Api"]["Properties"].pop("GatewayResponses")
    # By name before "ApiDeployment...": that has the responses that there are when it is made.
    resources |= {
        f"ApiAnswers{kind}".replace("_", ""): _answer(kind, answers[kind]) for kind in answers
    }
    template["Resources"] = _without_conditions(resources)
    return yaml.safe_dump(template, sort_keys=False)


def _renamed(resource: dict[str, Any]) -> dict[str, Any]:
    kind = resource["Type"]
    if kind not in RENAMED:
        return resource
    properties = {**resource["Properties"], "Roles": [resource["Properties"]["RoleName"]]}
    del properties["RoleName"]
    return {**resource, "Type": RENAMED[kind], "Properties": properties}


def _answer(kind: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return SAM's form of a gateway response as the resource of its own that it stands for."""
    status = {"StatusCode": str(declared["StatusCode"])} if "StatusCode" in declared else {}
    headers = declared["ResponseParameters"]["Headers"]
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "ResponseType": kind,
            **status,
            "ResponseParameters": {
                f"gatewayresponse.header.{name}": _sayable(value) for name, value in headers.items()
            },
            "ResponseTemplates": {
                media_type: _sayable(text)
                for media_type, text in declared["ResponseTemplates"].items()
            },
        },
    }


def _sayable(text: str) -> str:
    return text.replace("context.extendedRequestId", "context.requestId")


def _without_conditions(node: Any) -> Any:  # noqa: ANN401 - a YAML node is anything
    """Drop from policies what is asked of a request that the emulator's IAM does not know."""
    if isinstance(node, list):
        return [_without_conditions(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _without_conditions(value) for name, value in node.items()}
    if "Effect" in kept and "Condition" in kept:
        kept["Condition"] = {
            operator: asked
            for operator, asked in kept["Condition"].items()
            if not CONDITIONS & asked.keys()
        }
    return kept
