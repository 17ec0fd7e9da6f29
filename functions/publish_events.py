"""Every change of a key becomes an audit row beside it, and an event on the bus.

Invoked by the table's stream, filtered for key rows. At least once, and in each key's order: it
stops at the first record that fails and reports it, and the stream comes again from there. None is
told before its write, and none is lost after it. May put rows, and put events on the bus.
"""

from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, changes
from keyturn.bus import Bus
from keyturn.errors import Unavailable
from keyturn.log import log
from keyturn.settings import audit_days, event_bus, settings
from keyturn.trail import Trail

tracer = Tracer()
trail = Trail(aws.dynamodb(), settings().table_name)
bus = Bus(aws.events(), event_bus())
days = audit_days()


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell a batch of stream records; name the first that could not be told."""
    for record in event["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        try:
            _tell(record["dynamodb"])
        except Exception as error:  # noqa: BLE001 - whatever it is, this one and the rest come again
            detail = error.detail if isinstance(error, Unavailable) else ""
            line = {"request_id": context.aws_request_id, "sequence_number": number}
            # Not the exception's text: it may quote a row.
            log.error("not told", extra=line | {"error": type(error).__name__, "detail": detail})
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def _tell(images: dict[str, Any]) -> None:
    change = changes.of(images.get("OldImage"), images.get("NewImage"))
    if change is None:
        return
    trail.keep(change, days)
    bus.tell(change)
    log.info("told", extra={"event_id": change.event_id, "type": change.happening})
