"""A publisher that is cut short at any of its calls: all is told, in order, and kept once."""

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.faults.crash import HOW, everywhere
from tests.support import Clock
from tests.support_aws import Aws, Table
from tests.support_life import Records, lived, publish
from tests.support_rotation import BILLING

CHANGES = 3


class Scene:
    """A batch of the stream, and the publisher that it is handed to."""

    def __init__(self, aws: Aws, records: Records) -> None:
        Table().clear()
        aws.forget()
        self.aws = aws
        self.waiting = records

    def publish(self) -> None:
        """Do what Lambda does: a batch comes again from the record that is said to have failed."""
        failed = publish(self.waiting)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self.waiting]
        self.waiting = self.waiting[numbers.index(failed[0]) :] if failed else []

    def told(self) -> list[str]:
        """Return which changes were told, each once, in the order in which they first were."""
        sent = [json.loads(body) for operation, body in self.aws.done if operation == "PutEvents"]
        details = [json.loads(entry["Detail"]) for each in sent for entry in each["Entries"]]
        return list(dict.fromkeys(detail["event_id"] for detail in details))

    def in_order(self) -> None:
        """See that nothing is told before it is kept, and nothing before what was before it."""
        told = self.told()
        assert told == expected(len(told))
        assert len(kept()) in {len(told), len(told) + 1}


def expected(changes: int) -> list[str]:
    return [f"{BILLING}-{version}" for version in range(1, changes + 1)]


def kept() -> list[dict[str, Any]]:
    return [row for row in Table().rows() if row["item"] != {"S": "key"}]


@pytest.fixture
def records(aws: Aws, clock: Clock) -> Records:  # noqa: ARG001 - they are in there
    return deepcopy(lived()[1][:CHANGES])


@pytest.mark.row("F8", "F9")
@pytest.mark.prove
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("again", ["all of it", "what is said to have failed"])
def test_batch_cut_short_and_handed_over_again_is_told_and_kept(
    aws: Aws, records: Records, how: str, again: str
) -> None:
    for scene in everywhere(aws, how, lambda: Scene(aws, records), Scene.publish, Scene.in_order):
        if again == "all of it":
            scene.waiting = records
        while scene.waiting:
            scene.publish()

        assert scene.told() == expected(CHANGES)
        assert len(kept()) == CHANGES
