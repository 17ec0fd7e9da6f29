import json
import os
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import botocore.session
import pytest

from keyturn import sigv4
from keyturn.errors import Unavailable

REGION = {"AWS_REGION": "eu-central-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hidden/secret+part"}


def test_credentials_show_nothing() -> None:
    credentials = sigv4.Credentials("AKIDEXAMPLE", "hidden", "token")

    assert repr(credentials) == str(credentials) == "<Credentials>"


@pytest.mark.parametrize(
    ("variables", "token"),
    [
        ({}, ""),
        ({"AWS_SESSION_TOKEN": "new"}, "new"),
        ({"AWS_SECURITY_TOKEN": "old"}, "old"),
        ({"AWS_SESSION_TOKEN": "new", "AWS_SECURITY_TOKEN": "old"}, "old"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value) or "no token",
)
def test_environment_gives_the_credentials_it_gives_botocore(
    variables: dict[str, str], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**KEYS, **variables}.items():
        monkeypatch.setenv(name, value)
    theirs = botocore.session.Session().get_credentials()
    assert theirs is not None

    ours = sigv4.source({**KEYS, **variables}).get()

    assert (ours.access_key, ours.secret_key) == (theirs.access_key, theirs.secret_key)
    assert ours.token == (theirs.token or "") == token


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"]
)
@pytest.mark.parametrize(
    "value", ["hidden part", "hidden\r\nX-Injected: 1", "hidden\x00", "hiddén"]
)
def test_credentials_that_no_header_carries_are_refused_unshown(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="AWS credentials") as refused:
        sigv4.source({**KEYS, name: value})

    assert "hidd" not in str(refused.value)


def test_half_a_pair_of_credentials_is_refused() -> None:
    with pytest.raises(ValueError, match="AWS_SECRET_ACCESS_KEY"):
        sigv4.source({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"})


def test_renewal_reads_the_environment_again_and_tells_whether_it_changed() -> None:
    environ = dict(KEYS)
    source = sigv4.source(environ)
    assert not source.renew()

    environ["AWS_SECRET_ACCESS_KEY"] = "newer"

    assert source.get().secret_key == KEYS["AWS_SECRET_ACCESS_KEY"]
    assert source.renew()
    assert source.get().secret_key == "newer"


class Container:
    """The endpoint from which a container, or a restored snapshot, has its credentials."""

    def __init__(self) -> None:
        self.asked = 0
        self.expires = datetime.now(UTC) + timedelta(hours=6)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    container = Container()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            container.asked += 1
            body = json.dumps(
                {
                    "AccessKeyId": f"AKID{container.asked}",
                    "SecretAccessKey": "hidden",
                    "Token": self.headers["Authorization"],
                    "Expiration": container.expires.isoformat(),
                }
            ).encode()
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/"
    )
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token")
    yield container
    server.shutdown()
    thread.join()
    server.server_close()


def test_container_credentials_are_asked_for_at_the_first_read_and_kept(
    container: Container,
) -> None:
    source = sigv4.source(os.environ)
    assert container.asked == 0

    first, second = source.get(), source.get()

    assert container.asked == 1
    assert first.access_key == second.access_key == "AKID1"
    assert first.token == "container-token"


def test_container_credentials_are_renewed_ahead_of_their_expiry(container: Container) -> None:
    source = sigv4.source(os.environ)
    container.expires = datetime.now(UTC) + timedelta(minutes=5)
    nearly_old = source.get()
    container.expires = datetime.now(UTC) + timedelta(hours=6)

    renewed = source.get()

    assert renewed.access_key != nearly_old.access_key
    assert renewed.access_key == source.get().access_key


@pytest.mark.usefixtures("container")
def test_container_credentials_called_expired_are_asked_for_again() -> None:
    source = sigv4.source(os.environ)
    source.get()

    assert source.renew()
    assert source.get().access_key == "AKID2"


def test_failing_provider_is_unavailable_and_quotes_nothing(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A host that no container has: the provider refuses it at once, and names it.
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://hidden.example/")

    with pytest.raises(Unavailable) as refused:
        sigv4.source(os.environ).get()

    assert refused.value.detail == "credentials: ValueError"
    assert refused.value.__suppress_context__
    assert container.asked == 0


def test_no_credentials_anywhere_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(Unavailable) as refused:
        sigv4.source(os.environ).get()

    assert refused.value.detail == "credentials: none found"


def test_credentials_in_the_environment_cost_no_import_of_the_sdk() -> None:
    program = (
        "import sys, keyturn.lean\n"
        f"keyturn.lean.LeanReader('keys', ('id',), environ={ {**REGION, **KEYS}!r})\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(sigv4.__file__).parents[1])},
        capture_output=True,
        check=True,
        text=True,
    )

    assert not {"boto3", "botocore", "urllib3", "logging"} & set(literal_eval(run.stdout))
