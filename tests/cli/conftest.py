"""`keyturn` as people run it, and the service as `make run` serves it, in a process of its own."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import pytest

from keyturn import keytext
from keyturn_cli.app import main
from tests.infra.test_local_run import Run

ITEM: dict[str, Any] = {
    "id": "03Oz2OpdnmGrg8ARP",
    "alias": "team/payments-reporting-nightly",
    "name": "Nightly",
    "roles": ["user"],
    "expire": "2030-01-01T00:00:00Z",
    "ttl_days": 15,
    "generation": 1,
    "metadata": {},
    "status": "active",
    "revoke_reason": None,
}
"""A key as a server shows it."""

COMMAND = Path(sys.executable).with_name("keyturn")


@dataclass(frozen=True)
class Done:
    """How a run ended; hides what a key is."""

    code: int
    out: str = field(repr=False)
    err: str

    @property
    def key(self) -> str:
        """Return standard output, which is a key and nothing else."""
        found = self.out.removesuffix("\n")
        assert keytext.parse(found) is not None, "standard output is no key"
        return found


@dataclass
class Keyturn:
    """Runs the command, with an environment of its own; asserts that no key is among its errors."""

    environment: dict[str, str]
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """Run it in this process."""
        self.captured.readouterr()
        code = self.run(arguments, environment, stdin=io.TextIOWrapper(io.BytesIO(stdin.encode())))
        return without_a_key(Done(code, *self.captured.readouterr()))

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], **streams: TextIO
    ) -> int:
        """Run it in this process, with these standard streams; returns the exit code."""
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            patch.setattr(sys, "argv", ["keyturn", *arguments])
            patch.setattr(sys, "excepthook", sys.excepthook)  # typer sets one of its own
            with pytest.raises(SystemExit) as end:
                main()
        return end.value.code if isinstance(end.value.code, int) else 0

    def process(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """Run the installed command."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        return without_a_key(Done(done.returncode, done.stdout, done.stderr))

    def create(self, alias: str, *arguments: str) -> str:
        """Make a key, and return it."""
        done = self("create", alias, *arguments)
        assert done.code == 0, done.err
        return done.key


def without_a_key(done: Done) -> Done:
    """Assert that nothing that looks like a key is among the errors."""
    assert not re.search(keytext.LEAKED, done.err)
    return done


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `make run` says when it is ready, and as `welcome` what it said before."""
    run = Run(tmp_path_factory.mktemp("run") / "functions.log", "--port", "0")
    try:
        found = run.ready()
        yield found | {"welcome": run.welcome}
    finally:
        run.process.kill()
        run.process.communicate()


@pytest.fixture
def alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keyturn:
    """The command with a home of its own, and no server."""
    nothing = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return Keyturn({"PATH": os.environ["PATH"], **home, **nothing}, capsys)


@pytest.fixture
def keyturn(alone: Keyturn, ready: dict[str, str]) -> Keyturn:
    """The command, with the environment that `make run` asks for."""
    alone.environment |= {"KEYTURN_URL": ready["url"], "KEYTURN_API_KEY": ready["admin_key"]}
    return alone


@pytest.fixture
def command(alone: Keyturn) -> Keyturn:
    """The command, with AWS credentials and a Region, and no AWS."""
    alone.environment |= {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return alone


@pytest.fixture
def alias() -> str:
    """An alias that nobody had before."""
    return f"alias-{os.urandom(8).hex()}"
