"""Reading a template: what each intrinsic function means, and how Globals are inherited."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.resources import ACCOUNT, REGION, Resources
from infra.local.template import Template, TemplateError

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Text: {Type: String, Default: words}
  Number: {Type: Number, Default: 15}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Sizes: {big: {memory: 512}}
Conditions:
  IsWords: !Equals [!Ref Text, words]
  IsOther: !Not [!Condition IsWords]
  Both: !And [!Condition IsWords, !Condition IsOther]
  Either: !Or [!Condition IsWords, !Condition IsOther]
Globals:
  Function:
    Timeout: 3
    Layers: [global]
    Environment: {Variables: {SHARED: global, MINE: global}}
    Role: !Ref Text
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [own]
      Role: !GetAtt Named.Arn
      AutoPublishAlias: live
      Environment: {Variables: {MINE: own, EMPTY: !Ref AWS::NoValue}}
  Never: {Type: AWS::Serverless::Function, Condition: IsOther, Properties: {Bad: !Ref Nothing}}
  Named: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub "${Text}-f"}}
  T: {Type: AWS::DynamoDB::Table}
  K: {Type: AWS::KMS::Key}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/x}}
"""


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return Resources(path, "stack", {})


def read(tmp_path: Path, text: str, **parameters: str) -> Any:  # noqa: ANN401 - a YAML node
    path = tmp_path / "template.yaml"
    path.write_text(f"{TEMPLATE}  It: {{Type: X, Properties: {{value: {text}}}}}\n")
    template = Resources(path, "stack", parameters).template
    ((_, properties),) = template.resources("X")
    return properties.get("value")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2012-10-17", "2012-10-17"),
        ("!Ref Text", "words"),
        ("{Ref: Number}", "15"),
        ("!Ref Names", ["a", "b"]),
        ("!Ref AWS::Region", REGION),
        ("!Ref AWS::NoValue", None),
        ("[1, !Ref AWS::NoValue, 2]", [1, 2]),
        ("!Ref T", "stack-T"),
        ("!GetAtt T.Arn", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/stack-T"),
        (
            "!GetAtt [T, StreamArn]",
            f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/stack-T/stream/local",
        ),
        ("!Ref Named", "words-f"),
        ("!Ref F.Alias", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-F:live"),
        ("!Ref Logs", "/aws/x"),
        ("!Sub '${Text}-${AWS::AccountId}-${!Text}'", f"words-{ACCOUNT}-${{Text}}"),
        ("!Sub '${T.Arn}/x'", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/stack-T/x"),
        ("!Sub ['${A}${Number}', {A: !Ref Text}]", "words15"),
        ("!Join ['-', [a, !Ref Number, true]]", "a-15-true"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!FindInMap [Sizes, big, memory]", 512),
        ("!If [IsWords, 1, !Ref Nothing]", 1),
        ("!If [IsOther, !Ref Nothing, 2]", 2),
        ("!If [Both, 1, 2]", 2),
        ("!If [Either, 1, 2]", 1),
        (
            "{Condition: {StringEquals: {a: !Ref Text}}}",
            {"Condition": {"StringEquals": {"a": "words"}}},
        ),
    ],
)
def test_intrinsic_function(tmp_path: Path, text: str, value: object) -> None:
    assert read(tmp_path, text) == value


def test_given_parameter_replaces_the_default(tmp_path: Path) -> None:
    assert read(tmp_path, "!If [IsWords, words, !Ref Text]", Text="other") == "other"


def test_globals_are_inherited_as_sam_does(resources: Resources) -> None:
    functions = dict(resources.template.resources("AWS::Serverless::Function"))

    assert functions.keys() == {"F", "Named"}
    assert functions["F"] == {
        "Timeout": 3,
        "Layers": ["global", "own"],
        "Environment": {"Variables": {"SHARED": "global", "MINE": "own"}},
        "Role": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:words-f",
        "AutoPublishAlias": "live",
    }
    assert functions["Named"]["Role"] == "words"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!Ref Nothing", "Nothing is neither a parameter nor a resource"),
        ("!Sub '${Nothing.Arn}'", "Nothing is neither"),
        ("!ImportValue x", "Fn::ImportValue is not supported"),
        ("!Ref K", "K is used before it exists"),
    ],
)
def test_what_cannot_be_resolved_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        read(tmp_path, text)


def test_parameter_without_a_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Parameters: {Lost: {Type: String}}\nResources: {}")

    with pytest.raises(TemplateError, match="Lost has no default"):
        Template(path, {}, lambda name, _: name)
