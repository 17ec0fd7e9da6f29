"""Start `make run` as a newcomer would, live a key's life over HTTP, and end it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

READY_SECONDS = 60  # with room for a slow machine; 5 is the aim, and what is printed below
END_SECONDS = 15


@contextmanager
def running(port: int) -> Iterator[dict[str, str]]:
    """Run `make run` in a process group of its own, give what its ready line says, and end it."""
    # A job in the background of a shell ignores SIGINT, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    make = subprocess.Popen(
        ["make", "run", f"PORT={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # Ends the wait for a line, or an end, that never comes.
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(make.pid, signal.SIGKILL))
    signal.alarm(READY_SECONDS)
    try:
        assert make.stdout
        line = next((each for each in make.stdout if each.startswith("ready ")), None)
        assert line, f"make run was not ready in {READY_SECONDS} s"
        signal.alarm(0)
        print(f"ready after {time.monotonic() - started:.1f} s")
        yield json.loads(line.removeprefix("ready "))
    finally:
        os.killpg(make.pid, signal.SIGINT)  # what Ctrl-C does
        signal.alarm(END_SECONDS)
        make.communicate()
        signal.alarm(0)
    assert make.returncode != -signal.SIGKILL, f"make run did not end in {END_SECONDS} s"


def call(url: str, method: str, key: str = "", body: object = None) -> tuple[int, dict[str, Any]]:
    """Send one request; give the status and the JSON of its answer."""
    headers = {"X-API-Key": key} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, headers, method=method)
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def life_of_a_key(origin: str, admin: str) -> None:
    """Create, renew, revoke, and be refused."""
    url = f"{origin}/api/apikey"
    wanted = {"alias": "ci", "name": "CI", "roles": ["user"]}
    created, key = call(url, "POST", admin, wanted)
    renewed, same = call(url, "POST", admin, wanted)
    stranger, _ = call(url, "POST", body=wanted)
    not_admin, _ = call(url, "POST", key["key"], wanted)
    revoked, _ = call(f"{url}/{key['id']}", "DELETE", admin)
    again, _ = call(f"{url}/{key['id']}", "DELETE", admin)
    refused, _ = call(url, "POST", key["key"], wanted)
    codes = [created, renewed, stranger, not_admin, revoked, again, refused]
    print("create, renew, without a key, without the role, revoke, revoke again, use:", *codes)
    assert codes == [201, 200, 401, 403, 200, 404, 401]
    assert same["key"] == key["key"], "a renewal kept another key"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether anybody answers on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    port = free_port()
    with running(port) as ready:
        life_of_a_key(ready["url"], ready["admin_key"])
    emulator = int(ready["aws_endpoint"].rpartition(":")[2])
    for left in (port, emulator):
        if listens(left):
            sys.exit(f"make run has ended, and somebody still listens on port {left}")
    print("ended, and nothing is left listening")
