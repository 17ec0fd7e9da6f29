"""The lean read between a server that answers what a test says, and a time that stands still."""

from collections.abc import Iterator

import pytest

from keyturn.lean import LeanReader
from tests.keyturn.wire import Time, Wire, environment, listening, reading

__all__ = ["reader", "served", "time", "wire"]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def served() -> Iterator[tuple[Wire, int]]:
    with listening() as served:
        yield served


@pytest.fixture
def wire(served: tuple[Wire, int]) -> Wire:
    return served[0]


@pytest.fixture
def reader(served: tuple[Wire, int], time: Time) -> Iterator[LeanReader]:
    with reading(environment(served[1]), time) as reader:
        yield reader
