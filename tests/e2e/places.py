"""Where the contract is tried: on this machine, in Lambda's runtime, on an emulator of AWS."""

from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from infra.local.stack import local_stack
from infra.rehearsal import deployment, runtime
from infra.rehearsal.group import free_port
from infra.rehearsal.made import NotMadeError
from tests.e2e.served import Service, served
from tests.faults.wire import wire_to
from tests.races.places import moto_url

# The stage's own are for a bill's sake; here they would only come in the way.
PARAMETERS = {"ThrottleRate": "10000", "ThrottleBurst": "5000"}

CANNOT = {
    "decodes a path before it looks for the resource, and hands on what it decoded": (
        "test_revoke.py::test_anything_but_the_key_is_404_and_revokes_nothing[a slash in it",
        "test_rotate.py::test_only_an_id_is_looked_up",
        "test_revoke.py::test_percent_encoded_key_is_no_key",
    ),
    "leaves empty segments out of a path": (
        "test_routes.py::test_unknown_path_or_method_is_no_such_route[POST-//api/apikey-",
        "test_routes.py::test_unknown_path_or_method_is_no_such_route[POST-/api//apikey-",
        "test_routes.py::test_unknown_path_or_method_is_no_such_route[POST-/api/apikey//-",
    ),
    "takes a method in any case": (
        "test_routes.py::test_unknown_path_or_method_is_no_such_route[post-/api/apikey-",
    ),
    "answers what is no request in its HTTP server's words, not in the gateway's": (
        "test_routes.py::test_what_is_no_request_is_refused_and_served_no_further",
    ),
    "has no limit of its own for a body: authorizer and function are asked": (
        "test_bodies.py::test_body_over_the_gateways_own_limit_is_answered_alike",
    ),
    "decodes no base64 where the client names no type that it takes": (
        "test_console.py::test_what_is_no_file_is_no_such_route[GET-/console/x/y-",
    ),
    "does not name the request in x-amz-apigw-id": (
        "test_create.py::test_create_answers_201_and_the_whole_key",
    ),
    "rotates a secret at once, the current value being the pending one too": (
        "test_secret.py::test_a_rotation_that_cannot_be_is_refused_and_the_secret_stays",
        "test_secret.py::test_a_secret_without_a_key_gets_its_first_and_then_the_next",
        "test_secret.py::test_consumers_read_a_string_that_works_before_after_and_between_the_steps",
    ),
}
"""What the emulator of AWS does otherwise than AWS, and the tests that therefore fail there.

Each of them must fail: one that passes is taken off this list. Nobody is asked there either for
what a log's subscription would tell: it knows bare words only, and not the template's patterns.
"""
LEFT_OUT = {
    "in_the_runtime": ("test_every_answer_of_thousands_",),  # an hour
    "deployed": ("test_every_answer_",),  # requests of any form, many of which it takes for others
}
"""Not tried there at all, by the beginning of a test's name."""
CASES = 3
"""So many of a test's inputs are tried there: the first, the last, and between. A refused key costs
a process, with the bundle unpacked for it, and what refuses the rest is the same in each place."""


def cannot(name: str) -> str:
    """Return why a test fails on the emulator of AWS, by file, name and inputs; empty: must not."""
    reasons = (why for why, tests in CANNOT.items() if any(map(name.startswith, tests)))
    return next(reasons, "")


def tried(place: str, name: str, inputs: int, number: int) -> bool:
    """Tell whether a test is tried in a place with this one of its inputs."""
    if any(map(name.startswith, LEFT_OUT.get(place, ()))):
        return False
    taken = {step * (inputs - 1) // (CASES - 1) for step in range(CASES)}
    return place != "deployed" or number in taken


@pytest.fixture(scope="session")
def on_this_machine() -> Iterator[Service]:
    """The local stack, its functions in this process."""
    with served("e2e") as service:
        assert service.stack.admin_key
        yield service


@pytest.fixture(scope="session")
def in_the_runtime(
    dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The local stack, its functions in Lambda's own runtime, the table on DynamoDB Local."""
    log = tmp_path_factory.mktemp("runtime") / "log"
    try:
        with (
            log.open("wb") as file,
            runtime.runtime(file) as functions,
            wire_to(moto_url(), dynamodb_local) as wire,
            local_stack(aws=wire.url, name="runtime", runtime=functions) as stack,
            closing(boto3.client("dynamodb", endpoint_url=dynamodb_local)) as onlooker,
        ):
            assert stack.admin_key
            yield Service(stack, wire, onlooker)
    except NotMadeError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The stack as `sam deploy` makes it on an emulator of AWS."""
    log = tmp_path_factory.mktemp("deployed") / "log"
    port = free_port()
    try:
        with (
            log.open("wb") as file,
            wire_to(f"http://127.0.0.1:{port}") as wire,
            deployment.emulator(port, file, through=wire.url) as aws,
        ):
            stack = deployment.deploy(aws, PARAMETERS)
            assert stack.admin_key
            with closing(stack.client("dynamodb")) as onlooker:
                yield Service(stack, wire, onlooker)
    except NotMadeError as reason:
        pytest.skip(str(reason))
