from collections.abc import Iterator

import pytest

from tests.e2e.served import Service, served
from tests.faults.wire import Wire, wire_to
from tests.races.places import Place, alias, on_dynamodb_local, on_moto, place

__all__ = ["alias", "on_dynamodb_local", "on_moto", "place"]


@pytest.fixture(scope="module")
def _service(request: pytest.FixtureRequest) -> Iterator[Service]:
    # Not the one of other tests: the SDK's clients have a quota of retries for their whole life.
    with served(request.module.__name__.rpartition("test_")[2]) as service:
        assert service.stack.admin_key
        yield service


@pytest.fixture
def service(_service: Service) -> Iterator[Service]:
    """The service, a module's own, with nothing wrong on its wire."""
    _service.wire.heal()
    yield _service
    _service.wire.heal()


@pytest.fixture
def database(place: Place) -> Iterator[Wire]:
    """The wire to DynamoDB, each emulator in turn."""
    with wire_to(place.dynamodb) as wire:
        yield wire


@pytest.fixture
def far(place: Place, database: Wire) -> Place:
    """The place at the other end of the wire."""
    return place.through(dynamodb=database.url)
