"""The table's stream, as Lambda hands it on: each change kept and told once, in order."""

import json
from base64 import b64encode
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.keys import DAY, moment
from tests.support import Clock, Output
from tests.support_aws import Answer, Aws, Call, Table, lost_reply, lost_request, refused
from tests.support_desk import STORE
from tests.support_life import Life, Records, lived, publish
from tests.support_rotation import BILLING, KEY_ITEM, Stream, events

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"


@pytest.fixture
def life(aws: Aws, clock: Clock) -> Life:  # noqa: ARG001 - they are in there
    return Life()


@pytest.fixture
def records(aws: Aws, clock: Clock) -> Records:  # noqa: ARG001 - it stands still
    records = deepcopy(lived()[1])
    Table().clear()
    aws.forget()
    return records


def numbers(records: Records) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def told(aws: Aws) -> list[tuple[str, str]]:
    return [(entry["DetailType"], entry["Detail"]["event_id"]) for entry in events(aws)]


def kept(table: Table) -> list[dict[str, Any]]:
    return [row for row in table.rows() if row["item"] != KEY_ITEM]


def test_every_change_is_kept_and_told_once_in_the_order_of_versions(
    records: Records, aws: Aws, table: Table
) -> None:
    assert publish(records) == []

    happened = [happening.value for happening, _ in lived()[0].steps()]
    ids = [f"{BILLING}-{version}" for version in range(1, len(happened) + 1)]
    assert told(aws) == list(zip(happened, ids, strict=True))
    assert aws.calls == ["PutItem", "PutEvents"] * len(happened)
    rows = {json.loads(row["detail"]["S"])["event_id"]: row for row in kept(table)}
    assert rows.keys() == set(ids)
    for entry in events(aws):
        row = rows[entry["Detail"]["event_id"]]
        assert json.loads(row["detail"]["S"]) == entry["Detail"]
        assert row["type"] == {"S": entry["DetailType"]}
        assert int(row["delete_at"]["N"]) == entry["Time"] + 400 * DAY
        assert moment(entry["Time"]) == entry["Detail"]["at"]


def test_nothing_secret_is_told_kept_or_logged(
    records: Records, aws: Aws, table: Table, output: Output
) -> None:
    publish(records)

    said = json.dumps(events(aws)) + json.dumps(kept(table)) + output.text
    texts = lived()[0].texts
    hashes = [text.digest for text in texts]
    sealed = [b for record in records for b in binaries(record["dynamodb"])]
    secrets = [text.reveal() for text in texts] + [text.reveal()[21:53] for text in texts]
    secrets += [digest.hex() for digest in hashes]
    secrets += [b64encode(digest).decode() for digest in hashes] + sealed
    assert len(sealed) > len(records)
    assert not [secret for secret in secrets if secret in said]
    assert "rotation_ids" not in said


def binaries(images: dict[str, Any]) -> list[str]:
    rows = [images[name] for name in ("OldImage", "NewImage") if name in images]
    return [value["B"] for row in rows for value in row.values() if "B" in value]


@pytest.mark.row("F8")
def test_replay_tells_the_same_events_again_and_keeps_nothing_twice(
    records: Records, aws: Aws, table: Table
) -> None:
    publish(records)
    once, rows = events(aws), kept(table)
    aws.forget()

    publish(records)

    assert events(aws) == once
    assert kept(table) == rows


def test_audit_rows_do_not_come_back_as_key_rows(records: Records) -> None:
    stream = Stream()

    publish(records)

    assert stream.records() == []


@pytest.mark.row("F10")
def test_first_record_that_fails_is_reported_and_nothing_behind_it_is_told(
    records: Records, aws: Aws, table: Table, output: Output
) -> None:
    place = 4
    fail_from(aws, place)

    assert publish(records) == [numbers(records)[place]]

    assert len(kept(table)) == place + 1
    assert [id for _, id in told(aws)][:place] == [f"{BILLING}-{n}" for n in range(1, place + 1)]
    (line,) = [line for line in output.records() if line["message"] == "not told"]
    assert line["sequence_number"] == numbers(records)[place]
    assert (line["error"], line["detail"]) == (
        "Unavailable",
        "PutEvents: ResourceNotFoundException",
    )
    aws.heal()
    aws.forget()
    assert publish(records[place:]) == []
    assert told(aws)[0][1] == f"{BILLING}-{place + 1}"


def fail_from(aws: Aws, place: int) -> None:
    """Let the bus refuse every event from the one at `place` on."""
    seen: list[None] = []

    def fault(call: Call) -> Answer:
        seen.append(None)
        return call() if len(seen) <= place else refused("ResourceNotFoundException")(call)

    aws.always("PutEvents", fault)


