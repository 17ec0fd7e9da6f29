"""A DynamoDB and a KMS that answer what they are told to: the wire protocol, nothing behind it.

Runs in a process of its own, so that only the client's CPU is counted. Run by its path:
`python bench/endpoint.py ANSWERS`, `ANSWERS` a JSON file, "operation table" or "operation" -> body.
Prints its port. `GET /count` answers how many requests were served since the start.
"""

import json
import re
import select
import socket
import sys
from pathlib import Path
from zlib import crc32

_END = b"\r\n\r\n"
_TARGET = re.compile(rb"(?i)x-amz-target: *\w+\.(\w+)")
_TABLE = re.compile(rb'"TableName": ?"([^"]+)"')


def answer(body: bytes, content_type: str = "application/x-amz-json-1.0") -> bytes:
    """Return the whole HTTP response with this body, with the headers DynamoDB sends."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
        "x-amzn-RequestId: 7B3Q5GK9S0C4QJ2M5T8VJ1E0ONVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


class Endpoint:
    """Serves kept-alive connections, one thread, edge by edge."""

    def __init__(self, answers: dict[str, object]) -> None:
        """Make each answer beforehand."""
        self._answers = {
            asked: answer(json.dumps(body, separators=(",", ":")).encode())
            for asked, body in answers.items()
        }
        self._connections: dict[int, tuple[socket.socket, bytes]] = {}
        self._count = 0

    def serve(self, listener: socket.socket) -> None:
        """Serve until the process is ended."""
        poll = select.epoll()
        poll.register(listener.fileno(), select.EPOLLIN)
        while True:
            for number, _ in poll.poll():
                if number == listener.fileno():
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._connections[connection.fileno()] = connection, b""
                    poll.register(connection.fileno(), select.EPOLLIN)
                elif not self._readable(number):
                    poll.unregister(number)
                    self._connections.pop(number)[0].close()

    def _readable(self, number: int) -> bool:
        connection, received = self._connections[number]
        try:
            chunk = connection.recv(65536)
        except ConnectionError:
            return False
        received += chunk
        head, end, body = received.partition(_END)
        if end and len(body) >= _length(head):
            self._connections[number] = connection, b""
            connection.sendall(self._answer(head, body))
        else:
            self._connections[number] = connection, received
        return bool(chunk)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            return answer(str(self._count).encode(), "text/plain")
        self._count += 1
        named = [pattern.search(part) for pattern, part in ((_TARGET, head), (_TABLE, body))]
        return self._answers[b" ".join(found[1] for found in named if found).decode()]


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        print(listening.getsockname()[1], flush=True)
        Endpoint(json.loads(Path(sys.argv[1]).read_text())).serve(listening)
