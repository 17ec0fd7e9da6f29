"""The files in events/ do what their README says; each is invoked as it is."""

import gzip
import json
from base64 import b64decode
from typing import Any

import boto3
import pytest

import authorize
import console
import create_key
import import_keys
import publish_events
import read_keys
import record_usage
import revoke_key
import rotate_key
import rotate_secret
import self_key
import verify_key
from keyturn import keytext
from tests.cli.bringing import judged
from tests.infra.declared import ROOT, resolved
from tests.support import Context, answer
from tests.support_authorizer import authorizer
from tests.support_aws import Aws, Table
from tests.support_console import needs_libraries

NAMES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
OTHERS = ["authorize_appsync", "authorize_http_api", "authorize_token", "authorize_websocket"]
"""What other APIs of the account ask."""


class Unhurried(Context):
    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 300_000


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    return loaded


OVER_HTTP = [name for name in NAMES if "resource" in event(name) and name not in OTHERS]


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


def test_a_direct_invoke_brings_keys_of_another_service_once(table: Table) -> None:
    results = [import_keys.handler(event("import_keys"), Context())["results"] for _ in range(2)]

    assert [[each["outcome"] for each in result] for result in results] == [
        ["imported", "imported"],
        ["present", "present"],
    ]
    key = event("import_keys")["rows"][0]["key"]
    assert judged(key) == ("valid", "billing")
    assert key not in str(table.rows())


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


def test_rotate_gives_the_key_that_create_makes_another_string_once(table: Table) -> None:
    created = answer(create_key.handler, event("create")).body
    rotated, again = (answer(rotate_key.handler, event("rotate")) for _ in range(2))

    assert (rotated.status, rotated.body["generation"]) == (200, 2)
    assert rotated.body["key"] != created["key"]
    assert again.body == rotated.body
    assert table.row()["rotation_ids"] == {"L": [{"S": "2027-01"}]}


def test_read_shows_the_key_that_create_makes_and_what_happened_to_it(aws: Aws) -> None:
    created = answer(create_key.handler, event("create")).body
    publish_events.handler(event("stream_created"), Context())
    (listed,) = answer(read_keys.handler, event("read_list")).body["items"]
    (happened,) = answer(read_keys.handler, event("read_events")).body["items"]

    usage = answer(read_keys.handler, event("read_usage")).body["items"]

    assert listed == answer(read_keys.handler, event("read_one")).body
    assert [day["allowed"] for day in usage] == [0] * 7
    assert (listed["id"], listed["alias"]) == (created["id"], "billing")
    assert (happened["type"], happened["id"]) == ("Key Created", created["id"])
    assert aws.calls[-1] == "GetItem"


@needs_libraries
def test_the_console_s_page_is_for_anyone(aws: Aws) -> None:
    given = console.handler(event("console"), Context())

    assert given["statusCode"] == 200
    assert given["multiValueHeaders"]["Content-Encoding"] == ["gzip"]
    assert b"<title>Keyturn</title>" in gzip.decompress(b64decode(given["body"]))
    assert aws.calls == []


def test_an_event_rotates_the_key_that_create_makes_once(table: Table) -> None:
    answer(create_key.handler, event("create"))
    for _ in range(2):
        rotate_key.handler(event("rotation_requested"), Context())

    assert table.row()["generation"] == {"N": "2"}
    assert table.row()["updated_by"] == {"S": f"event:{event('rotation_requested')['id']}"}


def test_a_report_of_a_leak_revokes_the_key_that_create_makes(table: Table) -> None:
    answer(create_key.handler, event("create"))
    rotate_key.handler(event("key_compromised"), Context())

    assert table.row()["revoke_reason"] == {"S": "compromised"}


def test_the_schedule_attends_to_what_is_due(table: Table) -> None:
    answer(create_key.handler, event("create"))
    due_at = table.row()["due_at"]
    table.put(table.row() | {"due_at": {"N": "1"}})

    rotate_key.handler(event("scheduled_sweep"), Unhurried())

    assert table.row()["due_at"] == due_at


def test_four_steps_give_a_secret_the_next_string(table: Table) -> None:
    created = answer(create_key.handler, event("create")).body
    client = boto3.client("secretsmanager")
    token = event("secret_create")["ClientRequestToken"]
    held = json.dumps({"alias": "billing", "key": created["key"]})
    secret = client.create_secret(Name="billing-key", SecretString=held)
    arn, version = secret["ARN"], secret["VersionId"]
    client.rotate_secret(
        SecretId=arn, ClientRequestToken=token, RotationRules={"AutomaticallyAfterDays": 10}
    )
    # Without a function of its own to invoke, moto takes the rotation for done.
    for stage, holder, other in (("AWSCURRENT", version, token), ("AWSPENDING", token, None)):
        removed = {"RemoveFromVersionId": other} if other else {}
        client.update_secret_version_stage(
            SecretId=arn, VersionStage=stage, MoveToVersionId=holder, **removed
        )

    for step in ("create", "set", "test", "finish"):
        rotate_secret.handler(event(f"secret_{step}") | {"SecretId": arn}, Context())

    holds = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    assert holds.keys() == {"alias", "id", "key", "generation"}
    assert (holds["id"], holds["generation"]) == (created["id"], 2)
    assert table.row()["rotation_ids"] == {"L": [{"S": token}]}
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[token]


@pytest.mark.parametrize(
    ("name", "told"), [("stream_created", "Key Created"), ("stream_rotated", "Key Rotated")]
)
def test_a_change_that_the_stream_brings_is_told_and_kept(
    name: str, told: str, aws: Aws, table: Table
) -> None:
    assert publish_events.handler(event(name), Context()) == {"batchItemFailures": []}

    assert table.row()["type"] == {"S": told}
    assert aws.calls == ["PutItem", "PutEvents"]
    (entry,) = json.loads(aws.sent[1])["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("keyturn", told)
    assert json.loads(entry["Detail"]) == json.loads(table.row()["detail"]["S"])


def test_decisions_are_counted_once_however_often_they_come(table: Table) -> None:
    created = answer(create_key.handler, event("create")).body
    for _ in range(2):
        record_usage.handler(event("decisions"), Context())

    assert answer(read_keys.handler, event("read_one")).body["last_generation_used"] == 2
    (counted,) = [row for row in table.rows() if row["item"]["S"].startswith("usage#2026-11-20#")]
    assert counted["id"] == {"S": created["id"]}
    assert (counted["valid"], counted["insufficient_role"]) == ({"N": "2"}, {"N": "1"})


@pytest.mark.parametrize("name", OTHERS)
def test_the_shared_authorizer_lets_the_key_that_create_makes_into_any_kind_of_api(
    name: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(event("create"), table, presented(event(name)))

    decision = authorizer(monkeypatch, "*").handler(event(name), Context())

    if name in {"authorize_appsync", "authorize_http_api"}:
        assert decision["isAuthorized"] is True
    else:
        (statement,) = decision["policyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert event(name)["methodArn"].startswith(statement["Resource"].removesuffix("*"))
    told = "resolverContext" if name == "authorize_appsync" else "context"
    assert decision[told]["alias"] == "billing"


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
    if asked["resource"] == "/console":  # asks for no key
        assert not {"Authorization", "X-API-Key"} & asked["headers"].keys()
        assert "authorizer" not in context
        return
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
