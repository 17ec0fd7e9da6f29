"""What was decided about keys becomes when each was last used, and how often on each day.

Invoked by CloudWatch Logs with a batch of a log stream's lines, filtered for decisions about a key.
At least once, in no order. Each key of a batch costs one write to its last use, and one to its
counters for each day. May update rows, with the attributes of usage and no others.
"""

import random
import time
from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.data_classes import CloudWatchLogsEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, tally
from keyturn.errors import Unavailable
from keyturn.log import log
from keyturn.settings import settings, usage_days
from keyturn.tally import Day, Tally
from keyturn.usage import Usage
from keyturn.web import count

# With so many failures the table is taken for down: to wait for each further key would only hold
# environments that authorizers need.
_PATIENCE = 3

tracer = Tracer()
usage = Usage(aws.dynamodb(), settings().table_name)
keep = usage_days()


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Record a batch.

    Raises:
        Unavailable: not all of it could be recorded; it comes again, and what was is recognised.
    """
    logs = CloudWatchLogsEvent(event).parse_logs_data()
    if logs.message_type != "DATA_MESSAGE":  # it asks whether anybody is there
        return
    tallied = tally.of(logs, int(time.time()))
    failed = _record(tallied)
    line = {"request_id": context.aws_request_id, "batch": tallied.batch}
    if tallied.unreadable:
        log.error("lines not read", extra=line | {"lines": tallied.unreadable})
        count("UsageUnreadable", tallied.unreadable)
    if failed:
        log.error("usage not recorded", extra=line | {"failed": failed})
        raise Unavailable("usage")
    log.info("usage recorded", extra=line | {"keys": len(tallied.uses)})


def _record(tallied: Tally) -> dict[str, str]:
    """Return why keys could not be recorded, by id; `_PATIENCE` of them, and the rest waits."""
    failed: dict[str, str] = {}
    # In another order every time: keys that fail again and again keep no others waiting.
    for id in random.sample([*tallied.uses], len(tallied.uses)):
        try:
            for day, counts in tallied.uses[id].days.items():
                usage.count(id, Day(day, counts), tallied.batch, keep)
            usage.see(id, tallied.uses[id].seen)
        except Unavailable as error:
            failed[id] = error.detail
        except Exception as error:  # noqa: BLE001 - one key must never stop the rest
            failed[id] = type(error).__name__
        if len(failed) == _PATIENCE:
            break
    return failed
