from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from tests.e2e.places import cannot, deployed, in_the_runtime, on_this_machine, tried
from tests.e2e.served import Service
from tests.races.places import alias

__all__ = ["alias", "deployed", "in_the_runtime", "on_this_machine"]


def rehearsed(place: str, *marks: pytest.MarkDecorator) -> ParameterSet:
    """Return a place that takes long to make: one worker makes it, for all the tests there."""
    return pytest.param(
        place, marks=[pytest.mark.rehearsal, pytest.mark.xdist_group(place), *marks]
    )


@pytest.fixture(
    params=[
        "on_this_machine",
        rehearsed("in_the_runtime", pytest.mark.dynamodb_local),
        rehearsed("deployed"),
    ]
)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service in each place, with nothing wrong and no calls to AWS yet."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Service)
    found.wire.heal()
    yield found
    found.wire.heal()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not tried everywhere; expect to fail what the emulator of AWS cannot do."""
    groups: dict[tuple[str, str, str], list[pytest.Item]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and (place := _place(item)):
            groups.setdefault((place, str(item.path), item.originalname), []).append(item)
    left_out = set()
    for (place, _, test), inputs in groups.items():
        inputs.sort(key=lambda item: item.name)  # whatever order they were shuffled into
        for number, item in enumerate(inputs):
            name = f"{item.path.name}::{item.name}".replace(f"{place}-", "").replace(
                f"[{place}]", ""
            )
            if not tried(place, test, len(inputs), number):
                left_out.add(item)
            elif place == "deployed" and (why := cannot(name)):
                item.add_marker(pytest.mark.xfail(reason=f"the emulator {why}", strict=True))
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _place(item: pytest.Function) -> str:
    return str(item.callspec.params.get("service", "")) if hasattr(item, "callspec") else ""
