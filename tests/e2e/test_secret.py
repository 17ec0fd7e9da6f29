"""Secrets Manager's four steps on the whole service: who reads the secret is let in throughout."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlunsplit
from uuid import uuid4

import boto3
import pytest

from infra.local.functions import FunctionError
from tests.e2e.served import Service

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Held:
    """A secret that holds a key, while Secrets Manager rotates it."""

    def __init__(self, service: Service, client: Any, text: dict[str, str]) -> None:  # noqa: ANN401
        self._service = service
        self._client = client
        made = client.create_secret(Name=f"key-{uuid4()}", SecretString=json.dumps(text))
        self.arn: str = made["ARN"]

    def begin(self) -> str:
        """Do what Secrets Manager does before the first step; returns the new version's token."""
        token, stages = str(uuid4()), self.stages()
        before, left = stages["AWSCURRENT"], stages.get("AWSPENDING")
        if left:  # moto takes it for a rotation that still runs, also on the current version
            self._move("AWSPENDING", None, left)
        rules = {"AutomaticallyAfterDays": 7}
        self._client.rotate_secret(SecretId=self.arn, ClientRequestToken=token, RotationRules=rules)
        # Without a function of its own to invoke, moto takes the rotation for done.
        self._move("AWSCURRENT", before, token)
        self._move("AWSPENDING", token, None)
        return token

    def step(self, name: str, token: str) -> None:
        event = {"Step": name, "SecretId": self.arn, "ClientRequestToken": token}
        self._service.stack.invoke("RotateSecretFunction", event)

    def stages(self) -> dict[str, str]:
        """Return the version of each stage."""
        versions = self._client.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {stage: version for version, stages in versions.items() for stage in stages}

    def current(self) -> dict[str, Any]:
        """Return what consumers read."""
        held: dict[str, Any] = json.loads(
            self._client.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")[
                "SecretString"
            ]
        )
        return held

    def _move(self, stage: str, to: str | None, away: str | None) -> None:
        versions = {"MoveToVersionId": to, "RemoveFromVersionId": away}
        self._client.update_secret_version_stage(
            SecretId=self.arn,
            VersionStage=stage,
            **{name: version for name, version in versions.items() if version},
        )


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """Secrets Manager, past the wire."""
    with closing(
        boto3.client("secretsmanager", endpoint_url=urlunsplit(service.wire.upstream))
    ) as client:
        yield client


@pytest.mark.parametrize("times", [1, 2])
def test_consumers_read_a_string_that_works_before_after_and_between_the_steps(
    service: Service,
    client: Any,  # noqa: ANN401 - boto3's client
    alias: str,
    times: int,
) -> None:
    made = service.create(alias, roles=["admin"], ttl_days=30)
    secret = Held(service, client, {"alias": alias, "key": made["key"]})
    first = secret.stages()["AWSCURRENT"]
    token = secret.begin()
    read = []
    for step in STEPS:
        for _ in range(times):
            secret.step(step, token)
            read.append(secret.current()["key"])
            assert service.admits(read[-1])

    held = secret.current()
    assert held == {"alias": alias, "id": made["id"], "key": read[-1], "generation": 2}
    assert read == [made["key"]] * 3 * times + [held["key"]] * times
    stages = secret.stages()
    assert (stages["AWSCURRENT"], stages["AWSPREVIOUS"]) == (token, first)
    # Who read the secret before has the deployment's grace to read it again.
    assert service.admits(made["key"])
    renewed = service.create(alias, roles=["admin"], ttl_days=30)
    assert (renewed["key"], renewed["generation"]) == (held["key"], 2)


def test_a_secret_without_a_key_gets_its_first_and_then_the_next(
    service: Service,
    client: Any,  # noqa: ANN401 - boto3's client
    alias: str,
) -> None:
    secret = Held(service, client, {"alias": alias})
    generations = []
    for _ in range(2):
        token = secret.begin()
        for step in STEPS:
            secret.step(step, token)
        generations.append(secret.current()["generation"])
        # Let in as what it is: a key without roles.
        assert service.post({}, key=secret.current()["key"]).is_error(403, "forbidden")
        # Time passes.
        row = service.row(alias)
        assert row is not None
        if "previous_expires_at" in row:
            service.change(alias, "previous_expires_at", {"N": "1"})
    assert generations == [1, 2]


def test_a_rotation_that_cannot_be_is_refused_and_the_secret_stays(
    service: Service,
    client: Any,  # noqa: ANN401 - boto3's client
    alias: str,
) -> None:
    made = service.create(alias, roles=["admin"], ttl_days=7)  # the interval, and no grace
    secret = Held(service, client, {"alias": alias, "key": made["key"]})
    token = secret.begin()
    with pytest.raises(FunctionError, match="ttl_days: must outlast"):
        secret.step("createSecret", token)
    with pytest.raises(FunctionError, match="Step: unknown"):
        secret.step("rotateSecret", token)
    with pytest.raises(FunctionError, match="not pending"):
        secret.step("createSecret", str(uuid4()))

    assert secret.current()["key"] == made["key"]
    assert service.admits(made["key"])
