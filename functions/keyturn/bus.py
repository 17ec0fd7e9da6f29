"""The EventBridge bus on which everything that happens to a key is told."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keyturn.aws import answered
from keyturn.changes import SOURCE, Change
from keyturn.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient


class Bus:
    """One bus, by name."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        """Use the bus `name`."""
        self._client = client
        self._name = name

    def tell(self, change: Change) -> None:
        """Put one event on the bus. A repeat puts it there again, with the same `event_id`.

        One call for one event: a call with several may take some and leave others, and a key's
        events would lose their order.

        Raises:
            Unavailable: EventBridge did not answer, or did not take it.
        """
        with answered():
            reply = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._name,
                        "Source": SOURCE,
                        "DetailType": change.happening,
                        "Time": datetime.fromtimestamp(change.at, UTC),
                        "Detail": json.dumps(change.detail()),
                    }
                ]
            )
        if reply["FailedEntryCount"]:
            raise Unavailable(f"PutEvents: {reply['Entries'][0].get('ErrorCode')}")
