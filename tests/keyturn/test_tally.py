"""Lines of the log, added up per key and day."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn import tally
from keyturn.keys import DAY, Outcome
from keyturn.tally import LastUse
from tests.support import NOW
from tests.support_rotation import BILLING
from tests.support_usage import id_of, line, logs

TODAY = NOW // DAY
OTHER = id_of("other")


def test_decisions_add_up_per_key_and_day_and_each_string_was_seen_last_at_its_latest() -> None:
    counted = tally.of(
        logs(
            [
                line(at=NOW),
                line(at=NOW - 5),
                line(Outcome.EXPIRED, generation=2, at=NOW - 9),
                line(Outcome.INSUFFICIENT_ROLE, at=NOW - DAY),
                line(Outcome.REVOKED, OTHER, 7),
            ]
        ),
        NOW,
    )

    assert counted.unreadable == 0
    assert counted.uses.keys() == {BILLING, OTHER}
    billing, other = counted.uses[BILLING], counted.uses[OTHER]
    assert billing.seen == {1: NOW, 2: NOW - 9}
    assert billing.days == {
        TODAY: Counter({Outcome.VALID: 2, Outcome.EXPIRED: 1}),
        TODAY - 1: Counter({Outcome.INSUFFICIENT_ROLE: 1}),
    }
    assert (other.seen, other.days) == ({7: NOW}, {TODAY: Counter({Outcome.REVOKED: 1})})


@pytest.mark.parametrize("outcome", [Outcome.MALFORMED, Outcome.NOT_FOUND, None])
def test_decision_about_nobodys_string_counts_for_nobody(outcome: Outcome | None) -> None:
    counted = tally.of(logs([line(outcome)]), NOW)

    assert (counted.uses, counted.unreadable) == ({}, 0)


def test_what_else_is_in_the_log_counts_for_nobody() -> None:
    other = json.dumps(json.loads(line()[1]) | {"message": "refused"})

    counted = tally.of(logs([(NOW, other)]), NOW)

    assert (counted.uses, counted.unreadable) == ({}, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "x"},
        {"id": ""},
        {"id": BILLING + "#"},
        {"id": 7},
        {"id": None},
        {"id": [BILLING]},
        {"generation": 0},
        {"generation": -1},
        {"generation": True},
        {"generation": 1.0},
        {"generation": "1"},
        {"generation": None},
        {"generation": 2**31},
        {"reason": "not_found"},  # which has no id: it is no key's
        {"reason": "new"},
        {"reason": 1},
        {"reason": None},
    ],
    ids=str,
)
def test_line_with_something_else_in_it_is_unreadable_and_stops_none_of_the_rest(
    changed: dict[str, Any],
) -> None:
    broken = json.dumps(json.loads(line()[1]) | changed)

    counted = tally.of(logs([line(), (NOW, broken), line()]), NOW)

    assert counted.unreadable == 1
    assert counted.uses[BILLING].days == {TODAY: Counter({Outcome.VALID: 2})}


@pytest.mark.parametrize("name", ["id", "generation", "reason", "message"])
def test_line_without_a_part_is_not_counted(name: str) -> None:
    written = json.loads(line()[1])
    del written[name]

    counted = tally.of(logs([(NOW, json.dumps(written)), line()]), NOW)

    assert counted.unreadable == (0 if name == "id" else 1)
    assert counted.uses[BILLING].days == {TODAY: Counter({Outcome.VALID: 1})}


@pytest.mark.parametrize(
    "message",
    ["", "{", "null", "[]", '"decision"', "7", "START RequestId", "[" * 99_999, 8, None],
    ids=lambda message: repr(message)[:20],
)
def test_line_that_is_no_object_is_unreadable(message: Any) -> None:  # noqa: ANN401
    counted = tally.of(logs([(NOW, message), line()]), NOW)

    assert (counted.unreadable, [*counted.uses]) == (1, [BILLING])


@pytest.mark.parametrize(
    "event",
    [
        *({"timestamp": at} for at in (0, -1, "now", None, 1.5, (NOW + 7300) * 1000, 10**30)),
        *({name: ...} for name in ("id", "timestamp", "message")),
    ],
    ids=str,
)
def test_event_that_is_not_what_it_must_be_is_unreadable(event: dict[str, Any]) -> None:
    batch = logs([line(), line()])
    first = batch["logEvents"][0] | event
    batch["logEvents"][0] = {name: part for name, part in first.items() if part is not ...}

    counted = tally.of(batch, NOW)

    assert counted.unreadable == 1
    assert counted.uses[BILLING].days == {TODAY: Counter({Outcome.VALID: 1})}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(), of, max_size=3),
        max_leaves=6,
    )
)
def test_whatever_an_event_is_the_rest_is_counted(event: object) -> None:
    batch = logs([line()])
    batch["logEvents"].append(event)

    counted = tally.of(batch, NOW)

    assert counted.unreadable == 1
    assert counted.uses[BILLING].seen == {1: NOW}


def test_a_batch_has_the_same_name_however_often_it_comes_and_no_other_has_it() -> None:
    lines = [line(), line()]
    names = [
        tally.of(batch, now).batch
        for batch, now in [
            (logs(lines), NOW),
            (logs(lines), NOW + 300),
            (logs(lines, stream="another"), NOW),
            (logs(lines, first=1), NOW),
            (logs(lines[:1]), NOW),
            (logs(lines) | {"logGroup": "another"}, NOW),
        ]
    ]

    assert names[0] == names[1]
    assert len({*names}) == 5
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in names)


def test_last_use_is_that_of_the_string_seen_last_and_of_the_newer_one_in_the_same_second() -> None:
    assert (LastUse().at, LastUse().generation) == (None, None)
    old = LastUse({2: NOW, 1: NOW + 1})
    assert (old.at, old.generation) == (NOW + 1, 1)
    both = LastUse({2: NOW, 1: NOW})
    assert (both.at, both.generation) == (NOW, 2)
