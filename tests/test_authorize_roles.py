import pytest

from tests.support import REQUEST_ID, Clock, Context, Output
from tests.support_authorizer import authorizer, effect, made, rest, token
from tests.support_aws import Aws


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


@pytest.fixture
def key(aws: Aws) -> str:
    key = made()
    aws.forget()
    return key


@pytest.mark.parametrize("roles", [None, "", " ", ",", "admin,,user", "*,admin"])
def test_a_forgotten_or_mistaken_setting_opens_no_door(
    roles: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="REQUIRED_ROLES"):
        authorizer(monkeypatch, roles)


@pytest.mark.parametrize(
    ("asks_for", "has", "outcome"),
    [
        ("*", (), "Allow"),
        ("*", ("user",), "Allow"),
        ("user", ("user",), "Allow"),
        ("user,creator", ("creator",), "Allow"),
        ("user,creator", ("admin",), "Deny"),
        ("admin", (), "Deny"),
    ],
)
def test_any_one_of_the_required_roles_suffices(
    asks_for: str, has: tuple[str, ...], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made("other", has)

    decision = authorizer(monkeypatch, asks_for).handler(token(key), Context())

    assert decision["policyDocument"]["Statement"][0]["Effect"] == outcome


def test_each_decision_is_one_line(key: str, output: Output) -> None:
    before = len(output.records())

    for event in (token(key), token("nonsense"), rest({"X-API-Key": [key]})):
        effect(event)

    one, other, third = output.records()[before:]
    assert (one["reason"], one["alias"], one["request_id"]) == (
        "valid",
        "root",
        "lambda-request-id",
    )
    assert (other["reason"], "alias" in other) == ("malformed", False)
    assert third["request_id"] == REQUEST_ID
