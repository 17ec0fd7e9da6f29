"""Rows of usage, read: what it costs, and what does not come at once or not at all."""

import json
from collections import Counter
from typing import Any

import pytest

from keyturn import aws as sdk
from keyturn.errors import Unavailable
from keyturn.keys import DAY, Outcome
from keyturn.tally import Day
from keyturn.usage import SHARDS, Usage
from tests.support import NOW
from tests.support_aws import Aws, refused
from tests.support_rotation import put
from tests.support_usage import id_of

TODAY = NOW // DAY
USAGE = Usage(sdk.dynamodb(), "keyturn-Table")


def once() -> Day:
    return Day(TODAY, Counter({Outcome.VALID: 1}))


def test_page_of_keys_costs_one_call(aws: Aws) -> None:
    ids = [id_of(number) for number in range(100)]
    USAGE.see(ids[7], {3: NOW})
    aws.forget()

    found = USAGE.last_of(ids)

    assert aws.calls == ["BatchGetItem"]
    assert {id: use.seen for id, use in found.items() if use.seen} == {ids[7]: {3: NOW}}
    assert [*found] == ids
    aws.forget()
    assert USAGE.last_of([]) == {}
    assert aws.calls == []


def unprocessed(names: int) -> Any:  # noqa: ANN401 - a fault
    """The answer leaves so many keys out."""

    def fault(call: Any) -> Any:  # noqa: ANN401
        answer = call()
        body = json.loads(answer.body)
        left = body["Responses"]["keyturn-Table"][:names]
        body["Responses"]["keyturn-Table"] = body["Responses"]["keyturn-Table"][names:]
        keys = [{name: item[name] for name in ("id", "item")} for item in left]
        body["UnprocessedKeys"] = {"keyturn-Table": {"Keys": keys}}
        return answer._replace(headers=[], body=json.dumps(body).encode())

    return fault


def test_keys_that_were_left_out_are_asked_for_once_more(aws: Aws) -> None:
    ids = [id_of(number) for number in range(3)]
    for id in ids:
        USAGE.see(id, {1: NOW})
    aws.forget()
    aws.plan("BatchGetItem", unprocessed(2))

    assert {use.at for use in USAGE.last_of(ids).values()} == {NOW}
    assert aws.calls == ["BatchGetItem", "BatchGetItem"]

    aws.forget()
    aws.plan("BatchGetItem", unprocessed(2), unprocessed(1))
    with pytest.raises(Unavailable):
        USAGE.last_of(ids)
    assert aws.calls == ["BatchGetItem", "BatchGetItem"]


def test_pages_of_counters_are_read_to_the_end(aws: Aws) -> None:
    id = id_of(1)
    for number in range(SHARDS):
        USAGE.count(id, once(), f"{number:x}", keep=90)
    aws.forget()

    def short(call: Any) -> Any:  # noqa: ANN401 - a fault
        answer = call()
        body = json.loads(answer.body)
        body["Items"] = body["Items"][:1]
        body["LastEvaluatedKey"] = {name: body["Items"][0][name] for name in ("id", "item")}
        return answer._replace(headers=[], body=json.dumps(body).encode())

    aws.plan("Query", short)

    (found,) = USAGE.days(id, TODAY, TODAY)
    assert found.counts == {Outcome.VALID: SHARDS}
    assert aws.calls == ["Query", "Query"]


@pytest.mark.parametrize("operation", ["GetItem", "BatchGetItem", "Query", "UpdateItem"])
def test_table_that_does_not_answer_is_said(operation: str, aws: Aws) -> None:
    id = id_of(1)
    aws.always(operation, refused("InternalServerError", 500))
    calls: dict[str, list[Any]] = {
        "GetItem": [lambda: USAGE.last(id)],
        "BatchGetItem": [lambda: USAGE.last_of([id])],
        "Query": [lambda: USAGE.days(id, TODAY, TODAY)],
        "UpdateItem": [
            lambda: USAGE.see(id, {1: NOW}),
            lambda: USAGE.count(id, once(), "1", keep=1),
        ],
    }

    for call in calls[operation]:
        with pytest.raises(Unavailable):
            call()


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("value", [{"S": "1"}, {"N": "1.5"}, {"NULL": True}], ids=str)
def test_row_that_cannot_be_read_is_said(value: dict[str, Any]) -> None:
    id = id_of(1)
    put({"id": {"S": id}, "item": {"S": "usage"}, "odd_generation": value})
    put({"id": {"S": id}, "item": {"S": "usage#2027-01-15#1"}, "valid": value})

    with pytest.raises(Unavailable):
        USAGE.last(id)
    with pytest.raises(Unavailable):
        USAGE.last_of([id])
    with pytest.raises(Unavailable):
        USAGE.days(id, TODAY, TODAY)
