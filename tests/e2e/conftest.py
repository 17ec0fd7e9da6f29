from collections.abc import Iterator

import pytest

from tests.e2e.places import deployed, in_the_runtime, on_this_machine
from tests.e2e.served import Service
from tests.races.places import alias

__all__ = ["alias", "deployed", "in_the_runtime", "on_this_machine"]


@pytest.fixture(
    params=[
        "on_this_machine",
        pytest.param("in_the_runtime", marks=[pytest.mark.prove, pytest.mark.dynamodb_local]),
        pytest.param("deployed", marks=pytest.mark.prove),
    ]
)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service in each place, with nothing wrong and no calls to AWS yet."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Service)
    found.wire.heal()
    yield found
    found.wire.heal()
