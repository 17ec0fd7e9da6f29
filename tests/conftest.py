"""The environment of every test, set before anything of ours is imported.

AWS is moto's server in a thread of this process: our clients speak to it over a real socket, which
`aws` watches, and cuts where a test says so. Nothing of our own is replaced.
"""

import atexit
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from infra.local.resources import Resources
from tests.dynamodb_local import dynamodb_local
from tests.support import Clock, Output, StandardOutput
from tests.support_aws import Aws, Table, empty, onlooker, serve
from tests.support_metered import Metered

TEMPLATE = Path(__file__).parent.parent / "template.yaml"

__all__ = ["dynamodb_local"]

_socket = socket.create_server(("127.0.0.1", 0), backlog=128)
atexit.register(_socket.close)
_URL = f"http://127.0.0.1:{_socket.getsockname()[1]}"
for _name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
    del os.environ[_name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": _URL,
    "TABLE_NAME": "keyturn-Table",
    "KMS_KEY_ID": "arn:aws:kms:us-east-1:123456789012:alias/keyturn",
    "KEY_PREFIX": "kt",
    "ID_SALT": "",
    "ALLOWED_ROLES": "admin,creator,user",
    "REQUIRED_ROLES": "admin",
    "DEFAULT_TTL_DAYS": "15",
    "MAX_TTL_DAYS": "365",
    "DEFAULT_GRACE_SECONDS": "86400",
    "IMPORTED_KEYS": "false",
    "COMPROMISED_ACTION": "revoke",
    "EVENT_BUS": "default",
    "AUDIT_DAYS": "400",
    "USAGE_DAYS": "90",
    "POWERTOOLS_SERVICE_NAME": "keyturn",
    "POWERTOOLS_METRICS_NAMESPACE": "Keyturn",
    "POWERTOOLS_TRACER_CAPTURE_RESPONSE": "false",
    "POWERTOOLS_TRACER_CAPTURE_ERROR": "false",
}

FIGURE = "figure: "

# The machine may be busy; and AWS is one for all examples of a test, which is how it is meant.
settings.register_profile(
    "keyturn", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("keyturn")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of this run measured and counted."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith(FIGURE):
                terminalreporter.write_line(f"{name.removeprefix(FIGURE)}: {value}")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Say a figure of docs/reliability.md, by its name there."""
    return lambda name, value: record_property(f"{FIGURE}{name}", value)


@pytest.fixture(scope="session")
def _aws() -> Iterator[Aws]:
    with serve(_socket) as aws:
        Resources(TEMPLATE, "keyturn", {}).make(_URL, _URL)
        yield aws


@pytest.fixture
def aws(_aws: Aws) -> Iterator[Aws]:
    """AWS, with an empty table and no calls yet."""
    empty()  # whatever wrote to it without this fixture
    _aws.forget()
    yield _aws
    _aws.heal()
    empty()


@pytest.fixture
def metered(aws: Aws, dynamodb_local: str) -> Iterator[Metered]:
    """DynamoDB Local, with an empty table, behind `aws`."""
    Resources(TEMPLATE, "keyturn", {}).make_tables(dynamodb_local)
    aws.dynamodb = metered = Metered(dynamodb_local)
    yield metered
    onlooker("dynamodb").delete_table(TableName="keyturn-Table")
    aws.dynamodb = None


@pytest.fixture
def table(aws: Aws) -> Table:  # noqa: ARG001 - it is in there
    """The table; looking into it is no call."""
    return Table()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Hold the wall clock still; set `clock.now` to move it. Durations go on being measured."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    """Collect what a function prints and logs."""
    from keyturn.log import log  # noqa: PLC0415 - not for tests without it

    handler = log.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = StandardOutput()
    return Output(capsys)
