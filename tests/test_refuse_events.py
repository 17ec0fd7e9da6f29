"""Events that are not what they must be: refused, said, counted, and nothing done."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import Clock, Output
from tests.support_aws import Aws, Table
from tests.support_desk import GRANT, STORE
from tests.support_rotation import BILLING, compromised, requested
from tests.support_world import World, refusals

LONG = replace(GRANT, ttl_days=90)

Build = Callable[..., dict[str, Any]]


@pytest.fixture
def world(aws: Aws, clock: Clock) -> World:  # noqa: ARG001 - it is in there
    return World(clock)


@pytest.mark.row("T11")
@pytest.mark.parametrize(
    "envelope",
    [
        {"account": "999999999999"},
        {"account": None},
        {"account": 123456789012},
        {"source": "keyturn"},
        {"source": "aws.guardduty"},
        {"source": None},
        {"detail-type": "Key Rotated"},
        {"detail-type": "rotation requested"},
        {"detail-type": None},
        {"detail-type": ["Rotation Requested"]},
        {"time": "yesterday"},
        {"time": "2027-01-15T08:00:00"},
        {"time": None},
        {"time": 1e30},
        {"id": ""},
        {"id": None},
        {"id": "i" * 65},
        {"id": "kt_03Oz2OpdnmGrg8ARP_ExampleBillingNotARealSecret00001zvtdt"},
        {"detail": 7},
        {"detail": []},
        {"detail": "billing"},
    ],
)
@pytest.mark.parametrize("build", [requested, compromised])
def test_event_that_is_not_what_it_must_be_is_refused_and_said(
    world: World, aws: Aws, output: Output, build: Build, envelope: dict[str, Any]
) -> None:
    world.issue()
    aws.forget()

    world.send(build(**envelope))

    assert aws.calls == []
    (line,) = refusals(output)
    assert line["code"] == "field_invalid"
    assert "billing" not in output.text
    assert "Example" not in output.text


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"id": None},
        {"id": BILLING, "alias": "billing"},
        {"id": BILLING[:-1]},
        {"id": BILLING + "\n"},
        {"id": "kt_03Oz2OpdnmGrg8ARP_ExampleBillingNotARealSecret00001zvtdt"},
        {"id": 7},
        {"alias": ""},
        {"alias": " "},
        {"alias": "a" * 129},
        {"alias": "a\nb"},
        {"alias": True},
        {"alias": ["billing"]},
    ],
)
@pytest.mark.parametrize("build", [requested, compromised])
def test_detail_that_names_no_key_is_refused(
    world: World, aws: Aws, output: Output, build: Build, detail: dict[str, Any]
) -> None:
    world.issue()
    aws.forget()

    world.send(build(detail))

    assert aws.calls == []
    assert [line["code"] for line in refusals(output)] == ["field_invalid"]
    assert "Example" not in output.text


@pytest.mark.parametrize("grace", [-1, 2_592_001, 10**30, 0.5, 60.0, "60", True, None, [], {}])
def test_grace_that_is_none_is_refused(world: World, output: Output, grace: object) -> None:
    world.issue()

    world.send(requested({"alias": "billing", "grace_seconds": grace}))

    assert world.key.generation == 1
    (line,) = refusals(output)
    assert line["detail"] == "detail.grace_seconds: not what it must be"


@pytest.mark.parametrize("named", [{"id": "0" * 17}, {"alias": "nobody"}])
@pytest.mark.parametrize("build", [requested, compromised])
def test_unknown_key_is_refused_and_none_is_made(
    world: World, table: Table, output: Output, build: Build, named: dict[str, str]
) -> None:
    world.send(build(named))

    assert table.rows() == []
    assert [line["code"] for line in refusals(output)] == ["not_found"]


@pytest.mark.row("T4")
def test_event_widens_nothing_and_carries_no_key(world: World, table: Table) -> None:
    world.issue()
    text = "kt_03Oz2OpdnmGrg8ARP_ExampleBillingNotARealSecret00001zvtdt"
    more = {"roles": ["admin"], "name": "x", "ttl_days": 365, "key": text, "force": True}
    world.send(requested({"alias": "billing"} | more))
    world.now += 10
    world.send(requested({"alias": "billing"} | more, at=world.now))

    key = world.key
    assert (key.generation, key.roles, key.name, key.ttl_days) == (2, ("user",), "Billing", 15)
    assert text not in str(table.rows())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(st.text(max_size=8), parts),
    max_leaves=4,
)


@pytest.mark.row("F10")
@pytest.mark.parametrize("events", [30, pytest.param(1_500, marks=pytest.mark.prove)])
def test_no_event_whatever_is_in_it_fails_or_changes_anything_but_by_its_rules(
    world: World, events: int, figure: Callable[[str, str], None]
) -> None:
    world.issue(LONG)
    before = STORE.get(BILLING)
    names = ["id", "detail-type", "source", "account", "time", "detail", "version"]
    sent = 0

    @settings(max_examples=events)
    @given(envelope=st.dictionaries(st.sampled_from(names), JSON, min_size=1))
    def check(envelope: dict[str, Any]) -> None:
        nonlocal sent
        sent += 1
        world.now += 1
        world.send(requested({"alias": "nobody"}, at=world.now) | envelope)
        assert STORE.get(BILLING) == before

    check()

    assert sent >= events
    figure("made-up events to the functions", f"{sent:,}, none did anything")
