"""Whatever is down outside AWS is nothing to us: a whole round of every function asks nobody there.

In a process of its own, in which Python says of every connection, look-up and program where it
leads, and those that do not lead to AWS fail.
"""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.infra.declared import ROOT, written
from tests.support_aws import Aws

pytestmark = pytest.mark.row("F18")

ROUND = [
    *("create_first_admin", "create", "renew", "verify", "self_read", "rotate", "stream_created"),
    *("stream_rotated", "read_list", "read_one", "read_events", "read_usage", "decisions"),
    *("authorize_allow", "authorize_deny", "authorize_token", "authorize_http_api"),
    *("authorize_websocket", "authorize_appsync", "rotation_requested", "revoke_by_id"),
    *("scheduled_sweep", "secret_create", "secret_set", "secret_test", "secret_finish"),
    *("key_compromised", "revoke_by_key", "self_revoke", "console"),
]
IMPORTED = {"rows": [{"alias": "old", "name": "Old", "roles": [], "key": "5b1e" * 16}]}

GUARDED = """
import importlib, json, socket, sys

aws, asked, elsewhere = {aws!r}, [], []

def guard(event, arguments):
    if event == "socket.connect":
        place = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        place = tuple(arguments[-1] if event == "socket.sendto" else arguments[:2])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        place = (event,)
    else:
        return
    place = [*place] if isinstance(place, tuple) else [str(place)]
    asked.append(place)
    if place[:2] != aws:
        elsewhere.append(place)
        raise OSError("nothing answers outside AWS")

sys.addaudithook(guard)
sys.path.insert(0, "functions")

class Context:
    function_name = function_version = memory_limit_in_mb = "x"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:x"
    aws_request_id = "x"
    get_remaining_time_in_millis = staticmethod(lambda: 300_000)

outcomes = {{}}
for name, module, event in json.load(sys.stdin):
    try:
        answer = importlib.import_module(module).handler(event, Context())
    except Exception as error:
        answer = {{"raised": type(error).__name__}}
    outcomes[name] = answer.get("statusCode") or answer.get("status") or [*answer] if answer else 0
{after}
print(json.dumps([outcomes, asked, elsewhere]), file=sys.stderr)
"""


def went(events: list[tuple[str, str, Any]], after: str = "") -> tuple[dict[str, Any], Any, Any]:
    """Return what each event came to, and whom the process asked: anybody, and who is not AWS."""
    url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    # Where no environment variable forbids it, the SDK may look for the instance's own metadata.
    forbids = {"AWS_EC2_METADATA_DISABLED"}
    done = subprocess.run(
        [sys.executable, "-c", GUARDED.format(aws=[url.hostname, url.port], after=after)],
        input=json.dumps(events),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in forbids}
        | {"IMPORTED_KEYS": "true"},
        text=True,
    )
    outcomes, asked, elsewhere = json.loads(done.stderr.splitlines()[-1])
    return outcomes, asked, elsewhere


def modules() -> dict[str, str]:
    """Return the module of each event, as events/README.md and the template say."""
    handlers = {
        name: resource["Properties"]["Handler"].partition(".")[0]
        for name, resource in written()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    found = {}
    for line in (ROOT / "events/README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            files, function = line.split("|")[1:3]
            for file in files.split(","):
                found[file.strip(" `").removesuffix(".json")] = handlers[function.strip(" `")]
    return found


def test_every_function_is_served_with_nothing_there_but_aws(aws: Aws) -> None:
    module = modules()
    events: list[tuple[str, str, Any]] = [
        (name, module[name], json.loads((ROOT / f"events/{name}.json").read_text()))
        for name in [*ROUND, *sorted({*module} - {*ROUND})]
    ]
    events.append(("import", "import_keys", IMPORTED))

    outcomes, asked, elsewhere = went(events)

    assert elsewhere == []
    assert {module for _, module, _ in events} == {
        path.stem for path in (ROOT / "functions").glob("*.py")
    }
    assert {"PutItem", "UpdateItem", "Encrypt", "Decrypt", "Query", "PutEvents"} <= {*aws.calls}
    assert len(asked) >= len({*aws.calls})
    assert (outcomes["create_first_admin"], outcomes["create"], outcomes["renew"]) == (
        201,
        201,
        200,
    )
    assert {outcomes[name] for name in ("verify", "rotate", "read_one", "revoke_by_id")} == {200}


@pytest.mark.parametrize(
    "after",
    [
        "import urllib.request; urllib.request.urlopen('http://example.com', timeout=1)",
        "socket.create_connection(('127.0.0.1', 9), timeout=1)",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 2000))",
        "import subprocess; subprocess.run(['true'])",
    ],
    ids=["name", "address", "datagram", "program"],
)
def test_whoever_else_is_asked_is_seen(after: str) -> None:
    guarded = f"try:\n    {after}\nexcept OSError:\n    pass"

    assert len(went([], guarded)[2]) == 1
