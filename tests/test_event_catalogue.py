"""docs/events.md and its schemas, against what is published."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from keyturn.changes import Happening
from keyturn.keys import moment
from tests.support import NOW, Clock
from tests.support_aws import Aws, Table
from tests.support_life import Records, lived, publish
from tests.support_rotation import BILLING, compromised, events, requested

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"


@pytest.fixture
def records(aws: Aws, clock: Clock) -> Records:  # noqa: ARG001 - it stands still
    records = deepcopy(lived()[1])
    Table().clear()
    aws.forget()
    return records


def schemas() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}


def validator(name: str) -> Draft202012Validator:
    found = schemas()
    registry = Registry().with_resources(
        [(id, Resource.from_contents(schema)) for id, schema in found.items()]
    )
    schema = found[f"{name.lower().replace(' ', '-')}.json"]
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


@pytest.mark.parametrize("name", [*Happening, "Rotation Requested", "Key Compromised"])
def test_every_event_has_a_schema_and_is_in_the_catalogue(name: str) -> None:
    schema = validator(name).schema
    assert isinstance(schema, dict)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["detail-type"] == {"const": name}
    catalogue = (SCHEMAS.parent / "events.md").read_text()
    assert f"`{name}`" in catalogue
    assert f"schemas/{schema['$id']}" in catalogue
    assert len(schemas()) == len(Happening) + 3


def test_what_is_published_is_valid_by_its_schema_and_by_no_other(
    records: Records, aws: Aws
) -> None:
    publish(records)
    delivered = [
        {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "time": moment(entry["Time"]),
            "detail": entry["Detail"],
        }
        for entry in events(aws)
    ]

    assert {event["detail-type"] for event in delivered} == set(Happening)
    for event in delivered:
        for name in Happening:
            assert validator(name).is_valid(event) == (name == event["detail-type"])


@pytest.mark.parametrize(
    "change",
    [
        {"key": "kt_x"},
        {"secret_hash": "x"},
        {"event_id": "1"},
        {"version": "2"},
        {"at": "yesterday"},
        {"reason": "bored"},
        {"roles": "user"},
        {"previous_expires_at": 7},
    ],
)
def test_event_with_more_or_other_parts_is_not_valid(
    records: Records, aws: Aws, change: dict[str, Any]
) -> None:
    publish(records[:1])
    (entry,) = events(aws)
    event = {"source": "keyturn", "detail-type": "Key Created", "time": moment(NOW)}

    assert validator("Key Created").is_valid(event | {"detail": entry["Detail"]})
    assert not validator("Key Created").is_valid(event | {"detail": entry["Detail"] | change})


def test_what_may_be_asked_for_is_valid_by_its_schema() -> None:
    good: list[dict[str, object]] = [{"alias": "billing"}, {"id": BILLING}, {"alias": 7}]
    bad: list[dict[str, object]] = [{}, {"id": BILLING, "alias": "b"}, {"id": "x"}, {"alias": True}]
    for detail in good:
        assert validator("Rotation Requested").is_valid(requested(detail))
        assert validator("Key Compromised").is_valid(compromised(detail))
    for detail in bad:
        assert not validator("Rotation Requested").is_valid(requested(detail))
        assert not validator("Key Compromised").is_valid(compromised(detail))
    for grace in (-1, 0.5, 2_592_001, "60"):
        asked = requested({"id": BILLING, "grace_seconds": grace})
        assert not validator("Rotation Requested").is_valid(asked)
