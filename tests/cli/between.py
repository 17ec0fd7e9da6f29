"""A server on the loopback that answers as it is told to, and not as Keyturn does."""

import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Reply:
    """An answer; `body` of `None`, and the connection breaks instead."""

    status: int = 200
    body: bytes | None = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Step = Reply | Callable[[Request], Reply]


@dataclass
class Between:
    """A server: its URL, what it does in turn (the last step ever after), and what it was asked."""

    url: str
    steps: deque[Step] = field(default_factory=deque)
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        step = self.steps.popleft() if len(self.steps) > 1 else self.steps[0]
        return step if isinstance(step, Reply) else step(request)


def passed_to(url: str) -> Callable[[Request], Reply]:
    """Return a step that passes a request on and its answer back."""

    def step(request: Request) -> Reply:
        kept = {"authorization", "content-type"}
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        answer = httpx.request(
            request.method, url + request.path, headers=headers, content=request.body
        )
        return Reply(answer.status_code, answer.content, {"Content-Type": "application/json"})

    return step


def lost_from(url: str) -> Callable[[Request], Reply]:
    """Return a step that passes a request on and loses its answer."""

    def step(request: Request) -> Reply:
        passed_to(url)(request)
        return Reply(body=None)

    return step


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers), body)
        reply = self.server.between.answer(request)
        self.close_connection = True
        if reply.body is None:
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | {**reply.headers}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the names that the library asks for

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    between: Between

    def handle_error(self, *_: object) -> None:
        """A client that goes away is nobody's error."""


@contextmanager
def between(*steps: Step, certificate: Path | None = None) -> Iterator[Between]:
    """Run a server that does these steps; over TLS with `certificate`, if one is given."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        server.between = Between(f"{scheme}://127.0.0.1:{server.server_port}", deque(steps))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.between
        finally:
            server.shutdown()
