from collections.abc import Iterator

import pytest

from tests.faults.wire import Wire, wire_to
from tests.races.places import Place, alias, on_dynamodb_local, on_moto, place

__all__ = ["alias", "on_dynamodb_local", "on_moto", "place"]


@pytest.fixture
def database(place: Place) -> Iterator[Wire]:
    """The wire to DynamoDB, each emulator in turn."""
    with wire_to(place.dynamodb) as wire:
        yield wire


@pytest.fixture
def far(place: Place, database: Wire) -> Place:
    """The place at the other end of the wire."""
    return place.through(dynamodb=database.url)
