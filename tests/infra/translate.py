"""Prints a SAM template as CloudFormation; run by the SAM CLI's Python, which can translate.

The second argument is the parameters' values, as JSON: SAM acts on some of them.
"""

import json
import sys
from pathlib import Path

from samtranslator.translator.transform import transform  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]


class NoManagedPolicies:
    """The translator would ask IAM for these; the template names none."""

    def load(self) -> dict[str, str]:
        return {}


template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
for function in (
    template.get("Globals", {}).get("Function", {}),
    *(resource.get("Properties", {}) for resource in template["Resources"].values()),
):
    if "CodeUri" in function:
        function["CodeUri"] = "s3://bucket/key"  # what `sam deploy` puts there
given = {"AWS::Region": "us-east-1", **json.loads(sys.argv[2])}
sys.stdout.write(json.dumps(transform(template, given, NoManagedPolicies())))
