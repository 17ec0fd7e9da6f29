"""With tracing on, X-Ray is told what was called and never what was answered, sent or raised."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn import keytext
from tests.support_canary import leaks

ROOT = Path(__file__).parent.parent
DRIVE = """
import sys
import create_key, revoke_key, self_key, verify_key
from tests.support import Context, answer, delete, post, request

body = {"alias": "canary", "name": "Canary"}
key = answer(create_key.handler, post(body)).body["key"]
answer(create_key.handler, post(body))
create_key.handler(body | {"alias": [key]}, Context())
answer(verify_key.handler, post({"key": key}) | {"resource": "/api/apikey/verify"})
answer(self_key.handler, request("GET", "/api/apikey/self", caller={"id": key.split("_")[1]}))
answer(revoke_key.handler, delete(key[:-1]))
answer(revoke_key.handler, delete(key))
for handler in (create_key.handler, revoke_key.handler):
    try:
        handler({"requestContext": key}, Context())
    except Exception:
        continue
sys.stderr.write(key)
"""
LEAK = """
@create_key.tracer.capture_method(capture_response=True)
def leak():
    return key

leak()
"""


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    """What the X-Ray daemon listens on in Lambda."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        yield listening


def told(daemon: socket.socket) -> list[bytes]:
    daemon.settimeout(0)
    segments = []
    while True:
        try:
            segments.append(daemon.recv(1 << 16))
        except BlockingIOError:
            return segments


@pytest.mark.row("T2")
@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("also", "found"), [("", set()), (LEAK, {"traces"})], ids=["", "planted"])
def test_no_key_stands_in_a_trace(also: str, found: set[str], daemon: socket.socket) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVE + also],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;"
            "Parent=53995c3f42cd8ad8;Sampled=1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    key = done.stderr
    segments = told(daemon)

    assert keytext.parse(key) is not None
    names = {json.loads(segment.partition(b"\n")[2])["name"] for segment in segments}
    assert names >= {"## handler", "dynamodb", "kms"}
    assert leaks({key}, {"traces": b"".join(segments)}) == found
