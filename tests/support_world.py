"""The key `billing`, and the function that serves events."""

from typing import Any

import rotate_key
from keyturn.keys import DAY, ApiKey, Rotation
from tests.support import Clock, Output, by
from tests.support_desk import STORE, Desk
from tests.support_rotation import BILLING, Lasting


class World(Desk):
    """The key `billing`, and what a function of this clock does with it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def send(self, event: dict[str, Any], *left: int) -> None:
        self._clock.now = self.now
        assert rotate_key.handler(event, Lasting(*left)) is None

    def rotate(self, grace: int = DAY, **fields: Any) -> str:  # noqa: ANN401 - as Rotation
        rotation = Rotation(id=f"by hand {self.now}", grace_seconds=grace, **fields)
        return self.issuer.rotate(BILLING, rotation, by("admin")).text.reveal()

    @property
    def key(self) -> ApiKey:
        found = STORE.get(BILLING)
        assert found is not None
        return found


def refusals(output: Output) -> list[dict[str, Any]]:
    """Return what was refused; each is counted, too."""
    lines = [line for line in output.records() if line.get("message") == "event refused"]
    counted = [line for line in output.records() if "EventRefused" in line]
    assert len(lines) == len(counted)
    return lines
