"""The two calls of AWS by which `keyturn` reaches a stack: DescribeStacks, and Lambda's Invoke.

A request has to be signed, with whatever credentials: a page in a browser cannot without asking.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from infra.local.functions import FunctionError
from infra.local.stack import Stack

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_XMLNS = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_JSON, _XML = "application/json", "text/xml"


@contextmanager
def answering(stack: Stack) -> Iterator[str]:
    """Answer for a stack on a free loopback port; yields the URL."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.stack = stack
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stack: Stack

    def handle_error(self, *_: object) -> None:
        """A client that goes away is nobody's error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Answer a call; any but these two is about something that is not there."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        invoked = _INVOKE.fullmatch(self.path)
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self._send(403, _JSON, "{}", {"X-Amzn-ErrorType": "MissingAuthenticationToken"})
        elif invoked:
            self._invoke(unquote(invoked[1]), body)
        else:
            self._describe(parse_qs(body.decode("utf-8", "replace")).get("StackName", [""])[0])

    def _invoke(self, named: str, body: bytes) -> None:
        functions = self.server.stack.functions.values()
        function = next((each for each in functions if named in {each.name, each.arn}), None)
        if function is None:
            self._send(404, _JSON, "{}", {"X-Amzn-ErrorType": "ResourceNotFoundException"})
            return
        try:
            self._send(200, _JSON, json.dumps(function.invoke(json.loads(body))), {})
        except FunctionError as error:
            said = json.dumps({"errorType": error.kind, "errorMessage": error.message})
            self._send(200, _JSON, said, {"X-Amz-Function-Error": "Unhandled"})

    def _describe(self, name: str) -> None:
        stack = self.server.stack
        if name != stack.resources.stack_name:
            said = f"<Code>ValidationError</Code><Message>{escape(name)} does not exist</Message>"
            text = f'<ErrorResponse xmlns="{_XMLNS}"><Error>{said}</Error></ErrorResponse>'
            self._send(400, _XML, text, {})
            return
        outputs = "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{escape(value)}</OutputValue></member>"
            for key, value in {**stack.resources.template.outputs(), "Url": stack.url}.items()
        )
        said = f"<member><StackName>{name}</StackName><Outputs>{outputs}</Outputs></member>"
        said = f"<DescribeStacksResult><Stacks>{said}</Stacks></DescribeStacksResult>"
        text = f'<DescribeStacksResponse xmlns="{_XMLNS}">{said}</DescribeStacksResponse>'
        self._send(200, _XML, text, {})

    def _send(self, status: int, kind: str, text: str, headers: Mapping[str, str]) -> None:
        body = text.encode()
        self.send_response(status)
        about = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**about, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of what goes well."""
