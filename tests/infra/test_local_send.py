"""`make event`: a file becomes an event on the bus of the stack that runs, or it says why not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local import send
from tests.infra.conftest import NO_AWS
from tests.infra.declared import ROOT
from tests.infra.test_local_run import Run

EVENTS = ROOT / "events"


def sent(event: Path, place: Path) -> tuple[int, str, str]:
    """Return the exit code and what was said on both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.send", event, "--place", place],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path / "functions.log", "--port", "0")
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.communicate()


@pytest.mark.prove
def test_an_event_that_is_sent_rotates_a_key_of_the_stack_that_runs(
    run: Run, tmp_path: Path
) -> None:
    ready, place = run.ready(), tmp_path / "local.json"
    assert ready["admin_key"] not in place.read_text()
    headers = {"X-API-Key": ready["admin_key"]}
    with httpx.Client(base_url=f"{ready['url']}/api/apikey", headers=headers) as client:
        made = client.post("", json={"alias": "billing", "name": "Billing"}).json()
        code, out, err = sent(EVENTS / "rotation_requested.json", place)
        happened: list[str] = []
        while "Key Rotated" not in happened:
            time.sleep(0.05)
            items = client.get(f"/{made['id']}/events").json()["items"]
            happened = [item["type"] for item in items]
        item = client.get(f"/{made['id']}").json()
    ended, *_ = run.end(signal.SIGINT)

    assert (code, err) == (0, "")
    id = out.split()[2].rstrip(";")
    assert (item["generation"], item["updated_by"]) == (2, f"event:{id}")
    assert happened == ["Key Rotated", "Key Created"]
    assert made["key"] not in run.log.read_text()
    assert ended == 0
    assert not place.exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("scheduled_sweep", "nobody but AWS can send events of aws.events"),
        ("secret_create", "not an event of EventBridge"),
        ("stream_created", "not an event of EventBridge"),
        ("create", "not an event of EventBridge"),
    ],
)
def test_what_no_bus_takes_is_not_sent(name: str, why: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    with pytest.raises(send.NotSentError, match=why):
        send.send(event, {"aws_endpoint": NO_AWS, "event_bus": "any"})


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    event, place = EVENTS / "key_compromised.json", tmp_path / "local.json"
    assert sent(event, place) == (
        1,
        "",
        f"{event}: no stack runs here: `make run` in another terminal first\n",
    )
    place.write_text(json.dumps({"aws_endpoint": NO_AWS, "event_bus": "any"}))
    assert sent(event, place) == (
        1,
        "",
        f"{event}: nobody answers there: `make run` in another terminal first\n",
    )


@pytest.mark.parametrize("text", ["{", "", "[]"])
def test_a_file_that_is_no_event_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(text)
    code, out, err = sent(tmp_path / "event.json", tmp_path / "local.json")
    assert (code, out) == (1, "")
    assert err.count(str(tmp_path / "event.json")) == 1
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("given", [[], ["EVENT=events/key_compromised.json"]])
def test_make_event_sends_the_file_that_it_is_told(given: list[str]) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "event", *given], cwd=ROOT, capture_output=True, text=True, check=True
    )
    event = done.stdout.split("-m infra.local.send ")[1].split()[0]
    assert event == (given or ["EVENT=events/rotation_requested.json"])[0].removeprefix("EVENT=")
    assert (ROOT / event).is_file()


def test_the_environment_says_where_before_the_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "local.json"
    place.write_text(json.dumps({"aws_endpoint": "from the file", "event_bus": "its"}))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert send.find(place) == {"aws_endpoint": "from the file", "event_bus": "its"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", NO_AWS)
    monkeypatch.setenv("EVENT_BUS", "mine")
    assert send.find(place) == {"aws_endpoint": NO_AWS, "event_bus": "mine"}
    monkeypatch.delenv("EVENT_BUS")
    assert send.find(place)["event_bus"] == "keyturn-local"
