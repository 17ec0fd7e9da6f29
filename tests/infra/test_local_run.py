"""The service as a newcomer runs it: one command, the template's own table, keys over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import boto3
import httpx
import pytest

from infra.local.stack import TEMPLATE, Stack, local_stack
from infra.local.template import Template

CALLERS = 32

# A developer's shell, with an AWS and a proxy of its own that must not be met.
SHELL = {
    "AWS_PROFILE": "nonesuch",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "REQUIRED_ROLES": "*",
}


class Run:
    """`python -m infra.local`, ready."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "--log", str(log), *arguments],
            cwd=TEMPLATE.parent,
            env=os.environ | SHELL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> dict[str, str]:
        """Read up to the line that says so; what came before is in `welcome`."""
        assert self.process.stdout is not None
        self.welcome = ""
        for line in self.process.stdout:
            if line.startswith("ready "):
                found: dict[str, str] = json.loads(line.removeprefix("ready "))
                return found
            self.welcome += line
        raise AssertionError(self.process.communicate())

    def end(self, number: int) -> tuple[int, str, str]:
        """Return the exit code and what else was said on both outputs."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path / "functions.log", "--port", "0")
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.communicate()


def listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def ends(url: str) -> bool:
    """Wait until nobody listens there any more, for at most ten seconds."""
    for _ in range(200):
        if not listens(url):
            return True
        time.sleep(0.05)
    return False


def test_one_command_gives_an_admin_key_and_ends_with_ctrl_c(run: Run) -> None:
    ready = run.ready()
    admin = {"Authorization": f"Bearer {ready['admin_key']}"}
    with httpx.Client(base_url=ready["url"], headers=admin) as client:
        body = {"alias": "billing", "name": "Billing", "roles": ["user"]}
        created = client.post("/api/apikey", json=body)
        renewed = client.post("/api/apikey/", json=body)
        revoked = client.delete(f"/api/apikey/{created.json()['id']}")
        nothing = client.delete(f"/api/apikey/{created.json()['key']}")
        stranger = httpx.post(f"{ready['url']}/api/apikey", json=body)
    code, out, err = run.end(signal.SIGINT)
    key = created.json()["key"]

    assert ready.keys() == {
        *("url", "admin_key", "aws_endpoint", "invoke_endpoint", "region", "table"),
    }
    assert run.welcome.count(ready["admin_key"]) == 1
    answers = [created, renewed, revoked, nothing, stranger]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 404, 401]
    assert renewed.json()["key"] == key
    assert stranger.headers["WWW-Authenticate"] == "Bearer"
    assert stranger.headers["X-Request-Id"] == stranger.json()["request_id"]
    assert (code, out) == (0, "")
    assert [line.rsplit(" ", 2)[0] for line in err.splitlines()] == [
        "POST /api/apikey 201",
        "POST /api/apikey 200",
        "DELETE /api/apikey/{key} 200",
        "DELETE /api/apikey/{key} 404",
        "POST /api/apikey 401",
    ]
    logged = run.log.read_text()
    assert all(json.loads(line) for line in logged.splitlines())
    assert "Created" in logged
    assert not {key, ready["admin_key"]} & set(logged.replace('"', " ").split())
    assert ends(ready["aws_endpoint"])


@pytest.mark.prove
def test_terminated_it_ends_quietly_and_at_once(run: Run) -> None:
    endpoint = run.ready()["aws_endpoint"]
    started = time.monotonic()

    assert run.end(signal.SIGTERM) == (0, "", "")
    assert time.monotonic() - started < 4
    assert ends(endpoint)


def test_interrupted_while_it_starts_it_says_nothing(run: Run) -> None:
    while not run.log.exists():
        time.sleep(0.01)

    assert run.end(signal.SIGINT) == (0, "", "")


@pytest.mark.prove
def test_killed_it_takes_the_emulator_with_it(run: Run) -> None:
    ready = run.ready()
    assert listens(ready["aws_endpoint"])
    run.end(signal.SIGKILL)

    assert ends(ready["aws_endpoint"])


def test_taken_port_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = Run(tmp_path / "log", "--port", str(port)).process
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (1, "")
    assert err == f"port {port} is taken: choose another one, for example `make run PORT=8001`\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack() as stack:
        yield stack


@pytest.mark.prove
def test_callers_at_once_get_one_key(stack: Stack) -> None:
    barrier = Barrier(CALLERS)
    headers = {"X-API-Key": stack.admin_key}

    def create(_: int) -> httpx.Response:
        barrier.wait()
        body = {"alias": "at once", "name": "name"}
        return httpx.post(f"{stack.url}/api/apikey", json=body, headers=headers, timeout=30)

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(create, range(CALLERS)))

    assert sorted(answer.status_code for answer in answers) == [200] * (CALLERS - 1) + [201]
    assert len({answer.json()["key"] for answer in answers}) == 1


def test_direct_invoke_makes_a_key(stack: Stack) -> None:
    answer = stack.invoke("CreateKeyFunction", {"alias": "direct", "name": "Direct"})

    assert (answer["status"], answer["alias"]) == (201, "direct")
    assert stack.invoke("CreateKeyFunction", {})["status"] == 400


def test_table_is_the_declared_one(stack: Stack) -> None:
    client = boto3.client("dynamodb", endpoint_url=stack.aws_endpoint, region_name=stack.region)
    table = client.describe_table(TableName=stack.table)["Table"]
    ((_, declared),) = Template(
        TEMPLATE, {"AWS::Region": stack.region}, lambda *name: ".".join(name)
    ).resources("AWS::DynamoDB::GlobalTable")

    def names(item: Any) -> Any:  # noqa: ANN401 - a list of attributes
        return sorted(item, key=lambda attribute: attribute["AttributeName"])

    assert names(table["KeySchema"]) == names(declared["KeySchema"])
    assert names(table["AttributeDefinitions"]) == names(declared["AttributeDefinitions"])
    assert {
        index["IndexName"]: index["Projection"] for index in table["GlobalSecondaryIndexes"]
    } == {index["IndexName"]: index["Projection"] for index in declared["GlobalSecondaryIndexes"]}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    expiry = client.describe_time_to_live(TableName=stack.table)["TimeToLiveDescription"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("delete_at", "ENABLED")


def test_process_keeps_its_own_environment(stack: Stack) -> None:
    assert stack.admin_key
    assert os.environ.get("AWS_ENDPOINT_URL") != stack.aws_endpoint
    assert os.environ.get("TABLE_NAME") != stack.table
