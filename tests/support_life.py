"""A key's whole life: every kind of change there is, each told as what it is."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import uuid4

import publish_events
from keyturn import service
from keyturn.changes import Happening
from keyturn.foreign import Text
from keyturn.keys import DAY, Reason, Rotation
from keyturn.sweep import sweep
from tests.support import Context, by
from tests.support_aws import Table
from tests.support_desk import AGAIN, GRANT, STORE, Desk
from tests.support_rotation import BILLING, Stream

Step = tuple[Happening, Callable[[], object]]
Records = list[dict[str, Any]]


@dataclass
class Life(Desk):
    """The key `billing` and every string that was ever handed out for it."""

    texts: list[Text] = field(default_factory=list)

    def keep(self, text: Text) -> Text:
        self.texts.append(text)
        return text

    def grant(self, ttl_days: int = 15) -> None:
        self.keep(self.issue(replace(GRANT, ttl_days=ttl_days), "admin").text)

    def rotate(self, grace: int, **fields: object) -> None:
        rotation = replace(Rotation(id=f"r-{uuid4().hex}", grace_seconds=grace), **fields)  # type: ignore[arg-type]
        self.keep(self.issuer.rotate(BILLING, rotation, by("admin")).text)

    def end(self, reason: Reason) -> None:
        service.revoke(BILLING, reason, by("admin"), STORE, self.now)

    def shorten(self) -> None:
        key = STORE.get(BILLING)
        assert key is not None
        service.shorten_grace(key, 60, by("secret:token"), STORE, self.now)

    def later(self, seconds: int) -> None:
        """Let time pass, and what is due then be done."""
        self.now += seconds
        swept = sweep(self.issuer, "sweep-1", lambda: True)
        assert not swept.failed

    def steps(self) -> list[Step]:
        """Return one step for each change that can be told, and more where it has two forms."""
        return [
            (Happening.CREATED, self.grant),
            (Happening.RENEWED, lambda: self.keep(self.issue(AGAIN, "admin").text)),
            (Happening.ROTATED, lambda: self.rotate(10 * DAY)),
            (Happening.GRACE_SHORTENED, self.shorten),
            (Happening.GRACE_ENDED, lambda: self.later(60)),
            (Happening.ROTATED, lambda: self.rotate(DAY)),
            (
                Happening.GRACE_ENDED,
                lambda: STORE.end_grace(BILLING, 3, self.now, self.now, by("event:e-1")),
            ),
            (Happening.REVOKED, lambda: self.end(Reason.CESSATION)),
            (Happening.REVOKED, lambda: STORE.condemn(BILLING, self.now, by("event:e-2"))),
            (Happening.ROTATED, lambda: self.rotate(DAY)),
            (Happening.REVOKED, lambda: self.end(Reason.SUPERSEDED)),
            (Happening.REACTIVATED, self.grant),
            (Happening.EXPIRING, lambda: self.later(12 * DAY)),
            (Happening.EXPIRING, lambda: self.later(2 * DAY)),
            (Happening.EXPIRED, lambda: self.later(DAY)),
            (Happening.RENEWED, self.grant),
        ]


@cache
def lived() -> tuple[Life, Records]:
    """Live a whole life, once for all tests, and return what the stream has of it.

    Without what only moved on in the index, so that record and event are one to one.
    """
    assert not Table().rows()  # else it would be another life
    life, stream = Life(), Stream()
    for _, step in life.steps():
        step()
    records = [record for record in stream.records() if _counts(record["dynamodb"])]
    Table().clear()
    return life, records


def _counts(images: dict[str, Any]) -> bool:
    old = images.get("OldImage", {"version": None})
    return bool(old["version"] != images["NewImage"]["version"])


def publish(records: Records) -> list[str]:
    """Hand a batch over; return what is reported to have failed."""
    answered = publish_events.handler(json.loads(json.dumps({"Records": records})), Context())
    return [failure["itemIdentifier"] for failure in answered["batchItemFailures"]]
