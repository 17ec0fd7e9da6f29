"""What template.yaml declares: as written, resolved, and as SAM turns it into CloudFormation."""

import json
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.template import Template

ROOT = Path(__file__).parents[2]
PATH = ROOT / "template.yaml"

_SAM_PYTHON = ROOT / ".venv-sam/bin/python"
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "keyturn",
    "AWS::URLSuffix": "amazonaws.com",
}


class Loader(yaml.CSafeLoader):
    """Leaves the short intrinsic functions as (tag, value)."""


def _tagged(loader: Loader, tag: str, node: yaml.Node) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(node, yaml.MappingNode):
        return tag, loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return tag, loader.construct_sequence(node, deep=True)
    return tag, node.value


Loader.add_multi_constructor("!", _tagged)


@cache
def written(path: Path = PATH) -> dict[str, Any]:
    """Return the whole document; `!Ref Table` is `("Ref", "Table")`."""
    document: dict[str, Any] = yaml.load(path.read_text(), Loader)  # noqa: S506 - is safe
    return document


def resolved(
    kind: str, parameters: Mapping[str, str] | None = None, path: Path = PATH
) -> dict[str, dict[str, Any]]:
    """Return the resources of a type, Globals merged in, by logical id.

    Parameters have their defaults or these values; `!GetAtt Table.Arn` is `"Table.Arn"`.
    """
    template = Template(path, PSEUDO, lambda name, part: f"{name}.{part}", parameters)
    return dict(template.resources(kind))


def deployed(path: Path = PATH, **given: str) -> dict[str, dict[str, Any]]:
    """Return the resources that CloudFormation gets to see with these parameters, by logical id."""
    resources: dict[str, dict[str, Any]] = translated(path, **given)["Resources"]
    return resources


@cache
def translated(path: Path = PATH, **given: str) -> dict[str, Any]:
    """Return the template that CloudFormation gets to see.

    SAM's own translator makes it. Its pins clash with the tests', so it runs in the SAM CLI's
    environment; tests that ask for it are skipped where that does not exist.
    """
    if not _SAM_PYTHON.exists():
        pytest.skip("needs the SAM CLI's environment: `make validate` makes it")
    done = subprocess.run(
        [_SAM_PYTHON, Path(__file__).with_name("translate.py"), path, json.dumps(given)],
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document
