from collections.abc import Iterator

import pytest

from tests.e2e.served import Service, served


@pytest.fixture(scope="session")
def _service() -> Iterator[Service]:
    with served("attack") as service:
        yield service


@pytest.fixture
def service(_service: Service) -> Iterator[Service]:
    """The service over HTTP, with an admin and nothing wrong."""
    _service.wire.heal()
    yield _service
    _service.wire.heal()
