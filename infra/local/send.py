"""Put an event on the bus of the stack that runs here: `python -m infra.local.send FILE`.

Of the file go source, detail-type and detail, as with PutEvents: id, account and time are the bus's
to give. Which stack: `AWS_ENDPOINT_URL` and `EVENT_BUS`, or what `make run` wrote down.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from infra.local.__main__ import LOG, PLACE
from infra.local.resources import CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef


_PARTS = {"source", "detail-type", "detail"}


class NotSentError(Exception):
    """It cannot be sent; the text says why and what to do."""


def send(event: Any, place: dict[str, str]) -> str:  # noqa: ANN401 - any JSON
    """Put the event on a bus, and return the id it was given.

    Raises:
        NotSentError: it is none for a bus, or nobody takes it.
    """
    if not isinstance(event, dict) or not event.keys() >= _PARTS:
        raise NotSentError("not an event of EventBridge: see events/README.md for what it is for")
    if event["source"].startswith("aws."):
        raise NotSentError(f"nobody but AWS can send events of {event['source']}")
    client = boto3.client(
        "events",
        endpoint_url=place["aws_endpoint"],
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            proxies={},  # and none of the environment's: it is this machine
        ),
    )
    entry: PutEventsRequestEntryTypeDef = {
        "EventBusName": place["event_bus"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    try:
        (answer,) = client.put_events(Entries=[entry])["Entries"]
    except BotoCoreError:
        raise NotSentError("nobody answers there: `make run` in another terminal first") from None
    if "EventId" not in answer:
        raise NotSentError(f"refused: {answer}")
    return str(answer["EventId"])


def find(place: Path) -> dict[str, str]:
    """Return the endpoint and the bus of the stack to send to.

    Raises:
        NotSentError: none is known.
    """
    if "AWS_ENDPOINT_URL" in os.environ:
        bus = os.environ.get("EVENT_BUS", "keyturn-local")
        return {"aws_endpoint": os.environ["AWS_ENDPOINT_URL"], "event_bus": bus}
    try:
        found: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotSentError("no stack runs here: `make run` in another terminal first") from None
    return found


def main() -> int:
    """Send; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.send", description=__doc__)
    parser.add_argument("event", type=Path, help="a file with an event as EventBridge delivers it")
    parser.add_argument("--place", type=Path, default=PLACE, help="what `make run` wrote down")
    options = parser.parse_args()
    try:
        event = json.loads(options.event.read_text(encoding="utf-8"))
        id = send(event, find(options.place))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot read {options.event}: {error}\n")
        return 1
    except NotSentError as error:
        sys.stderr.write(f"{options.event}: {error}\n")
        return 1
    sys.stdout.write(f"sent as {id}; what comes of it is in {LOG}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
