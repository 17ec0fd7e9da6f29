"""The evaluation of policies that the tests of roles rely on."""

from typing import Any

import pytest

from tests.attack.iam import Asked, allows

GET = Asked("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:1:table/keys")


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"Effect": effect, "Action": "dynamodb:GetItem", "Resource": "*"} | elements


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([statement()], True),
        ([statement("Deny")], False),
        ([statement(), statement("Deny")], False),
        ([statement(Action="dynamodb:getitem")], True),
        ([statement(Action=["dynamodb:PutItem", "dynamodb:Get*"])], True),
        ([statement(Action="*")], True),
        ([statement(Action="dynamodb:PutItem")], False),
        ([statement(Action="dynamodb:GetIte?")], True),
        ([statement(Resource="arn:aws:dynamodb:eu-west-1:1:table/keys")], True),
        ([statement(Resource="arn:aws:dynamodb:eu-west-1:1:table/KEYS")], False),
        ([statement(Resource=["arn:aws:dynamodb:*:1:table/key?"])], True),
        ([statement(Resource="arn:aws:dynamodb:eu-west-1:1:table/key")], False),
        ([statement(Resource="arn:aws:dynamodb:eu-west-1:1:table/keys/*")], False),
        ([statement(), statement("Deny", Condition={"StringEquals": {"a": "b"}})], True),
    ],
)
def test_silence_denies_and_a_denial_wins(
    statements: list[dict[str, Any]], *, allowed: bool
) -> None:
    assert allows(GET, statements) is allowed


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"k": "a"}}, {"k": ["a"]}, True),
        ({"StringEquals": {"k": ["b", "a"]}}, {"k": ["a"]}, True),
        ({"StringEquals": {"k": "a"}}, {"k": ["A"]}, False),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": ["a"]}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {"k": ["a"]}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {"k": ["b"]}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ["a", "c"]}, True),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ["c"]}, False),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {}, False),
        ({"ArnEquals": {"k": "arn:*:x"}}, {"k": ["arn:1:x"]}, True),
        ({"ArnNotLike": {"k": "arn:*:x"}}, {"k": ["arn:1:x"]}, False),
        ({"ArnNotLike": {"k": ["arn:1", "arn:2"]}}, {"k": ["arn:2"]}, False),
        ({"ArnNotLike": {"k": "arn:1"}}, {}, True),
        ({"Bool": {"k": "false"}}, {"k": ["false"]}, True),
        ({"Bool": {"k": "false"}}, {}, False),
        ({"Null": {"k": "false"}}, {"k": ["x"]}, True),
        ({"Null": {"k": "false"}}, {}, False),
        ({"Null": {"k": "true"}}, {}, True),
    ],
)
def test_condition_holds_as_iam_says(
    condition: dict[str, Any], context: dict[str, list[str]], *, holds: bool
) -> None:
    asked = GET._replace(context=context)

    assert allows(asked, [statement(Condition=condition)]) is holds


def test_what_hangs_on_the_resource_must_allow_where_it_allows_at_all_and_never_deny() -> None:
    mine = [statement()]
    assert allows(GET, mine, [statement("Deny", Condition={"Bool": {"k": "false"}})])
    assert not allows(GET, mine, [statement("Deny")])
    assert not allows(GET, mine, [statement(Action="dynamodb:PutItem")])
    assert allows(GET, mine, [statement(Principal={"AWS": "arn:aws:iam::1:root"})])
    assert not allows(GET, [], [statement()])


@pytest.mark.parametrize(
    "unknown",
    [{"NotAction": "x"}, {"NotResource": "x"}, {"Condition": {"StringLike": {"k": "a"}}}],
)
def test_what_it_does_not_know_is_no_guess(unknown: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        allows(GET, [statement(**unknown)])
