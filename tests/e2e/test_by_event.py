"""The whole service, alive: keys rotated by events and on schedule, and every change told.

The stack is the template's and has one function more, which hears what is told on the bus, as any
function of the account may.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import pytest

from infra.local.stack import TEMPLATE, Stack, local_stack

T = TypeVar("T")

LISTENER = """
  Listener:
    Type: AWS::Serverless::Function
    Properties: {{Handler: listener.handler, CodeUri: {folder}}}
  ListenerRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref EventBus
      EventPattern: {{source: [keyturn]}}
      Targets: [{{Id: listener, Arn: !GetAtt Listener.Arn}}]

Outputs:
"""
CODE = """
import json, pathlib, threading
writing = threading.Lock()

def handler(event, context):
    with writing, pathlib.Path(__file__).with_name("heard").open("a") as file:
        file.write(json.dumps(event) + "\\n")
"""


class Living:
    """The running stack, an admin's client, and what was heard on the bus."""

    def __init__(self, stack: Stack, heard: Path) -> None:
        self.stack = stack
        self.client = httpx.Client(
            base_url=f"{stack.url}/api/apikey", headers={"X-API-Key": stack.admin_key}
        )
        self._heard = heard
        self._bus = boto3.client("events", endpoint_url=stack.aws_endpoint)
        self.dynamodb = boto3.client("dynamodb", endpoint_url=stack.aws_endpoint)

    def close(self) -> None:
        for client in (self.client, self._bus, self.dynamodb):
            client.close()

    def create(self, alias: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        body = {"alias": alias, "name": "name", "roles": ["admin"], **fields}
        made: dict[str, Any] = self.client.post("", json=body).json()
        return made

    def admits(self, key: str) -> bool:
        answer = self.client.post("", headers={"X-API-Key": key}, json={})
        return answer.status_code == 400

    def ask(self, kind: str, detail: dict[str, Any], source: str = "keyturn.request") -> str:
        entry = {
            "EventBusName": self.stack.event_bus,
            "Source": source,
            "DetailType": kind,
            "Detail": json.dumps(detail),
        }
        (answer,) = self._bus.put_events(Entries=[entry])["Entries"]  # type: ignore[list-item]
        return str(answer["EventId"])

    def get(self, id: str) -> dict[str, Any]:
        item: dict[str, Any] = self.client.get(f"/{id}").json()
        return item

    def happened(self, id: str) -> list[dict[str, Any]]:
        """Return the audit trail, the oldest first."""
        items: list[dict[str, Any]] = self.client.get(f"/{id}/events").json()["items"]
        return items[::-1]

    def heard(self, id: str) -> list[dict[str, Any]]:
        """Return the events about a key, as they were heard."""
        events = [json.loads(line) for line in self._heard.read_text().splitlines()]
        return [event for event in events if event["detail"].get("id") == id]

    def put(self, id: str, **values: dict[str, str]) -> None:
        """Change a row as no verb does, to have time pass."""
        self.dynamodb.update_item(
            TableName=self.stack.table,
            Key={"id": {"S": id}, "item": {"S": "key"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )


def soon(look: Callable[[], T], until: Callable[[T], object], seconds: float = 10) -> T:
    """Look until it is as expected, for so long at most, and return what was seen last."""
    end = time.monotonic() + seconds
    while not until(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("detail-type", event.get("type", "")) for event in events]


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    folder = tmp_path_factory.mktemp("living")
    (folder / "functions").symlink_to(TEMPLATE.with_name("functions"))
    (folder / "listener").mkdir()
    (folder / "listener/listener.py").write_text(CODE)
    added = LISTENER.format(folder=folder / "listener")
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.read_text().replace("\nOutputs:\n", added))
    with (
        local_stack(template=path, sweep_seconds=0.2) as stack,
        closing(Living(stack, folder / "listener/heard")) as living,
    ):
        yield living


def test_an_event_rotates_and_both_strings_work_until_the_grace_ends(living: Living) -> None:
    made = living.create("by event")
    asked = {"alias": "by event", "grace_seconds": 2, "rotation_id": "1"}
    event_id = living.ask("Rotation Requested", asked)
    item = soon(lambda: living.get(made["id"]), lambda item: item["generation"] == 2)
    new = living.create("by event")  # a renewal is how the requester gets to know it

    assert item["updated_by"] == f"event:{event_id}"
    assert new["renewed"] is True
    assert new["key"] != made["key"]
    assert [living.admits(made["key"]), living.admits(new["key"])] == [True, True]
    soon(lambda: living.admits(made["key"]), lambda admitted: not admitted)
    assert living.admits(new["key"])

    # Asked again under the same id, a day later it seems: nothing.
    again = living.ask("Rotation Requested", asked)
    trail = soon(lambda: living.happened(made["id"]), lambda trail: "Grace Ended" in types(trail))
    assert types(trail) == ["Key Created", "Key Rotated", "Key Renewed", "Grace Ended"]
    assert [event["version"] for event in trail] == [1, 2, 3, 4]
    assert again not in json.dumps(trail)


def test_what_is_kept_beside_the_key_is_what_was_told_on_the_bus(living: Living) -> None:
    made = living.create("told", rotate_every_days=None)
    living.client.post(f"/{made['id']}/rotate", json={"grace_seconds": 0})
    living.create("told")
    living.client.delete(f"/{made['id']}", params={"reason": "superseded"})
    living.create("told")
    expected = ["Key Created", "Key Rotated", "Key Renewed", "Key Revoked", "Key Reactivated"]
    trail = soon(lambda: living.happened(made["id"]), lambda trail: len(trail) == len(expected))
    heard = soon(lambda: living.heard(made["id"]), lambda heard: len(heard) == len(expected))

    assert types(trail) == expected
    # Delivered by any order; told in this one.
    heard.sort(key=lambda event: int(event["detail"]["version"]))
    assert types(heard) == expected
    kept = [{name: value for name, value in e.items() if name != "type"} for e in trail]
    assert kept == [event["detail"] for event in heard]
    assert {event["source"] for event in heard} == {"keyturn"}
    admin = living.client.get("").json()["items"][0]["id"]
    assert {event["actor"] for event in trail} == {f"{admin}:admin"}
    text = json.dumps([trail, heard])
    row = living.dynamodb.get_item(
        TableName=living.stack.table, Key={"id": {"S": made["id"]}, "item": {"S": "key"}}
    )["Item"]
    secrets = [made["key"], made["key"].rpartition("_")[2], row["secret_hash"]["B"].hex()]
    assert [secret for secret in secrets if secret in text] == []


def test_a_leak_that_is_reported_ends_the_key_at_once_and_for_good(living: Living) -> None:
    made = living.create("leaked")
    living.ask("Key Compromised", {"id": made["id"]})
    item = soon(lambda: living.get(made["id"]), lambda item: item["status"] == "revoked")

    assert item["revoke_reason"] == "compromised"
    assert not living.admits(made["key"])
    assert living.create("leaked")["code"] == "key_compromised"
    new = living.client.post(f"/{made['id']}/rotate", json={}).json()
    assert [living.admits(made["key"]), living.admits(new["key"])] == [False, True]
    soon(
        lambda: types(living.happened(made["id"])),
        lambda told: told == ["Key Created", "Key Revoked", "Key Rotated"],
    )


def test_the_schedule_rotates_what_is_due_and_warns_of_ends(living: Living) -> None:
    day, now = 86_400, int(time.time())
    due = living.create("due", rotate_every_days=1, ttl_days=30)
    ending = living.create("ending", ttl_days=30)
    # A day and a bit went by for one; the other's end is near, its grace over.
    past = {"N": str(now - day - 60)}
    living.put(due["id"], created_at=past, due_at={"N": str(now - 60)})
    at = now + day - 60
    shard = {"N": "0"}
    living.put(
        ending["id"], expires_at={"N": str(at)}, due_at={"N": str(at - 3 * day)}, due_shard=shard
    )

    item = soon(lambda: living.get(due["id"]), lambda item: item["generation"] == 2)
    assert (item["updated_by"], item["rotate_every_days"]) == ("schedule", 1)
    assert living.admits(due["key"])
    told = soon(lambda: types(living.happened(ending["id"])), lambda told: "Key Expiring" in told)
    assert told.count("Key Expiring") == 1
    assert living.get(due["id"])["generation"] == 2


@pytest.mark.parametrize(
    ("kind", "detail", "source"),
    [
        ("Rotation Requested", {"alias": "refused", "roles": ["admin"]}, "keyturn"),
        ("Key Created", {"alias": "refused"}, "keyturn.request"),
        ("Rotation Requested", {"alias": "nobody has this"}, "keyturn.request"),
        ("Rotation Requested", {"alias": "refused", "grace_seconds": -1}, "keyturn.request"),
        ("Rotation Requested", {"alias": "refused", "grace_seconds": 1.5}, "keyturn.request"),
        ("Rotation Requested", {}, "keyturn.request"),
    ],
)
def test_what_cannot_be_asked_changes_nothing(
    living: Living, kind: str, detail: dict[str, Any], source: str
) -> None:
    made = living.create("refused")
    version = living.get(made["id"])["updated_at"]
    living.ask(kind, detail, source)
    # Behind it, on the same way, one that can.
    marker = living.create(f"after {kind} {detail}")
    living.ask("Rotation Requested", {"id": marker["id"], "grace_seconds": 0})
    soon(lambda: living.get(marker["id"]), lambda item: item["generation"] == 2)

    item = living.get(made["id"])
    assert (item["generation"], item["updated_at"]) == (1, version)
    assert living.admits(made["key"])


def test_what_is_used_shows_a_moment_later(living: Living) -> None:
    made = living.create("used")
    id = made["id"]
    unused = living.get(id)
    assert [living.admits(made["key"]) for _ in range(3)] == [True] * 3
    asked = {"key": made["key"], "roles": ["creator"]}
    assert living.client.post("/verify", json=asked).json()["code"] == "insufficient_role"

    def usage() -> dict[str, int]:
        days = living.client.get(f"/{id}/usage", params={"days": 2}).json()["items"]  # midnight
        return {name: sum(day[name] for day in days) for name in ("allowed", "denied")}

    soon(usage, lambda seen: seen == {"allowed": 3, "denied": 1})
    used = living.get(id)
    rotated = living.client.post(f"/{id}/rotate", json={}).json()
    assert living.admits(rotated["key"])
    again = soon(lambda: living.get(id), lambda item: item["last_generation_used"] == 2)

    assert (unused["last_used_at"], unused["last_generation_used"]) == (None, None)
    assert used["last_used_at"] >= made["created_at"]
    assert (used["last_generation_used"], used["previous_last_seen_at"]) == (1, None)
    assert rotated["previous_last_seen_at"] == used["last_used_at"]
    assert again["previous_last_seen_at"] == used["last_used_at"] <= again["last_used_at"]
    (listed,) = living.client.get("", params={"alias_prefix": "used"}).json()["items"]
    assert listed == again
    assert usage()["denied"] == 1
