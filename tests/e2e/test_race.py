"""32 callers create one alias over HTTP at the same moment."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import boto3
import pytest

from infra.local.stack import local_stack
from infra.rehearsal.deployment import Deployment
from tests.e2e.served import Service
from tests.faults.wire import Wire
from tests.races.places import at_once, moto_url

CALLERS = 32


def race(service: Service, alias: str) -> None:
    # On the emulator of AWS each is a process of two functions, with the bundle unpacked for it.
    callers = 4 if isinstance(service.stack, Deployment) else CALLERS
    answers = at_once(
        [
            partial(service.post, {"alias": alias, "name": f"{number}", "roles": ["admin"]})
            for number in range(callers)
        ]
    )

    statuses = [answer.status for answer in answers]
    assert sorted(statuses) == [200] * (callers - 1) + [201]
    (key,) = {answer.body["key"] for answer in answers}
    assert len({answer.body["created_at"] for answer in answers}) == 1
    assert [answer.body["renewed"] for answer in answers] == [status == 200 for status in statuses]
    assert len({answer.headers["x-request-id"][0] for answer in answers}) == callers
    assert service.admits(key)


@pytest.mark.prove
def test_one_of_32_callers_is_told_201_and_all_the_same_key(service: Service) -> None:
    for _ in range(2):
        race(service, f"race-{os.urandom(8).hex()}")


@pytest.fixture(scope="module")
def on_dynamodb_local(dynamodb_local: str) -> Iterator[Service]:
    """A service whose table is on DynamoDB Local; its KMS is moto's."""
    with local_stack(aws=moto_url(), dynamodb=dynamodb_local, name="race") as stack:
        assert stack.admin_key
        with closing(boto3.client("dynamodb", endpoint_url=dynamodb_local)) as onlooker:
            yield Service(stack, Wire(dynamodb_local), onlooker)


@pytest.mark.row("F6")
@pytest.mark.dynamodb_local
def test_one_of_32_callers_is_told_201_on_dynamodb_local(on_dynamodb_local: Service) -> None:
    for number in range(2):
        alias = f"race-{number}"
        race(on_dynamodb_local, alias)
        row = on_dynamodb_local.row(alias)
        assert row is not None
        assert row["version"] == {"N": f"{CALLERS}"}


@pytest.mark.dynamodb_local
def test_of_32_revocations_one_is_told_200_and_the_rest_404(on_dynamodb_local: Service) -> None:
    made = on_dynamodb_local.create("revoked", roles=["admin"])

    answers = at_once(
        [
            partial(on_dynamodb_local.delete, made["key"] if number % 2 else made["id"])
            for number in range(CALLERS)
        ]
    )

    assert sorted(answer.status for answer in answers) == [200] + [404] * (CALLERS - 1)
    assert on_dynamodb_local.post({}, key=made["key"]).is_error(401, "unauthorized")
