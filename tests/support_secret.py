"""A secret in Secrets Manager, its versions and stages; and what Secrets Manager does to it."""

import json
from functools import cache
from itertools import count
from typing import Any

import boto3
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

import rotate_secret
from keyturn.service import clock
from tests.support import Context
from tests.support_rotation import ACCOUNT, judge

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_numbers = count()


@cache
def _client() -> Any:  # noqa: ANN401 - typed where it is used
    return boto3.client(
        "secretsmanager", aws_access_key_id="onlooker", aws_secret_access_key="onlooker"
    )


def backend() -> Any:  # noqa: ANN401 - moto's
    return secretsmanager_backends[ACCOUNT]["us-east-1"]


class Safe:
    """One secret that rotates every `days`; looking at it is no call."""

    def __init__(self, value: object = None, days: int = 5) -> None:
        """Keep a value, `{"alias": "billing"}` unless said, as AWSCURRENT."""
        text = json.dumps({"alias": "billing"} if value is None else value)
        created = _client().create_secret(Name=f"secret-{next(_numbers)}", SecretString=text)
        self.arn: str = created["ARN"]
        self._moto.rotation_requested = self._moto.rotation_enabled = True
        self._moto.auto_rotate_after_days = days

    @property
    def _moto(self) -> FakeSecret:
        found = backend().secrets[self.arn]
        assert isinstance(found, FakeSecret)
        return found

    def versions(self) -> dict[str, dict[str, Any]]:
        """Return what moto keeps, to be changed as no call can."""
        return self._moto.versions

    def disable(self) -> None:
        self._moto.rotation_enabled = False

    def begin(self) -> str:
        """Do what RotateSecret does before it invokes the function, and return the token.

        moto's own would move AWSCURRENT itself. What a rotation given up before held as AWSPENDING
        loses that.
        """
        token = f"{next(_numbers):032}"
        for version in self._moto.versions.values():
            if "AWSPENDING" in version["version_stages"]:
                version["version_stages"].remove("AWSPENDING")
        stages = {"version_id": token, "version_stages": ["AWSPENDING"], "createdate": 0}
        self._moto.versions[token] = stages
        return token

    def step(self, step: str, token: str) -> None:
        event = {"Step": step, "SecretId": self.arn, "ClientRequestToken": token}
        rotate_secret.handler(event, Context())

    def rotate(self, token: str = "") -> str:
        """Rotate from the first step to the last; return the token."""
        token = token or self.begin()
        for step in STEPS:
            self.step(step, token)
        return token

    def put(self, value: object, **how: str) -> None:
        """Write a value as somebody else: AWSCURRENT, or that of a version."""
        text = value if isinstance(value, str) else json.dumps(value)
        if "token" in how:
            self._moto.versions[how["token"]]["secret_string"] = text
        else:
            _client().put_secret_value(SecretId=self.arn, SecretString=text)

    def value(self, stage: str = "AWSCURRENT") -> dict[str, Any]:
        given = _client().get_secret_value(SecretId=self.arn, VersionStage=stage)
        found: dict[str, Any] = json.loads(given["SecretString"])
        return found

    @property
    def key(self) -> str:
        """What consumers read."""
        return str(self.value().get("key", ""))

    def stages(self) -> dict[str, set[str]]:
        """Return the versions by their stages; moto may say one twice."""
        told = _client().describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {id: set(stages) for id, stages in told.items() if stages}

    def works(self) -> None:
        """See that what consumers read now is a key that is not refused."""
        key = self.key
        if key:
            outcome = judge(key, clock())
            assert outcome == "valid", f"AWSCURRENT is {outcome}"
