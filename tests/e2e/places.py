"""Where the contract is tried: on this machine, in Lambda's runtime, deployed to an emulator of AWS."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from infra.local.stack import local_stack
from infra.rehearsal import deployment, runtime
from infra.rehearsal.group import free_port
from infra.rehearsal.made import NotMadeError
from tests.e2e.served import Service, served
from tests.faults.wire import Wire, wire_to
from tests.races.places import moto_url

# The stage's own are for a bill's sake; here they would only come in the way.
PARAMETERS = {"ThrottleRate": "10000", "ThrottleBurst": "5000"}


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
