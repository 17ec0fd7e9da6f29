"""The lean read against the SDK: the same reads, on both emulators, end the same way."""

import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyturn import lean
from keyturn.errors import Unavailable
from keyturn.lean import LeanReader
from tests.support_aws import Aws, Fault, lost_reply, lost_request, onlooker, refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ID = "0123456789abcdefg"
# Reserved words among them, and one that no row has.
ATTRIBUTES = ("id", "alias", "name", "roles", "is_active", "size", "missing")

Outcome = dict[str, Any] | str | None

values = st.recursive(
    st.builds(lambda text: {"S": text}, st.text(max_size=20))
    | st.builds(lambda number: {"N": str(number)}, st.integers(-(10**37), 10**37))
    | st.builds(lambda data: {"B": data}, st.binary(min_size=1, max_size=20))
    | st.builds(lambda yes: {"BOOL": yes}, st.booleans())
    | st.just({"NULL": True}),
    lambda inner: (
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=3))
        | st.builds(
            lambda items: {"M": items}, st.dictionaries(st.text(min_size=1), inner, max_size=3)
        )
    ),
    max_leaves=5,
)
rows = st.dictionaries(st.sampled_from(["alias", "name", "roles", "is_active", "size"]), values)


class Place:
    """A table, the environment that leads to it, and a client that fills it."""

    def __init__(self, table: str, environ: dict[str, str], filler: "DynamoDBClient") -> None:
        self.table = table
        self.environ = environ
        self.filler = filler

    @cached_property
    def client(self) -> "DynamoDBClient":
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environ.items():
                patch.setenv(name, value)
            config = Config(retries={"mode": "standard", "total_max_attempts": lean.ATTEMPTS})
            # A session of its own: boto3's default one keeps the credentials of the first.
            return boto3.Session().client("dynamodb", config=config)

    def sdk(self, id: str) -> Outcome:
        """Read as botocore does, in as many attempts, without the pauses."""
        names = {f"#{position}": name for position, name in enumerate(ATTRIBUTES)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
            try:
                answer = self.client.get_item(
                    TableName=self.table,
                    Key={"id": {"S": id}, "item": {"S": "key"}},
                    ConsistentRead=True,
                    ProjectionExpression=",".join(names),
                    ExpressionAttributeNames=names,
                )
            except ClientError as error:
                return error.response["Error"]["Code"]
            except ConnectionClosedError:
                return "RemoteDisconnected"
        item: Outcome = answer.get("Item")
        return item

    def lean(self, id: str) -> Outcome:
        """Read as ours does, without the pauses."""
        reader = LeanReader(self.table, ATTRIBUTES, environ=self.environ, sleep=lambda _: None)
        try:
            item = reader.get(id)
        except Unavailable as error:
            return error.detail.removeprefix("GetItem: ").partition(",")[0]
        else:
            return None if item is None else {name: plain(item[name]) for name in item}
        finally:
            reader.close()

    def outcome(self, id: str = ID) -> Outcome:
        """Read both ways, and return what both gave."""
        theirs = self.sdk(id)
        assert self.lean(id) == theirs
        return theirs

    def put(self, **attributes: Any) -> None:  # noqa: ANN401 - values of any kind
        key = {"id": {"S": ID}, "item": {"S": "key"}}
        self.filler.put_item(TableName=self.table, Item=attributes | key)


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value off the wire as the SDK would give it."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: b64decode(content, validate=True)}
    if kind == "L":
        return {kind: [plain(each) for each in content]}
    if kind == "M":
        return {kind: {name: plain(each) for name, each in content.items()}}
    return value


@pytest.fixture
def on_moto(aws: Aws) -> Iterator[Place]:  # noqa: ARG001 - it is there
    yield from made(os.environ["AWS_ENDPOINT_URL"])


@pytest.fixture
def faulty(aws: Aws) -> Place:  # noqa: ARG001 - it is there
    """moto, whose wire can be cut, and the table that is there anyway."""
    return Place("keys", environment(os.environ["AWS_ENDPOINT_URL"]), onlooker("dynamodb"))


@pytest.fixture
def on_dynamodb_local(dynamodb_local: str) -> Iterator[Place]:
    yield from made(dynamodb_local)


@pytest.fixture(
    params=["on_moto", pytest.param("on_dynamodb_local", marks=pytest.mark.dynamodb_local)]
)
def place(request: pytest.FixtureRequest) -> Place:
    place: Place = request.getfixturevalue(request.param)
    return place


def environment(url: str) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


def made(url: str) -> Iterator[Place]:
    environ = environment(url)
    filler = boto3.client(
        "dynamodb",
        endpoint_url=url,
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    table = f"lean-{uuid4().hex}"
    filler.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("id", "item")
        ],
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "item", "KeyType": "RANGE"},
        ],
    )
    yield Place(table, environ, filler)
    filler.delete_table(TableName=table)
    filler.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(row=rows)
