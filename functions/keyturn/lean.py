"""The lean read: one strongly consistent GetItem of a key's row, without the SDK.

botocore spends most of a GetItem's time on what this one request never uses. This module posts it
over `http.client`, signed by `sigv4`, and keeps what the SDK gave:

- `ATTEMPTS` = 3, after 5xx, throttling, connection errors, timeouts and a wrong checksum, with the
  SDK's pauses: full jitter below 25 and 50 ms, or 1 and 2 s after throttling, and no less than the
  server asks for. Retries are paid from the SDK's quota: an outage is not met with a storm.
- A budget: 1 s to connect and 2 s to read, per attempt, all within `BUDGET` = 6 s, pauses included:
  three silent attempts of 2 s. Two of the authorizer's 8 s are left for the rest, and for what is
  not counted, as it is not by the SDK: a slow name server, a second silent address of one name, an
  answer that comes byte by byte, and finding credentials that are not in the environment.
- Connections are kept. One that the server closed meanwhile, as over a freeze, is replaced at once;
  that is no attempt, and a read may be repeated freely.
- A signature refused for its time is made anew, once, by the server's clock, which is kept; one
  refused for an expired token, once, where newer credentials are to be had.
- TLS is verified: against AWS_CA_BUNDLE, or else REQUESTS_CA_BUNDLE, or else the system's store.

What is not done refuses to start, with a `ValueError` that names the variable: an endpoint that
`sigv4.endpoint` refuses, a proxy on the way, an empty CA bundle.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus, client
from random import SystemRandom
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

from keyturn import keytext, sigv4
from keyturn.errors import Unavailable

ATTEMPTS = 3
BUDGET = 6.0
CONNECT = 1.0
READ = 2.0
LARGEST = 1 << 20  # bytes; an item ends at 400 KB

_IDLE, _QUOTA = 10, 500
_CHANCE = SystemRandom().random  # Python's own goes on alike in all processes of one snapshot
_LONGEST_CODE = 64

# The base of the pause in seconds, and the price of a retry: botocore's, for DynamoDB.
_TRANSIENT = (0.025, 14)
_THROTTLED = (1.0, 5)
_TRANSIENT_CODES = {"RequestTimeout", "RequestTimeoutException"}
_THROTTLING_CODES = {
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"),
    *("Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
    *("TooManyRequestsException", "TransactionInProgressException", "BandwidthLimitExceeded"),
    *("LimitExceededException", "SlowDown", "PriorRequestNotComplete"),
}
_EXPIRED_CODES = {"ExpiredTokenException", "ExpiredToken"}
_SKEW_CODES = {
    *("InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
    *("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"),
}
# AWS accepts five minutes. A wrong secret has the same code, but comes with the right time.
_SKEW = 240

_Cost: TypeAlias = tuple[float, int]
_Connection: TypeAlias = client.HTTPConnection
_Headers: TypeAlias = client.HTTPMessage | dict[str, str]
_Sent: TypeAlias = dict[str, str]
_Raw: TypeAlias = tuple[int, _Headers, bytes]


class _Reply(NamedTuple):
    """What came of one request: `why` it is no answer, and the cost of a retry, if one may help."""

    why: str
    cost: _Cost | None
    headers: _Headers
    payload: bytes
    at: float


class LeanReader:
    """Reads key rows of one table. Threads may share it."""

    def __init__(  # noqa: PLR0913 - what, from where, and the four things a test must hold still
        self,
        table: str,
        attributes: tuple[str, ...],
        item: str = "key",
        *,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = _CHANCE,
    ) -> None:
        """Read these top-level `attributes` of rows `item` in `table`; nothing is sent yet.

        `clock` gives epoch seconds, for the signature; `timer` seconds that never go back, for the
        budget; `rng` numbers from 0 to 1, the jitter.

        Raises:
            ValueError: the environment asks for what this reader does not do; see the module.
        """
        self._endpoint = sigv4.endpoint(environ)
        self._tls = _tls(environ) if self._endpoint.secure else None
        self._credentials = sigv4.source(environ)
        self._signer = sigv4.Signer(self._endpoint)
        self._head, self._tail = _request(table, attributes, item)
        self._clock, self._timer, self._sleep, self._rng = clock, timer, sleep, rng
        self._idle: list[_Connection] = []
        self._skew = 0.0
        self._quota = _QUOTA  # threads may miscount it a little: it is a brake, no budget

    def get(self, id: str) -> dict[str, Any] | None:
        """Return the row's attribute values as on the wire (binary ones in base64), if it exists.

        Raises:
            ValueError: `id` is no id; nothing was sent.
            Unavailable: nobody can know: the budget is spent, or repeating would not help.
        """
        if not keytext.is_id(id):
            raise ValueError("an id is 17 base62 characters")
        try:
            answer = json.loads(self._answer(self._head + id.encode() + self._tail))
        except (RecursionError, ValueError):
            # `from None`: the cause holds the row.
            raise Unavailable("GetItem: malformed answer") from None
        # Only DynamoDB's own word for no row: nothing else may make a key unknown.
        if answer == {}:
            return None
        item = answer.get("Item") if isinstance(answer, dict) else None
        if not isinstance(item, dict):
            raise Unavailable("GetItem: malformed answer")
        return item

    def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _answer(self, body: bytes) -> bytes:
        deadline = self._timer() + BUDGET
        attempt, price = 1, 1
        while (reply := self._attempt(body, deadline)).why:
            if reply.cost is None or attempt == ATTEMPTS:
                break
            base, price = reply.cost
            pause = _pause(self._rng() * base * 2 ** (attempt - 1), reply.headers)
            if self._quota < price or self._timer() + pause >= deadline:
                break
            self._quota -= price
            self._sleep(pause)
            attempt += 1
        else:
            self._quota = min(_QUOTA, self._quota + price)
            return reply.payload
        raise Unavailable(f"GetItem: {reply.why}, attempt {attempt}")

    def _attempt(self, body: bytes, deadline: float) -> _Reply:
        reply = self._signed(body, deadline)
        again = (reply.why in _SKEW_CODES and self._set_clock(reply)) or (
            reply.why in _EXPIRED_CODES and self._credentials.renew()
        )
        return self._signed(body, deadline) if again else reply

    def _signed(self, body: bytes, deadline: float) -> _Reply:
        at = self._clock() + self._skew
        headers = self._signer.headers(body, self._credentials.get(), at)
        try:
            status, answered, payload = self._exchange(body, headers, deadline)
        except (OSError, client.HTTPException) as error:
            # The type alone: the text may quote what was sent.
            return _Reply(type(error).__name__, _TRANSIENT, {}, b"", at)
        return _Reply(*_judge(status, answered, payload), answered, payload, at)

    def _exchange(self, body: bytes, headers: _Sent, deadline: float) -> _Raw:
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._post(self._connection(deadline), body, headers, deadline)
        try:
            return self._post(kept, body, headers, deadline)
        except (OSError, client.HTTPException) as error:
            self.close()  # what ended this one has ended the others too
            if isinstance(error, TimeoutError):
                raise
        return self._post(self._connection(deadline), body, headers, deadline)

    def _connection(self, deadline: float) -> _Connection:
        _, name, port, _ = self._endpoint
        timeout = self._left(CONNECT, deadline)
        if self._tls is None:
            return client.HTTPConnection(name, port, timeout)
        return client.HTTPSConnection(name, port, timeout=timeout, context=self._tls)

    def _post(self, connection: _Connection, body: bytes, headers: _Sent, deadline: float) -> _Raw:
        """Send, read the whole answer, and keep the connection for the next."""
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(self._left(READ, deadline))
            connection.request("POST", "/", body, headers)
            with connection.getresponse() as response:
                payload = _whole(response)
        except BaseException:
            connection.close()
            raise
        if connection.sock is None or len(self._idle) >= _IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        return response.status, response.headers, payload

    def _left(self, longest: float, deadline: float) -> float:
        left = deadline - self._timer()
        if left <= 0:
            raise TimeoutError
        return min(longest, left)

    def _set_clock(self, reply: _Reply) -> bool:
        """Take the server's time, where what was signed is far from it."""
        try:
            server = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return False
        if abs(server - reply.at) < _SKEW:
            return False
        # From now, not from what was signed: after a thaw the clock may have righted itself since.
        self._skew = server - self._clock()
        return True


