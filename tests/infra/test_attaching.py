"""What the guides in docs/attaching/ tell people to write: it deploys, it runs, it asks Keyturn."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.declared import ROOT, Loader, deployed

GUIDES = ROOT / "docs/attaching"
LINTER = Path(sys.executable).with_name("cfn-lint")
EXPORT = "-SharedAuthorizerAliasArn"


def written(guide: str, language: str) -> list[str]:
    """Return the blocks of a guide that are in this language."""
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_a_template_of_a_guide_is_one_that_deploys(tmp_path: Path) -> None:
    paths = [tmp_path / f"{guide}.yaml" for guide in ("sam", "appsync")]
    for path in paths:
        (text,) = written(path.stem, "yaml")
        path.write_text(text, encoding="utf-8")
    done = subprocess.run([LINTER, "--", *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_sam_guides_api_asks_keyturn_on_every_route(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(written("sam", "yaml")[0], encoding="utf-8")
    resources = deployed(path)
    body = resources["Things"]["Properties"]["Body"]
    (scheme,) = body["securityDefinitions"].values()
    asked = scheme["x-amazon-apigateway-authorizer"]

    assert EXPORT in str(asked["authorizerUri"])
    assert (asked["type"], asked["authorizerResultTtlInSeconds"]) == ("request", 60)
    assert asked["identitySource"] == "method.request.header.X-API-Key"
    assert [
        method["security"] for methods in body["paths"].values() for method in methods.values()
    ] == [[{"Keyturn": []}]]
    # None that lets API Gateway ask the authorizer: Keyturn's stack has one.
    permissions = [each for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"]
    assert [each["Properties"]["FunctionName"] for each in permissions] == [{"Ref": "List"}]


def test_the_appsync_guide_lets_this_one_api_ask_the_authorizer_that_it_names() -> None:
    resources = yaml.load(written("appsync", "yaml")[0], Loader)["Resources"]  # noqa: S506 - ours
    api, permission = (resources[name]["Properties"] for name in ("Things", "MayAsk"))

    assert permission["FunctionName"] == api["LambdaAuthorizerConfig"]["AuthorizerUri"]
    assert permission["SourceArn"] == ("GetAtt", "Things.Arn")
    assert EXPORT in str(permission["FunctionName"])


def test_the_terraform_guide_names_nothing_that_it_does_not_declare() -> None:
    """Terraform itself is not at hand: its blocks, braces and references."""
    text = re.sub(r" #.*", "", "\n".join(written("terraform", "hcl")))
    declared = {
        f"{'data.' if kind == 'data' else ''}{type_}.{name}"
        for kind, type_, name in re.findall(
            r'^(data|resource) "(\w+)" "(\w+)" \{', text, re.MULTILINE
        )
    }
    used = set(re.findall(r"\b(?:data\.)?aws_\w+\.\w+(?=\.)", text))

    assert used <= declared
    assert declared - used <= {
        "aws_api_gateway_gateway_response.nobody_can_know",
        "aws_api_gateway_method.list",
        "aws_apigatewayv2_authorizer.keyturn",
    }
    assert text.count("{") == text.count("}")
    assert f'"keyturn{EXPORT}"' in text
    assert len(re.findall(r"authorizer_uri += local\.authorizer_uri$", text, re.MULTILINE)) == 2


def test_the_cdk_guide_is_python_that_imports_what_is_exported() -> None:
    (text,) = written("cdk", "python")
    strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]

    assert f"keyturn{EXPORT}" in strings


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_the_guides_application_starts_and_lets_nobody_in_who_has_no_key(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/client asks the service behind it."""
    monkeypatch.setenv("KEYTURN_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KEYTURN_API_KEY", "none")
    text = written("fastapi-and-flask", "python")[["fastapi", "flask"].index(framework)]
    module: dict[str, Any] = {"__name__": "things"}
    exec(compile(text, framework, "exec"), module)  # noqa: S102 - what people are told to write
    app = module["app"]

    if framework == "flask":
        client = app.test_client()
        assert [client.get("/things").status_code, client.post("/things").status_code] == [401, 401]
    else:
        assert all(
            "security" in operation for operation in app.openapi()["paths"]["/things"].values()
        )