def test_every_kind_of_value_is_read_as_by_the_sdk(place: Place, row: dict[str, Any]) -> None:
    place.put(**row)

    item = place.outcome()

    assert isinstance(item, dict)
    assert item == {"id": {"S": ID}, **row}


def test_absent_row_is_absent(place: Place) -> None:
    assert place.outcome() is None


def test_absent_table_is_an_error_of_that_name(place: Place) -> None:
    nowhere = Place("no-such-table", place.environ, place.filler)

    assert nowhere.outcome() == "ResourceNotFoundException"


def test_table_may_be_named_by_its_arn(place: Place) -> None:
    arn = place.filler.describe_table(TableName=place.table)["Table"]["TableArn"]
    place.put(size={"N": "1"})

    assert Place(arn, place.environ, place.filler).outcome() is not None


def test_session_token_does_not_hinder(place: Place) -> None:
    place.put(size={"N": "1"})

    place.environ["AWS_SESSION_TOKEN"] = "token/with+signs=="

    assert place.outcome() is not None


@pytest.mark.dynamodb_local
def test_access_key_that_cannot_be_one_is_refused_alike(on_dynamodb_local: Place) -> None:
    on_dynamodb_local.environ["AWS_ACCESS_KEY_ID"] = "not-a-key!"

    assert on_dynamodb_local.outcome() == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *[(code, 400) for code in sorted(lean._THROTTLING_CODES | lean._TRANSIENT_CODES)],  # noqa: SLF001
        ("InternalServerError", 500),
        ("InternalServerError", 502),
        ("ServiceUnavailable", 503),
        ("GatewayTimeout", 504),
        ("Whatever", 429),
        ("AccessDeniedException", 400),
        ("ExpiredTokenException", 400),
        ("IncompleteSignatureException", 400),
        ("InvalidSignatureException", 403),
        ("MissingAuthenticationTokenException", 403),
        ("ResourceNotFoundException", 400),
        ("UnrecognizedClientException", 400),
        ("ValidationException", 400),
        ("Whatever", 418),
    ],
)
def test_what_the_sdk_repeats_is_repeated_as_often(
    code: str, status: int, faulty: Place, aws: Aws
) -> None:
    alike(faulty, aws, [refused(code, status)] * 9)


@pytest.mark.parametrize("times", [1, 2, 9])
def test_recovery_is_noticed_as_soon(times: int, faulty: Place, aws: Aws) -> None:
    for fault in (refused("ThrottlingException"), lost_request, lost_reply):
        alike(faulty, aws, [fault] * times)


def alike(place: Place, aws: Aws, faults: list[Fault]) -> None:
    """Read both ways into the same faults: the same outcome, after as many requests."""

    def read(way: Callable[[str], Outcome]) -> tuple[Outcome, int]:
        aws.heal()
        aws.forget()
        aws.plan("GetItem", *faults)
        return way(ID), aws.calls.count("GetItem")

    assert read(place.lean) == read(place.sdk)
