"""Where the races are run: the template's table and KMS key, on servers that are other processes.

Every caller gets clients of its own, as every Lambda environment has: nothing but the database
decides who wins.
"""

import atexit
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import boto3
import pytest

from infra.local.emulator import moto
from infra.local.resources import Resources
from keyturn import aws, keytext, settings
from keyturn.issuer import Issuer
from keyturn.keys import Grant
from keyturn.settings import Settings
from keyturn.store import KeyStore
from keyturn.vault import Vault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

T = TypeVar("T")
Action = Callable[[], object]

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
NAMES = {"KeyPrefix": "acme_live", "IdSalt": "races"}


@dataclass(frozen=True)
class Place:
    """A table and a KMS key, and the servers that hold them."""

    settings: Settings
    dynamodb: str
    kms: str

    def through(self, dynamodb: str = "", kms: str = "") -> "Place":
        """Return the same table and key, reached by another way."""
        return replace(self, dynamodb=dynamodb or self.dynamodb, kms=kms or self.kms)

    def issuer(self, before: Mapping[str, Action] | None = None) -> Issuer:
        """Return a caller with clients of its own, made as a function makes them.

        `before` says what else happens whenever the caller is about to send such a request.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb)
            patch.setenv("AWS_ENDPOINT_URL_KMS", self.kms)
            dynamodb, kms = aws.dynamodb(), aws.kms()
        for operation, action in (before or {}).items():
            events = (kms if operation in {"Encrypt", "Decrypt"} else dynamodb).meta.events
            events.register(f"before-call.*.{operation}", _hook(action))
        return Issuer(
            KeyStore(dynamodb, self.settings.table_name),
            Vault(kms, self.settings.kms_key_id),
            self.settings,
        )

    def id_of(self, alias: str) -> str:
        """Return the id of an alias, or of a row's."""
        return keytext.id_of(self.settings.id_salt, alias)

    def rows(self, alias: str) -> list[dict[str, Any]]:
        """Return every item of the table that has this alias, wherever it stands."""
        pages = self._onlooker.get_paginator("scan").paginate(
            TableName=self.settings.table_name,
            ConsistentRead=True,
            FilterExpression="alias = :alias",
            ExpressionAttributeValues={":alias": {"S": alias}},
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def change(self, alias: str, values: "Mapping[str, Value]") -> None:
        """Change an alias's row as no verb does."""
        self._onlooker.update_item(
            TableName=self.settings.table_name,
            Key={"id": {"S": self.id_of(alias)}, "item": {"S": "key"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    @cached_property
    def other(self) -> Issuer:
        """A caller whom nothing happens to."""
        return self.issuer()

    @cached_property
    def _onlooker(self) -> "DynamoDBClient":
        return boto3.client("dynamodb", endpoint_url=self.dynamodb)


@cache
def make(dynamodb: str, kms: str) -> Place:
    """Make table and key as the template declares them, and read its settings."""
    name = f"races-{urlsplit(dynamodb).port}"
    resources = Resources(TEMPLATE, name, NAMES)
    resources.make(kms, dynamodb)
    functions = dict(resources.template.resources("AWS::Serverless::Function"))
    variables = functions["CreateKeyFunction"]["Environment"]["Variables"]
    read = settings.from_env({name: str(value) for name, value in variables.items()})
    return Place(read, dynamodb, kms)


def grant(alias: str, name: str = "name", **changes: Any) -> Grant:  # noqa: ANN401 - as Grant
    """Return what a create or a renewal asks for."""
    return Grant(**{"alias": alias, "name": name, "roles": ("user",), "ttl_days": 15, **changes})


def once(*actions: Action) -> Action:
    """Return what does `actions` the first time, and then nothing."""
    left = list(actions)

    def act() -> None:
        while left:
            left.pop(0)()

    return act


def at_once(calls: list[Callable[[], T]]) -> list[T]:
    """Make all calls at the same moment, each in a thread; return the answers in that order."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def _hook(action: Action) -> Callable[..., None]:
    # Whatever a hook returns would be taken for the call's answer.
    def happen(**_: object) -> None:
        action()

    return happen


@cache
def moto_url() -> str:
    """Run moto for as long as this process lives, and return its URL.

    In a process of its own, so that it does not share the callers' interpreter lock; one for all
    the folders of tests that want it.
    """
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(moto())


@pytest.fixture(scope="session")
def on_moto() -> Place:
    return make(moto_url(), moto_url())


@pytest.fixture(scope="session")
def on_dynamodb_local(dynamodb_local: str) -> Place:
    return make(dynamodb_local, moto_url())


@pytest.fixture(
    params=["on_moto", pytest.param("on_dynamodb_local", marks=pytest.mark.dynamodb_local)]
)
def place(request: pytest.FixtureRequest) -> Place:
    """Each emulator in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Place)
    return found


@pytest.fixture
def alias() -> str:
    """An alias that nobody had before."""
    return f"alias-{os.urandom(8).hex()}"
