"""A Secrets Manager secret that holds a key: its shape, its stages, its interval.

The secret's text is `{"alias", "id", "key", "generation"}`; before the first rotation `{"alias"}`
will do. Nothing here is logged: what a secret holds is a key.
"""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from keyturn.aws import answered
from keyturn.errors import FieldInvalid
from keyturn.issuer import Issued
from keyturn.keys import DAY
from keyturn.schemas import stored_alias

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"

_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")
_SECONDS = {"hour": 3600, "day": DAY}


@dataclass(frozen=True, slots=True)
class Holding:
    """What a version of the secret holds; `key` is empty before the first rotation."""

    alias: str
    key: str = field(default="", repr=False)


class Secret:
    """One secret, while it is rotated to the version `token`."""

    def __init__(self, client: "SecretsManagerClient", arn: str, token: str) -> None:
        """Look at the secret.

        Raises:
            FieldInvalid: rotation is not switched on, or the version is not one being rotated to.
            Unavailable: Secrets Manager did not answer.
        """
        self._client = client
        self._arn = arn
        self.token = token
        with answered():
            self._described = client.describe_secret(SecretId=arn)
        if not self._described.get("RotationEnabled"):
            raise FieldInvalid("secret: rotation is not enabled")
        self._stages = self._described.get("VersionIdsToStages", {})
        if not {CURRENT, PENDING} & set(self._stages.get(token, [])):
            raise FieldInvalid("secret: this version is not pending")

    @property
    def is_current(self) -> bool:
        """Whether the version is the one that consumers read."""
        return CURRENT in self._stages[self.token]

    @property
    def current_version(self) -> str | None:
        """The version that consumers read."""
        return next((id for id, stages in self._stages.items() if CURRENT in stages), None)

    def interval(self, now: int) -> int:
        """Return the seconds between rotations, as far as the secret tells; 0 where it does not."""
        rules = self._described.get("RotationRules", {})
        if days := rules.get("AutomaticallyAfterDays"):
            return days * DAY
        if match := _RATE.fullmatch(rules.get("ScheduleExpression", "")):
            return int(match[1]) * _SECONDS[match[2]]
        following: datetime | None = self._described.get("NextRotationDate")
        return 0 if following is None else max(0, int(following.timestamp()) - now)

    def current(self) -> Holding:
        """Read what consumers read.

        Raises:
            FieldInvalid: it has another shape.
            Unavailable: Secrets Manager did not answer.
        """
        holding = self._read(VersionStage=CURRENT)
        if holding is None:
            raise FieldInvalid("secret: has no current value to tell the alias")
        return holding

    def pending(self) -> Holding | None:
        """Read what this version holds; `None` before `put`.

        Raises:
            FieldInvalid: it has another shape.
            Unavailable: Secrets Manager did not answer.
        """
        return self._read(VersionId=self.token)

    def put(self, issued: Issued) -> None:
        """Give this version its value; once, a repeat with the same value is no change.

        Raises:
            FieldInvalid: the key was imported as a hash, so there is no string to hold.
            Unavailable: Secrets Manager did not answer, or holds another value under this token.
        """
        text = {
            "alias": issued.key.alias,
            "id": issued.key.id,
            "key": issued.text.reveal(),
            "generation": issued.key.generation,
        }
        with answered():
            self._client.put_secret_value(
                SecretId=self._arn,
                ClientRequestToken=self.token,
                SecretString=json.dumps(text),
                VersionStages=[PENDING],
            )

    def promote(self) -> None:
        """Make this version the one that consumers read.

        Raises:
            Unavailable: Secrets Manager did not answer.
        """
        before = self.current_version
        moved: dict[str, Any] = {} if before is None else {"RemoveFromVersionId": before}
        with answered():
            self._client.update_secret_version_stage(
                SecretId=self._arn, VersionStage=CURRENT, MoveToVersionId=self.token, **moved
            )

    def _read(self, **version: str) -> Holding | None:
        with answered():
            try:
                text = self._client.get_secret_value(SecretId=self._arn, **version)["SecretString"]
            except self._client.exceptions.ResourceNotFoundException:
                return None
            except KeyError:
                text = ""
        return _holding(text)


def _holding(text: str) -> Holding:
    try:
        value = json.loads(text)
        alias, key = value["alias"], value.get("key", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        alias = key = None
    stored = stored_alias(alias)
    if stored is None or not isinstance(key, str):
        # Not the cause: it would quote the secret.
        raise FieldInvalid("secret: must be a JSON object with alias, and key or none")
    return Holding(stored, key)
