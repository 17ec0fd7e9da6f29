"""GET /console and /console/{file+}: a web application over the API, for people.

Invoked by API Gateway for anyone, because what it serves is this code and holds nothing secret: who
uses it brings an admin key, which goes from their browser to the API and never comes here. May
write its log, and nothing else.
"""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from keyturn.errors import RouteNotFound

ASSETS = Path(__file__).with_name("console_assets")
PAGE = "index.html"
NOT_BUILT = "missing.html"

# Our own files from our own address, and nothing written into the page: no script, style or address
# that gets in there, by whatever name a key has, is acted on.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-write=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_TAKES_GZIP = re.compile(r"(^|,)\s*(gzip|\*)\s*(?!;\s*q=0(\.0*)?\s*(,|$))(;|,|$)", re.IGNORECASE)


class _Asset:
    """A file as it is sent; read, and compressed, when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.media_type = _TYPES[path.suffix]

    @cached_property
    def plain(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.plain, mtime=0)

    @cached_property
    def tag(self) -> str:
        """Weak, because it is the same for both codings."""
        return f'W/"{sha256(self.plain).hexdigest()[:32]}"'


# A name is looked up and never made into a path: what is not among these does not exist.
assets = {
    path.relative_to(ASSETS).as_posix(): _Asset(path)
    for path in ASSETS.rglob("*")
    if path.suffix in _TYPES
}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's
    """Answer a REST proxy event."""
    name = (event.get("pathParameters") or {}).get("file", "")
    # The page is /console, /console/ and /console/api, under whatever stage and base path. It names
    # its files `console/<file>`: right from the first, and here from the other two.
    for prefix in ("api/", "console/"):
        name = name.removeprefix(prefix)
    status = HTTPStatus.OK
    if name in {"", "api"}:
        name = PAGE
        if "vendor/preact.js" not in assets:
            name, status = NOT_BUILT, HTTPStatus.SERVICE_UNAVAILABLE
    asset = assets.get(name)
    if asset is None:
        return _no_such_route(event)
    asked = dict(_headers(event))
    headers = {"Cache-Control": "no-cache", "ETag": asset.tag, "Vary": "Accept-Encoding"}
    held = re.split(r"\s*,\s*", asked.get("if-none-match", ""))
    if status == HTTPStatus.OK and asset.tag in held:
        return _answer(event, HTTPStatus.NOT_MODIFIED, headers, b"")
    headers["Content-Type"] = asset.media_type
    if _TAKES_GZIP.search(asked.get("accept-encoding", "")) and not name.endswith(".woff2"):
        return _answer(event, status, headers | {"Content-Encoding": "gzip"}, asset.compressed)
    return _answer(event, status, headers, asset.plain)


def _headers(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, values in (event.get("multiValueHeaders") or {}).items():
        yield name.lower(), ",".join(values)


def _no_such_route(event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer as the gateway does where there is no route (`GatewayResponses` of the template)."""
    said = {"error": RouteNotFound.message, "code": RouteNotFound.code}
    said["request_id"] = _request_id(event)
    headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    return _answer(event, HTTPStatus.NOT_FOUND, headers, json.dumps(said).encode())


def _answer(
    event: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    sent = {**HEADERS, **headers, "X-Request-Id": _request_id(event)}
    return {
        "statusCode": int(status),
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _request_id(event: Mapping[str, Any]) -> str:
    return str(event["requestContext"]["extendedRequestId"])
