"""Any request at all is answered as the document says: every operation, good data and bad."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import one_of

from tests.e2e import documented
from tests.e2e.sender import SCHEMA, Case, Sender
from tests.e2e.served import Service

# Not shrunk: a request is small, and what it finds depends on those before it.
ANY = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
BRIEFLY = settings(ANY, derandomize=True, max_examples=5)
AT_LENGTH = settings(ANY, max_examples=330)


@pytest.fixture
def sender(service: Service) -> Iterator[Sender]:
    """A sender who gets more than refusals until the test ends."""
    sender = Sender(service)
    yield sender
    sender.close()
    print(f"{sender.answered.total()} requests: {dict(sorted(sender.answered.items()))}")  # noqa: T201
    assert sender.answered[200]


def play(sender: Sender, how: settings) -> None:
    """Send requests that follow from the answers to others."""

    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # a class made at run time
        def setup(self) -> None:
            sender.start(apart=True)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return sender.arguments(case)

        def validate_response(
            self, response: schemathesis.Response, case: Case, **_: object
        ) -> None:
            sender.check(case, response)

    Machine.run(settings=how)


@pytest.mark.prove
@SCHEMA.parametrize()
@BRIEFLY
def test_every_answer_is_documented(case: Case, sender: Sender) -> None:
    sender.send(case)


@pytest.mark.prove
def test_every_answer_in_a_life_is_documented(sender: Sender) -> None:
    play(sender, settings(BRIEFLY, max_examples=5, stateful_step_count=6))


@pytest.mark.prove
def test_every_answer_of_thousands_is_documented(
    sender: Sender, figure: Callable[[str, str], None]
) -> None:
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for path, methods in documented.document()["paths"].items():
        for method in methods:
            operation = SCHEMA[path][method.upper()]
            cases = [operation.as_strategy(generation_mode=mode) for mode in modes]
            AT_LENGTH(given(one_of(cases))(sender.send))()
    play(sender, settings(ANY, max_examples=25, stateful_step_count=25))

    assert sender.answered.total() > 3_000
    assert sender.answered.keys() >= {200, 201, 400, 401, 403, 404, 409}
    figure("made-up requests", f"{sender.answered.total():,}, each answered as documented")
