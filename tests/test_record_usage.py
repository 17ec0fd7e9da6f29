"""Batches of the log, as CloudWatch Logs delivers them, become rows of usage."""

import base64
import gzip
import json
import random
import zlib
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

import authorize
import create_key
import read_keys
import record_usage
import revoke_key
import rotate_key
import verify_key
from keyturn.errors import Unavailable
from keyturn.keys import DAY, Outcome, moment
from tests.support import NOW, Clock, Context, Output, answer, delete, post, request
from tests.support_authorizer import rest
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_rotation import BILLING, get, rotate
from tests.support_usage import Line, delivered, id_of, line, logs

TODAY = NOW // DAY


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


def record(*lines: Line, **parts: Any) -> None:  # noqa: ANN401 - as `logs`
    record_usage.handler(delivered(logs(lines, **parts)), Context())


def counts(id: str = BILLING, days: int = 1) -> list[dict[Outcome, int]]:
    """Return what was counted on the last days, today last."""
    found = record_usage.usage.days(id, TODAY - days + 1, TODAY)
    return [dict(day.counts) for day in found]


def metrics(output: Output, name: str) -> list[Any]:
    return [record[name] for record in output.records() if name in record]


def test_every_key_of_a_batch_costs_one_write_to_its_last_use_and_one_to_its_day(
    aws: Aws, table: Table
) -> None:
    keys = [id_of(number) for number in range(5)]
    lines = [line(id=id, at=NOW - second) for second in range(20) for id in keys]

    record(*lines)

    assert Counter(aws.calls) == {"UpdateItem": 2 * len(keys)}
    written = Counter(
        (sent["Key"]["id"]["S"], sent["Key"]["item"]["S"][:5]) for sent in bodies(aws)
    )
    assert written == {(id, "usage"): 2 for id in keys}
    assert len(table.rows()) == 2 * len(keys)
    assert {str(counts(id)) for id in keys} == {str([{Outcome.VALID: 20}])}
    assert {record_usage.usage.last(id).at for id in keys} == {NOW}


def bodies(aws: Aws) -> list[dict[str, Any]]:
    return [json.loads(sent) for sent in aws.sent]


def test_what_the_authorizer_and_the_verify_route_log_is_what_is_counted(
    clock: Clock, output: Output, aws: Aws
) -> None:
    """From a real key's decisions to what an admin reads."""
    grant = {"alias": "billing", "name": "Billing", "roles": ["admin"]}
    old = answer(create_key.handler, post(grant)).body["key"]
    new = answer(rotate_key.handler, rotate(body={"grace_seconds": 60})).body["key"]
    nobody = old[:-7] + ("0" if old[-7] != "0" else "1") + old[-6:]

    def present(key: str) -> None:
        with suppress(authorize.Unauthorized):
            authorize.handler(rest({"X-API-Key": [key]}), Context())

    def verify(key: str) -> None:
        body = json.dumps({"key": key, "roles": ["creator"]}).encode()
        headers = {"Content-Type": ["application/json"]}
        event = request("POST", "/api/apikey/verify", body=body, headers=headers)
        assert answer(verify_key.handler, event).status == 200

    lines: list[Line] = []

    def happens(*calls: tuple[Any, str]) -> None:
        before = len(output.text)
        for call, key in calls:
            call(key)
        lines.extend((clock.now, said) for said in output.text[before:].splitlines())

    happens((present, old), (present, new), (verify, new), (present, nobody), (verify, "x"))
    clock.now += 61
    happens((present, old))
    clock.now += 1
    answer(revoke_key.handler, delete(BILLING))
    happens((present, new))
    assert len(lines) == 7
    aws.forget()

    record(*lines)

    assert aws.calls == ["UpdateItem", "UpdateItem"]
    item = answer(read_keys.handler, get("/api/apikey/{key}", BILLING)).body
    assert (item["last_used_at"], item["last_generation_used"]) == (moment(NOW + 62), 2)
    assert item["previous_last_seen_at"] == moment(NOW + 61)
    usage = answer(read_keys.handler, get("/api/apikey/{key}/usage", BILLING, days="1"))
    assert usage.body["items"] == [
        {
            "day": "2027-01-15",
            "allowed": 2,
            "denied": 3,
            "denied_by_reason": {"insufficient_role": 1, "expired": 1, "revoked": 1},
        }
    ]
    assert not [key for key in (old, new) if key in output.text]


def test_batch_over_midnight_is_counted_on_both_days(aws: Aws) -> None:
    midnight = TODAY * DAY
    record(line(at=midnight), line(at=midnight - 1), line(Outcome.EXPIRED, at=midnight - 2))

    assert aws.calls == ["UpdateItem"] * 3
    assert counts(days=2) == [{Outcome.VALID: 1, Outcome.EXPIRED: 1}, {Outcome.VALID: 1}]


