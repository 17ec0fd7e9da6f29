"""The files in events/ do what their README says; each is invoked as it is."""

import json
from typing import Any

import pytest

import authorize
import create_key
import revoke_key
import self_key
import verify_key
from keyturn import keytext
from tests.infra.declared import ROOT, resolved
from tests.support import Context, answer
from tests.support_authorizer import authorizer
from tests.support_aws import Aws, Table

NAMES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
OTHERS = ["authorize_http_api", "authorize_token", "authorize_websocket"]
"""What other APIs of the account ask."""
OVER_HTTP = [name for name in NAMES if name not in {"create_first_admin", *OTHERS}]


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    return loaded


def made(request: dict[str, Any], table: Table, key: str) -> None:
    """Make the alias's key, and let its string be the one in the events."""
    create_key.handler(request, Context())
    text = keytext.parse(key)
    assert text is not None
    (row,) = [row for row in table.rows() if row["id"]["S"] == text.id]
    table.put({**row, "secret_hash": {"B": text.digest}})


def presented(asked: dict[str, Any]) -> str:
    headers = asked.get("headers") or {"Authorization": asked["authorizationToken"]}
    said = {name.lower(): value for name, value in headers.items()}
    key: str = said.get("x-api-key") or said["authorization"].removeprefix("Bearer ")
    return key


def test_create_makes_a_key_and_renew_keeps_it(aws: Aws) -> None:
    created = answer(create_key.handler, event("create"))
    renewed = answer(create_key.handler, event("renew"))

    assert (created.status, renewed.status) == (201, 200)
    assert renewed.body["key"] == created.body["key"]
    assert (renewed.body["ttl_days"], renewed.body["renewed"]) == (30, True)
    assert aws.calls == ["GetItem", "Encrypt", "PutItem", "GetItem", "Decrypt", "UpdateItem"]


@pytest.mark.parametrize("name", ["revoke_by_key", "revoke_by_id"])
def test_revoke_ends_the_key_that_create_makes(name: str, table: Table) -> None:
    made(event("create"), table, event("revoke_by_key")["pathParameters"]["key"])

    assert answer(revoke_key.handler, event(name)).status == 200
    assert table.row()["is_active"] == {"BOOL": False}
    assert answer(revoke_key.handler, event(name)).status == 404


def test_a_direct_invoke_makes_the_first_admin(table: Table) -> None:
    first = create_key.handler(event("create_first_admin"), Context())

    assert (first["status"], first["roles"]) == (201, ["admin"])
    assert table.row()["updated_by"] == {"S": "iam"}


def test_the_authorizer_lets_the_first_admin_in_and_nobody_else(table: Table) -> None:
    made(event("create_first_admin"), table, presented(event("authorize_allow")))

    policy = authorize.handler(event("authorize_allow"), Context())["policyDocument"]
    assert [statement["Effect"] for statement in policy["Statement"]] == ["Allow"]
    with pytest.raises(authorize.Unauthorized, match=r"^Unauthorized$"):
        authorize.handler(event("authorize_deny"), Context())


def test_verify_tells_whether_the_key_that_create_makes_is_good(table: Table) -> None:
    assert answer(verify_key.handler, event("verify")).body["code"] == "not_found"

    made(event("create"), table, presented(event("self_read")))

    assert answer(verify_key.handler, event("verify")).body["code"] == "valid"


def test_self_shows_the_key_that_create_makes_and_ends_it(table: Table) -> None:
    made(event("create"), table, presented(event("self_read")))

    assert answer(self_key.handler, event("self_read")).body["alias"] == "billing"
    assert answer(self_key.handler, event("self_revoke")).status == 200
    assert table.row()["revoke_reason"] == {"S": "compromised"}
    # In the moment between an authorizer's answer and this: it is done.
    assert answer(self_key.handler, event("self_revoke")).status == 404


@pytest.mark.parametrize("name", OTHERS)
def test_the_shared_authorizer_lets_the_key_that_create_makes_into_any_kind_of_api(
    name: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(event("create"), table, presented(event(name)))

    decision = authorizer(monkeypatch, "*").handler(event(name), Context())

    if name == "authorize_http_api":
        assert decision["isAuthorized"] is True
    else:
        (statement,) = decision["policyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert event(name)["methodArn"].startswith(statement["Resource"].removesuffix("*"))
    assert decision["context"]["alias"] == "billing"


@pytest.mark.parametrize("name", OVER_HTTP)
def test_an_event_is_one_that_the_api_of_the_template_sends(name: str) -> None:
    asked = event(name)
    routes = {
        (route["Properties"]["Method"], route["Properties"]["Path"])
        for function in resolved("AWS::Serverless::Function").values()
        for route in function.get("Events", {}).values()
    }
    context = asked["requestContext"]
    filled = asked["resource"].format(**(asked["pathParameters"] or {}))

    assert (asked["httpMethod"], asked["resource"]) in routes
    assert (context["httpMethod"], context["resourcePath"]) == (
        asked["httpMethod"],
        asked["resource"],
    )
    assert (asked["path"], context["path"]) == (filled, f"/{context['stage']}{filled}")
    assert {name: [value] for name, value in asked["headers"].items()} == asked["multiValueHeaders"]
    key = keytext.parse(presented(asked))
    assert key is not None
    assert presented(asked) in (ROOT / "events/README.md").read_text()
    if "authorizer" in context:
        alias = "billing" if asked["resource"].endswith("/self") else "admin"
        assert context["authorizer"]["alias"] == alias
        assert context["authorizer"]["id"] == key.id == keytext.id_of("", alias)


def test_the_readme_names_every_event() -> None:
    readme = (ROOT / "events/README.md").read_text()
    assert [name for name in NAMES if f"`{name}.json`" not in readme] == []
