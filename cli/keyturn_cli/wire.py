"""HTTP: requests, repeats, and what an answer means."""

import ssl
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import ValidationError

from keyturn_cli.errors import Failed, Misused, NotAuthorised, NotFound, Refused, Unanswered
from keyturn_cli.profiles import Server, is_here
from keyturn_cli.records import Answer

A = TypeVar("A", bound=Answer)

_ATTEMPTS = 3
_LONGEST_WAIT = 20  # seconds; who asks for more is left alone
_TIMEOUT = httpx.Timeout(35, connect=5)  # the gateway itself gives up after 29 s

_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.InvalidURL)
_THEN = {
    "key_compromised": "Its string has leaked. `keyturn rotate` gives the key a new one.",
    "key_inactive": "`keyturn renew` it first.",
    "grace_running": "Wait for the end of the grace; or use --force, and whoever still uses the "
    "string before is shut out at once.",
    "alias_conflict": "Choose another alias.",
}

_UNAUTHORISED = {
    401: (
        "is unknown, expired or revoked",
        "KEYTURN_API_KEY holds another one for a while; `keyturn login` stores it.",
    ),
    403: (
        "is good, but not for this",
        "Most verbs ask for the role admin; `keyturn whoami` shows which the key has.",
    ),
}


class Wire:
    """A server, and the key to call it with."""

    def __init__(self, server: Server) -> None:
        """Connect when first asked; close it after use.

        Raises:
            Misused: what the environment says of proxies or certificates cannot be used.
        """
        self.server = server
        try:
            self._http = httpx.Client(
                headers={"Authorization": f"Bearer {server.key}", "User-Agent": "keyturn"},
                timeout=_TIMEOUT,
                trust_env=not is_here(server.url),  # no proxy is to see a key for this machine
                verify=server.url.startswith("https:"),  # else the authorities load for nothing
            )
        except (ValueError, ImportError, OSError, httpx.InvalidURL):  # may quote a password
            raise Misused(
                "the proxy or the certificates that the environment names cannot be used",
                "Look at HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from None

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def ask(
        self,
        kind: type[A],
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        lost: str = "",
    ) -> A:
        """Send a request to /api/apikey and `path`, and return its answer, which is of this kind.

        `lost` is for a request whose repeat may not be harmless: what it means that nobody knows
        what became of it. Any other is repeated a little where the answer is lost or unavailable.

        Raises:
            Failed: there is no such answer.
        """
        left = _ATTEMPTS
        while True:
            left -= 1
            try:
                answer = self._http.request(
                    method,
                    f"{self.server.url}/api/apikey{path}",
                    params={name: str(value) for name, value in (query or {}).items()} or None,
                    json=body,
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if lost or not left or not isinstance(error, _BROKEN):
                    raise self._unreached(error, lost) from None
                _wait("the connection broke", 1)
                continue
            status, seconds = answer.status_code, _seconds(answer)
            # Throttled, it was not even begun; otherwise a repeat must be harmless.
            again = status == HTTPStatus.TOO_MANY_REQUESTS or (
                status == HTTPStatus.SERVICE_UNAVAILABLE and not lost
            )
            if not again or not left or seconds > _LONGEST_WAIT:
                try:
                    return self._meant(kind, answer, lost)
                except Failed as failed:  # told in the server's words, which may quote
                    failed.what = failed.what.replace(self.server.key, "...")
                    raise
            _wait(f"the server answers {status}", seconds)

    def _unreached(self, error: Exception, lost: str) -> Failed:
        url = self.server.url
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unanswered(
                f"the TLS certificate of {url} is not trusted: {cause.verify_message}",
                "Nothing was sent. SSL_CERT_FILE may name authorities of your own to trust.",
            )
        if cause is not None:
            return Unanswered(
                f"no TLS with {url}: {cause.reason}", "Nothing was sent. Is it https:// there?"
            )
        if isinstance(error, _UNREACHED):
            return Unanswered(
                f"cannot reach {url}: {str(error) or 'no answer in time'}",
                "Nothing was sent. `make run` starts a server on this machine."
                if is_here(url)
                else "Nothing was sent. Is the URL right, and the network there?",
            )
        in_time = " in time" if isinstance(error, httpx.TimeoutException) else " that can be read"
        return Unanswered(f"no answer from {url}{in_time}", lost)

    def _meant(self, kind: type[A], answer: httpx.Response, lost: str) -> A:
        """Return what a good answer holds, or raise what another one means."""
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body = None
        if answer.is_success:
            try:
                return kind.model_validate(body)
            except ValidationError:
                body = None
        if isinstance(body, dict) and isinstance(body.get("code"), str):
            raise self._refusal(answer, body["code"], body.get("error", ""), lost)
        raise self._foreign(answer, lost)

    def _refusal(self, answer: httpx.Response, code: str, said: object, lost: str) -> Failed:
        """Say what Keyturn, or its gateway, answers."""
        status, facts = answer.status_code, _facts(answer, code)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _throttled(answer, facts)
        if status in _UNAUTHORISED:
            what, then = _UNAUTHORISED[status]
            return NotAuthorised(f"the key from {self.server.source} {what} {facts}", then)
        if code == "not_found":
            return NotFound(f"{said} {facts}", "`keyturn list` shows the keys there are.")
        if code == "route_not_found":
            then = f"Is {self.server.url} all of the URL? Is the server older than this command?"
            return Unanswered(f"{said} {facts}", then)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            then = lost or "Try again; the server's log has more under that id."
            return Unanswered(f"{said} {facts}", then)
        return Refused(f"{said} {facts}", _THEN.get(code, ""))

    def _foreign(self, answer: httpx.Response, lost: str) -> Failed:
        """Say what is answered by something that is not Keyturn, or stands before it."""
        url, facts = self.server.url, _facts(answer)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            return _throttled(answer, facts)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unanswered(f"{url} failed {facts}", lost or "Try again later.")
        what = answer.headers.get("content-type", "").partition(";")[0] or "nothing"
        return Unanswered(
            f"{url} does not answer as Keyturn does, but with {what} {facts}",
            "The URL is the stack's output Url, with its stage, or what `make run` prints.",
        )


def _facts(answer: httpx.Response, code: str = "") -> str:
    headers = answer.headers
    id = headers.get("x-request-id") or headers.get("x-amzn-requestid") or "unknown"
    return f"({answer.status_code}{f' {code}' if code else ''}, request {id})"


def _throttled(answer: httpx.Response, facts: str) -> Failed:
    return Unanswered(
        f"too many requests {facts}", f"Nothing was done. Try again in {_seconds(answer)} s."
    )


def _seconds(answer: httpx.Response) -> int:
    """Return what `Retry-After` asks for; a date is as good as nothing."""
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isdecimal() and len(text) < len("86400") else 1


def _wait(why: str, seconds: int) -> None:
    sys.stderr.write(f"{why}: trying again in {seconds} s\n")
    time.sleep(seconds)
