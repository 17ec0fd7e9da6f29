"""Ask Keyturn whether a key may pass, and remember for a few seconds that it may.

What is remembered lies in this process under the key's SHA-256: who a valid key belongs to, for
`keep_seconds` from the moment it was asked for, and never past the key's own end. So long, and no
longer, a revoked key is accepted, or one that lost a role. Refusals are not remembered, and what
nobody could know is none: `Unavailable`, and the request must not pass.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from threading import Lock
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from cachetools import TLRUCache

from keyturn_client.answers import Answer, Caller, Refused, meant

_HERE = {"localhost", "127.0.0.1", "::1"}
# A kept connection that the other side has just closed. Verifying changes nothing: once more.
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)

# Without an answer: whoever asked went away, and who waited for it asks anew.
_Asked = Future[Answer | None]


class _Memory:
    """What is remembered, and what is being asked: of many at once with one key, one asks."""

    def __init__(
        self,
        url: str,
        key: str | Callable[[], str],
        *,
        keep_seconds: float = 10,
        keep_most: int = 10_000,
        timeout_seconds: float = 3,
    ) -> None:
        """Take the service's URL, with its stage, and this application's own key.

        A key that rotates is given as a function, which is asked each time. It needs one of the
        deployment's `VerifyCallerRoles`. `keep_seconds` 0 remembers nothing; `keep_most` keys are
        remembered at most. `timeout_seconds` is for each step: connect, send, be answered.

        Raises:
            ValueError: no key may go to that URL, or the numbers cannot be meant so.
        """
        parts = urlsplit(url)
        is_here = parts.hostname in _HERE
        if not parts.hostname or parts.scheme not in ({"http", "https"} if is_here else {"https"}):
            raise ValueError("the URL must be https://, or of this machine")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("the URL must end with its path, and hold no password")
        if keep_seconds < 0 or keep_most < 1 or timeout_seconds <= 0:
            raise ValueError("seconds and entries are not negative, and a timeout is not 0")
        self._url = re.sub(r"/*(/api/apikey)?/*$", "", url) + "/api/apikey/verify"
        self._key: Callable[[], str] = (lambda: key) if isinstance(key, str) else key
        self._keep = keep_seconds
        # By the wall clock: the monotonic one stands still while Lambda holds a process frozen.
        self._kept: TLRUCache[bytes, Answer] = TLRUCache(
            keep_most, ttu=lambda _, answer, __: answer.until, timer=time.time
        )
        self._asking: dict[bytes, _Asked] = {}
        self._lock = Lock()
        self._connect(
            timeout=timeout_seconds,
            trust_env=not is_here,  # no proxy is to see a key for this machine
            verify=parts.scheme == "https",  # else the authorities load for nothing
        )

    def _connect(self, **settings: Any) -> None:  # noqa: ANN401 - as httpx has them
        raise NotImplementedError

    def _turn(self, digest: bytes) -> tuple[_Asked, bool]:
        """Return the answer, there or to come, and whether the caller has to get it."""
        asked: _Asked = Future()
        with self._lock:
            if kept := self._kept.get(digest):
                asked.set_result(kept)
                return asked, False
            first = self._asking.setdefault(digest, asked) if self._keep else asked
        return first, first is asked

    def _done(self, digest: bytes, asked: _Asked, answer: Answer | None) -> None:
        with self._lock:
            if self._keep:
                del self._asking[digest]
                if answer and answer.caller:
                    self._kept[digest] = answer  # which drops what is old already
        asked.set_result(answer)

    def _request(self, key: str) -> dict[str, Any]:
        own = f"Bearer {self._key().strip()}".encode("ascii", "replace")
        return {
            "url": self._url,
            # All ASCII, so that text which has no UTF-8 is the service's to refuse.
            "content": json.dumps({"key": key}),
            "headers": {b"Authorization": own, b"Content-Type": b"application/json"},
        }


class Keyturn(_Memory):
    """Asks in the caller's thread; one for all threads. Connections are kept."""

    def _connect(self, **settings: Any) -> None:  # noqa: ANN401
        self._http = httpx.Client(**settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def verify(self, key: str, *roles: str) -> Caller:
        """Return whose key this is; it must have one of the roles, if any are named.

        Raises:
            Refused: it may not pass.
            Unavailable: nobody can know.
        """
        digest = _digest(key)
        asked, is_mine = self._turn(digest)
        while not is_mine:
            told = asked.result()
            if told and not told.is_old():
                return told.judged(roles)
            asked, is_mine = self._turn(digest)
        answer, started = None, time.time()
        try:
            answer = meant(self._send(self._request(key)), started + self._keep)
        finally:
            self._done(digest, asked, answer)
        return answer.judged(roles)

    def _send(self, request: dict[str, Any], *, again: bool = True) -> httpx.Response | str:
        """Return the response, or what an error is called: it holds the request, and that keys."""
        try:
            return self._http.post(**request)
        except httpx.HTTPError as error:
            if not again or not isinstance(error, _BROKEN):
                return type(error).__name__
        return self._send(request, again=False)


class AsyncKeyturn(_Memory):
    """Asks without holding up others; one for an event loop. Connections are kept."""

    def _connect(self, **settings: Any) -> None:  # noqa: ANN401
        self._http = httpx.AsyncClient(**settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def verify(self, key: str, *roles: str) -> Caller:
        """Return whose key this is; it must have one of the roles, if any are named.

        Raises:
            Refused: it may not pass.
            Unavailable: nobody can know.
        """
        digest = _digest(key)
        asked, is_mine = self._turn(digest)
        while not is_mine:
            # Shielded: one who stops waiting must not take the answer from the others.
            told = await asyncio.shield(asyncio.wrap_future(asked))
            if told and not told.is_old():
                return told.judged(roles)
            asked, is_mine = self._turn(digest)
        answer, started = None, time.time()
        try:
            answer = meant(await self._send(self._request(key)), started + self._keep)
        finally:
            self._done(digest, asked, answer)
        return answer.judged(roles)

    async def _send(self, request: dict[str, Any], *, again: bool = True) -> httpx.Response | str:
        """Return what `Keyturn._send` does."""
        try:
            return await self._http.post(**request)
        except httpx.HTTPError as error:
            if not again or not isinstance(error, _BROKEN):
                return type(error).__name__
        return await self._send(request, again=False)


def _digest(key: str) -> bytes:
    if not key:
        raise Refused("malformed")
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
