from collections.abc import Iterator

import pytest

from tests.e2e.served import Service, served
from tests.races.places import alias

__all__ = ["alias"]


@pytest.fixture(scope="session")
def _service() -> Iterator[Service]:
    with served("e2e") as service:
        assert service.stack.admin_key
        yield service


@pytest.fixture
def service(_service: Service) -> Iterator[Service]:
    """The service, with nothing wrong and no calls to AWS yet."""
    _service.wire.heal()
    yield _service
    _service.wire.heal()