def _whole(response: client.HTTPResponse) -> bytes:
    """Read the body, and never take a part of it for the whole: a part could say "no row"."""
    length = response.length
    if length is None and response.status == HTTPStatus.OK and not response.chunked:
        raise client.IncompleteRead(b"")
    if length is None or length <= LARGEST:
        # Asked for an amount, it gives less than announced and says nothing.
        payload = response.read(LARGEST + 1) if length is None else response.read()
        if len(payload) <= LARGEST:
            return payload
    raise Unavailable("GetItem: answer over 1 MiB")


def _judge(status: int, headers: _Headers, payload: bytes) -> tuple[str, _Cost | None]:
    """Return a reply's first two: why this is no answer, `""` where it is, and a retry's cost."""
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(crc32(payload)):
        return "ChecksumMismatch", _TRANSIENT
    if status == HTTPStatus.OK:
        return "", None
    code = _code(payload)
    why = code or f"HTTP {status}"
    if code in _THROTTLING_CODES or status == HTTPStatus.TOO_MANY_REQUESTS:
        return why, _THROTTLED
    if code in _TRANSIENT_CODES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return why, _TRANSIENT
    return why, None


def _code(payload: bytes) -> str:
    """Return an error's code: letters only, so that no key and no credential passes as one."""
    try:
        code = json.loads(payload)["__type"].rpartition("#")[2].partition(":")[0]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return ""
    return code if code.isascii() and code.isalpha() and len(code) <= _LONGEST_CODE else ""


def _pause(jittered: float, headers: _Headers) -> float:
    asked = headers.get("x-amz-retry-after", "")  # milliseconds
    if not (asked.isascii() and asked.isdigit()):
        return jittered
    return max(jittered, min(float(asked) / 1000, jittered + 5))


def _request(table: str, attributes: tuple[str, ...], item: str) -> tuple[bytes, bytes]:
    """Return the body before and after the id."""
    names = {f"#{position}": name for position, name in enumerate(attributes)}
    body = {
        "TableName": table,
        "Key": {"id": {"S": ""}, "item": {"S": item}},
        "ConsistentRead": True,
        "ProjectionExpression": ",".join(names),
        "ExpressionAttributeNames": names,
    }
    # Found nowhere else: inside a JSON string its quotes would be escaped.
    head, mark, tail = json.dumps(body, separators=(",", ":")).partition('{"S":"')
    return (head + mark).encode(), tail.encode()


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    bundle = environ.get("AWS_CA_BUNDLE", environ.get("REQUESTS_CA_BUNDLE"))
    if bundle is not None and not bundle.strip():
        raise ValueError("AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE: empty, which would trust nobody")
    context = ssl.create_default_context(cafile=bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context