@pytest.mark.parametrize("operation", ["PutItem", "PutEvents"])
def test_change_that_was_not_told_is_told_when_it_comes_again(
    records: Records, aws: Aws, table: Table, operation: str
) -> None:
    aws.plan(operation, lost_request, lost_request)
    assert publish(records) == [numbers(records)[0]]

    assert publish(records) == []

    assert len(kept(table)) == len(records)
    assert {id for _, id in told(aws)} == {f"{BILLING}-{n + 1}" for n in range(len(records))}


def test_event_that_the_bus_did_not_take_comes_again(records: Records, aws: Aws) -> None:
    def not_taken(_call: Call) -> Answer:
        reply = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        headers = [("Content-Type", "application/x-amz-json-1.1")]
        return Answer("200 OK", headers, json.dumps(reply).encode())

    aws.plan("PutEvents", not_taken)

    assert publish(records[:3]) == [numbers(records)[0]]


def test_lost_reply_of_the_bus_is_told_twice_and_kept_once(
    records: Records, aws: Aws, table: Table
) -> None:
    aws.plan("PutEvents", lost_reply)

    assert publish(records[:1]) == []

    assert told(aws) == [("Key Created", f"{BILLING}-1")] * 2
    assert len(kept(table)) == 1


MALFORMED: dict[str, Any] = {
    "of another schema": {"schema": {"N": "9"}},
    "without a name": {"name": None},
    "with roles of another type": {"roles": {"S": "admin"}},
    "with half a hash": {"secret_hash": {"B": "AAAA"}},
    "with a hash that is no base64": {"secret_hash": {"B": "###"}},
    "with a version that is no number": {"version": {"N": "one"}},
    "with nothing": dict.fromkeys(("id", "alias", "schema", "version")),
}


@pytest.mark.row("F10")
@pytest.mark.parametrize("fault", MALFORMED)
@pytest.mark.parametrize("image", ["OldImage", "NewImage"])
def test_malformed_image_is_reported_and_not_quoted(
    records: Records, aws: Aws, output: Output, fault: str, image: str
) -> None:
    broken = deepcopy(records)
    row = broken[2]["dynamodb"][image]
    for name, value in MALFORMED[fault].items():
        row.pop(name)
        if value is not None:
            row[name] = value

    assert publish(broken) == [numbers(records)[2]]

    assert len(told(aws)) == 2
    lines = [line for line in output.records() if line["message"] == "not told"]
    assert [line["error"] for line in lines] == ["Unavailable"]
    assert not any(binary in output.text for binary in binaries(broken[2]["dynamodb"]))


@pytest.mark.parametrize("part", ["dynamodb", "SequenceNumber"])
def test_record_without_a_number_fails_the_batch_so_that_it_is_bisected(
    records: Records, part: str
) -> None:
    broken = deepcopy(records)
    if part == "dynamodb":
        del broken[1]["dynamodb"]
    else:
        del broken[1]["dynamodb"][part]

    with pytest.raises(KeyError):
        publish(broken)


@pytest.mark.parametrize("images", [{}, {"OldImage": None}, {"NewImage": None}])
def test_record_without_a_row_tells_nothing(aws: Aws, images: dict[str, Any]) -> None:
    assert publish([{"dynamodb": {"SequenceNumber": "1"} | images}]) == []
    assert aws.calls == []


def test_row_that_only_moved_on_in_the_index_is_told_to_nobody(life: Life, aws: Aws) -> None:
    life.grant()
    stream = Stream()
    read = STORE.get(BILLING)
    assert read is not None
    STORE.move_due(read, life.now + 13 * DAY)
    aws.forget()

    assert publish(stream.records()) == []

    assert aws.calls == []


def test_row_removed_by_hand_is_told_to_nobody(life: Life, aws: Aws, table: Table) -> None:
    life.grant()
    stream = Stream()
    table.clear()
    aws.forget()

    assert publish(stream.records()) == []

    assert aws.calls == []


@pytest.mark.row("F10")
@settings(max_examples=8)
@given(
    batches=st.lists(st.tuples(st.integers(1, 4), st.none() | st.integers(0, 2)), max_size=5),
)
def test_whatever_fails_and_however_batches_are_cut_each_change_is_told_in_order(
    records: Records, aws: Aws, batches: list[tuple[int, int | None]]
) -> None:
    records = records[:8]
    waiting, ids = records, []
    for size, good in [*batches, (len(records), None)]:
        batch = waiting[:size]
        aws.forget()
        if good is not None:
            fail_from(aws, good)
        failed = publish(batch)
        aws.heal()
        done = numbers(batch).index(failed[0]) if failed else len(batch)
        ids += [id for _, id in told(aws)][:done]
        waiting = waiting[done:]

    assert ids == [f"{BILLING}-{n + 1}" for n in range(len(records))]
