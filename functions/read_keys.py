"""GET /api/apikey, /api/apikey/{id}, and its /events and /usage: what there is, what happened.

Invoked by API Gateway behind the admin authorizer. May get rows, and query the table and its index
`by_alias`.
"""

from typing import Annotated, Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, cursor, keytext, service
from keyturn.answers import EventsResponse, ItemResponse, ListResponse, UsageResponse
from keyturn.errors import KeyNotFound
from keyturn.keys import DAY, ApiKey, Status
from keyturn.listing import Listing
from keyturn.schemas import AliasPrefix, Days, Limit
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.trail import Trail
from keyturn.usage import Usage
from keyturn.web import Web

Most = Annotated[Limit, Query(description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(alias="cursor", max_length=1024, description="As the page before gave it; opaque."),
]

tracer = Tracer()
web = Web()
_client = aws.dynamodb()
store = KeyStore(_client, settings().table_name)
listing = Listing(_client, settings().table_name)
trail = Trail(_client, settings().table_name)
usage = Usage(_client, settings().table_name)


@web.app.get("/api/apikey")
def list_keys(
    limit: Most = 50,
    cursor_: Cursor = None,
    alias_prefix: Annotated[AliasPrefix, Query(description="What the aliases begin with.")] = "",
    status: Annotated[Status | None, Query(description="What the keys are now.")] = None,
) -> ListResponse:
    """List keys, by alias.

    Eventually consistent. With `status` a page may be short or empty while `cursor` is set.
    """
    web.only_parameters("limit", "cursor", "alias_prefix", "status")
    web.caller()
    scope = f"list {status} {alias_prefix}"
    after = None if cursor_ is None else cursor.unseal(cursor_, scope, 2)
    now = service.clock()
    page = listing.page(limit, after, alias_prefix, status, now)
    uses = usage.last_of([key.id for key in page.keys])
    return ListResponse(
        items=[ItemResponse.of(key, uses[key.id], now) for key in page.keys],
        cursor=None if page.last is None else cursor.seal(page.last, scope),
    )


@web.app.get("/api/apikey/<key>")
def get_key(key: Annotated[str, Path()]) -> ItemResponse:
    """Read one key.

    Strongly consistent; when it was used, as the log has told.
    """
    web.only_parameters()
    return ItemResponse.of(_known(key), usage.last(key), service.clock())


@web.app.get("/api/apikey/<key>/events")
def list_events(
    key: Annotated[str, Path()],
    limit: Most = 50,
    cursor_: Cursor = None,
) -> EventsResponse:
    """List what happened to a key, the newest first."""
    web.only_parameters("limit", "cursor")
    scope = f"events {_known(key).id}"
    after = None if cursor_ is None else cursor.unseal(cursor_, scope, 1)[0]
    events, last = trail.page(key, limit, after)
    return EventsResponse(items=events, cursor=None if last is None else cursor.seal([last], scope))


@web.app.get("/api/apikey/<key>/usage")
def read_usage(
    key: Annotated[str, Path()],
    days: Annotated[Days, Query(description="How many, today among them.")] = 30,
) -> UsageResponse:
    """Tell how often a key was used on each of the last days.

    The oldest first, today last. Told by the log, so some seconds late.
    """
    web.only_parameters("days")
    today = service.clock() // DAY
    return UsageResponse.of(usage.days(_known(key).id, today - days + 1, today))


def _known(id: str) -> ApiKey:
    web.caller()
    key = store.get(id) if keytext.is_id(id) else None
    if key is None:
        raise KeyNotFound
    return key


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST proxy event."""
    return web(event, context)