@pytest.mark.row("F8")
def test_batch_that_comes_again_changes_nothing(table: Table) -> None:
    lines = [line(), line(id=id_of("other"))]
    record(*lines)
    before = sorted(map(str, table.rows()))

    record(*lines)

    assert sorted(map(str, table.rows())) == before
    record(*lines, stream="another")
    assert counts() == [{Outcome.VALID: 2}]


@pytest.mark.row("F10")
def test_lines_that_cannot_be_read_stop_none_of_the_rest_and_are_counted(
    aws: Aws, output: Output
) -> None:
    record((NOW, "kt_what-may-be-a-secret {"), line(), (NOW, "[]"), line())

    assert counts() == [{Outcome.VALID: 2}]
    assert aws.calls[:2] == ["UpdateItem", "UpdateItem"]
    assert metrics(output, "UsageUnreadable") == [[2.0]]
    assert "secret" not in output.text


def test_batch_without_a_key_writes_nothing(aws: Aws) -> None:
    record(line(Outcome.NOT_FOUND), line(None))
    record()

    assert aws.calls == []


def test_question_whether_anybody_is_there_is_no_batch(aws: Aws, output: Output) -> None:
    asked = {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [
            {
                "id": "",
                "timestamp": NOW * 1000,
                "message": "CWL CONTROL MESSAGE: Checking health of destination Lambda function.",
            }
        ],
    }

    record_usage.handler(delivered(asked), Context())

    assert (aws.calls, output.text) == ([], "")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"awslogs": {"data": "no base64!"}},
        {"awslogs": {"data": base64.b64encode(b"no gzip").decode()}},
        {"awslogs": {"data": base64.b64encode(gzip.compress(b"no JSON", mtime=0)).decode()}},
        delivered({"messageType": "DATA_MESSAGE"}),
        delivered([]),
    ],
    ids=lambda event: str(event)[:40],
)
def test_what_is_no_batch_fails_and_writes_nothing(event: dict[str, Any], aws: Aws) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError, zlib.error)):
        record_usage.handler(event, Context())
    assert aws.calls == []


@pytest.mark.row("F10")
def test_key_that_cannot_be_written_stops_no_other_and_is_recorded_when_the_batch_comes_again(
    aws: Aws, output: Output
) -> None:
    keys = [id_of(number) for number in range(4)]
    lines = [line(id=id) for id in keys]
    aws.plan("UpdateItem", *[refused("ProvisionedThroughputExceededException")] * 2)

    with pytest.raises(Unavailable):
        record(*lines)

    assert sum(counts(id) == [{Outcome.VALID: 1}] for id in keys) == 3
    (said,) = [r for r in output.records() if r.get("message") == "usage not recorded"]
    assert [*said["failed"].values()] == ["UpdateItem: ProvisionedThroughputExceededException"]
    record(*lines)
    assert {str(counts(id)) for id in keys} == {str([{Outcome.VALID: 1}])}
    assert {record_usage.usage.last(id).at for id in keys} == {NOW}


def test_table_that_is_down_is_not_waited_for_key_by_key(aws: Aws) -> None:
    aws.always("UpdateItem", refused("InternalServerError", 500))

    with pytest.raises(Unavailable):
        record(*[line(id=id_of(number)) for number in range(50)])

    assert len(aws.calls) == 2 * 3  # each is tried twice


def test_keys_that_always_fail_keep_no_others_from_being_recorded(aws: Aws) -> None:
    bad = {id_of(f"bad {number}") for number in range(3)}
    good = [id_of(number) for number in range(2)]

    def fails_for_bad(call: Any) -> Any:  # noqa: ANN401 - a fault
        id = json.loads(aws.sent[-1])["Key"]["id"]["S"]
        return refused("ValidationException")(call) if id in bad else call()

    aws.always("UpdateItem", fails_for_bad)
    lines = [line(id=id) for id in [*bad, *good]]
    random.seed(1)
    for _ in range(8):
        with pytest.raises(Unavailable):
            record(*lines)

    assert {str(counts(id)) for id in good} == {str([{Outcome.VALID: 1}])}


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_lost_replies_count_nothing_twice(lost: int, aws: Aws) -> None:
    aws.plan("UpdateItem", *[lost_reply] * lost)
    for _ in range(4):
        with suppress(Unavailable):  # as often as the SDK's own repeat was lost, too
            record(line(), line())

    assert record_usage.usage.last(BILLING).at == NOW
    assert counts() == [{Outcome.VALID: 2}]


def test_key_rows_are_never_touched(table: Table) -> None:
    answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))
    before = table.row()

    record(line(), line(Outcome.REVOKED))

    (key,) = [row for row in table.rows() if row["item"] == {"S": "key"}]
    assert key == before
    listed = answer(read_keys.handler, get("/api/apikey")).body["items"]
    assert [item["id"] for item in listed] == [BILLING]
