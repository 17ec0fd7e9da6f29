"""HTTP in front of the gateway.

One thread per connection. What is not HTTP, or not a request that API Gateway would read, is
answered with the gateway response for it; a client that goes away is nobody's error.
"""

import contextlib
import re
import socket
import sys
import time
from collections.abc import Callable
from email import errors
from http import HTTPMethod, HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from infra.local.answers import Refused, Response
from infra.local.events import Request
from infra.local.gateway import PAYLOAD_BYTES, Gateway

AccessLog = Callable[[str], object]

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ORIGIN = re.compile(r"^[a-z]+://[^/?]*", re.IGNORECASE)
_LINE_BYTES: Final = 64 * 1024
_SERVER_ERROR = 500
# Not what the parser misses of a multipart body: that is still to be read.
_MANGLED = (
    errors.FirstHeaderLineIsContinuationDefect,
    errors.InvalidHeaderDefect,
    errors.MisplacedEnvelopeHeaderDefect,
    errors.MissingHeaderBodySeparatorDefect,
)
_IDLE_SECONDS = 60
_LINGER_SECONDS = 1.0
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NEVER_SENT = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made; answers once it has a gateway and serves."""

    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False
    gateway: Gateway

    def __init__(self, port: int, access_log: AccessLog | None) -> None:
        """Bind to a loopback port; 0 picks a free one.

        Raises:
            OSError: the port is taken.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.access_log = access_log
        self._open: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Bind, without asking a name server what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        """Return the origin."""
        return f"http://127.0.0.1:{self.server_port}"

    def end(self) -> None:
        """End serving, also on connections that are open."""
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Start a connection's thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Close a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing of clients that went away; show everything else."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: Server

    def handle_one_request(self) -> None:
        """Read a request, answer it, and say whether the connection may carry another."""
        self.close_connection = True
        self.command = self.requestline = self.request_version = ""
        try:
            self.raw_requestline = self.rfile.readline(_LINE_BYTES + 1)
            if self.raw_requestline in {b"\r\n", b"\n"}:  # some clients end a body with one
                self.raw_requestline = self.rfile.readline(_LINE_BYTES + 1)
            if not self.raw_requestline:
                return
            if len(self.raw_requestline) > _LINE_BYTES:
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            elif self.parse_request():
                self._serve()
        except TimeoutError:
            self.close_connection = True

    def _serve(self) -> None:
        started = time.perf_counter()
        request = self._request(b"")
        try:
            request = self._request(self._body())
            response = self.server.gateway.handle(request)
        except Refused as refused:
            self.close_connection = True
            response = self.server.gateway.refuse(refused, request)
        self._log(response, started)
        self._send(response)
        if self.close_connection:
            self._linger()

    def _request(self, body: bytes) -> Request:
        # Not `self.path`, in which leading slashes were joined.
        _, target, *_ = self.requestline.split()
        return Request(
            method=self.command,
            target=_ORIGIN.sub("", target) or "/",
            headers=[(name, str(value).strip()) for name, value in self.headers.raw_items()],
            body=body,
            source_ip=self.client_address[0],
            protocol=self.request_version,
        )

    def _body(self) -> bytes:
        """Read the whole body, or refuse it before it is read.

        Raises:
            Refused: it is too large, or where it ends cannot be told.
        """
        fields = self.headers.raw_items()
        plain = all(_FIELD_NAME.fullmatch(n) and not _CONTROL.search(str(v)) for n, v in fields)
        mangled = any(isinstance(defect, _MANGLED) for defect in self.headers.defects)
        if mangled or self.headers.get_payload() or not plain:
            raise Refused("DEFAULT_4XX")  # a proxy in front would read other headers than we did
        lengths = set(self.headers.get_all("Content-Length", []))
        codings = [value.strip().lower() for value in self.headers.get_all("Transfer-Encoding", [])]
        if codings:
            if lengths or codings != ["chunked"]:
                raise Refused("DEFAULT_4XX")
            return self._chunks()
        if not lengths:
            return b""
        if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,19}", length := lengths.pop()):
            raise Refused("DEFAULT_4XX")
        if int(length) > PAYLOAD_BYTES:
            raise Refused("REQUEST_TOO_LARGE")
        return self._exactly(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = self.rfile.readline(1024).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
                raise Refused("DEFAULT_4XX")
            if len(body) + int(size, 16) > PAYLOAD_BYTES:
                raise Refused("REQUEST_TOO_LARGE")
            if int(size, 16) == 0:
                break
            body += self._exactly(int(size, 16))
            if self._exactly(2) != b"\r\n":
                raise Refused("DEFAULT_4XX")
        while self.rfile.readline(_LINE_BYTES).strip():
            pass  # trailers
        return bytes(body)

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError("the client left in the middle of its request")
        return data

    def handle_expect_100(self) -> bool:
        """Ask for the body, unless its announced size already decides."""
        length = self.headers.get("Content-Length", "")
        if not (length.isdecimal() and int(length) > PAYLOAD_BYTES):
            super().handle_expect_100()
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class could not read, in the gateway's words and not in HTML."""
        del message, explain
        self.close_connection = True
        request = Request(method=self.command or "", target="/")
        response = self.server.gateway.refuse(
            Refused("DEFAULT_4XX", code if code < _SERVER_ERROR else None), request
        )
        self._log(response, time.perf_counter())
        self._send(response)
        self._linger()

    def _send(self, response: Response) -> None:
        """Write the whole response at once."""
        headers = [("Date", self.date_time_string()), *response.headers]
        body = response.body
        if response.status in _NEVER_SENT:
            body = b""
        else:
            headers.append(("Content-Length", str(len(body))))
        if self.close_connection:
            headers.append(("Connection", "close"))
        phrase = _PHRASES.get(response.status, "")
        lines = [f"HTTP/1.1 {response.status} {phrase}", *map(": ".join, headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        self.wfile.write(head if self.command == "HEAD" else head + body)

    def _linger(self) -> None:
        """Take what the client is still sending, so that it gets to read the answer."""
        self.connection.settimeout(_LINGER_SECONDS)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(4 * PAYLOAD_BYTES // _LINE_BYTES):
                if not self.connection.recv(_LINE_BYTES):
                    break

    def _log(self, response: Response, started: float) -> None:
        """One line: the resource's template and never the path, which may hold a key."""
        if self.server.access_log:
            method = self.command if self.command in HTTPMethod.__members__ else "?"
            taken = (time.perf_counter() - started) * 1000
            self.server.access_log(f"{method} {response.resource} {response.status} {taken:.0f} ms")
