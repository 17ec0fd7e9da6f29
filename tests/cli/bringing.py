"""`keyturn import` into the real function on moto, and the files that it brings."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import import_keys
from keyturn import keytext, service
from keyturn.keys import ApiKey, Outcome
from tests.cli.account import Account, served
from tests.cli.between import Step
from tests.cli.conftest import Done, Keyturn
from tests.support import Output
from tests.support_aws import Aws
from tests.support_desk import STORE

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:keyturn-ImportKeysFunction-X"
OUTPUTS = {"CreateKeyFunctionArn": "arn:x", "ImportKeysFunctionArn": ARN}
HEADER = ("key", "alias", "name", "roles", "is_active", "expire")
EXPIRE = "2099-02-01T00:00:00"


def key_of(alias: str) -> str:
    """The string that the other service gave out for an alias."""
    return sha256(alias.encode()).hexdigest()


def row(alias: str, /, **fields: object) -> dict[str, Any]:
    """What the other service knows of a key, in the order of `HEADER`."""
    known = (key_of(alias), alias, alias.title(), '["user"]', "1", EXPIRE)
    return dict(zip(HEADER, known, strict=True)) | fields


def as_csv(*rows: dict[str, Any]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_jsonl(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(each)}\n" for each in rows)


def judged(text: str) -> tuple[str, str | None]:
    """What verification says of a string, and whose it is."""
    verdict = service.verify(text, None, STORE.get, int(time.time()), import_keys.intake.find)
    return verdict.outcome, verdict.credential.alias if verdict.credential else None


def works(alias: str) -> bool:
    return judged(key_of(alias)) == (Outcome.VALID, alias)


def stored(alias: str) -> ApiKey:
    key = STORE.get(keytext.id_of("", alias))
    assert key is not None
    return key


@dataclass
class Bringing:
    """The command, the account that it is to bring keys into, and a folder for files."""

    command: Keyturn
    account: Account
    folder: Path

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def __call__(self, source: str, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """Run it; asserts that none of the strings is told."""
        asked = ("import", source, *arguments, "--yes")
        done = without_strings(self.command(*asked, stdin=stdin, **environment))
        said = [line for line in done.out.splitlines(keepends=True) if not line.startswith("{")]
        return Done(done.code, "".join(said), done.err)  # the others are the function's log

    @contextmanager
    def answered_by(self, *steps: Step) -> Iterator[None]:
        """Let this answer in the function's place."""
        before = dict(self.command.environment)
        with served(self.command, self.account, None, *steps):
            yield
        self.command.environment |= before


def without_strings(done: Done) -> Done:
    """Assert that no string that was to be brought is told, nor much of one."""
    assert not re.search("[0-9a-f]{16}", done.out + done.err)
    assert "Traceback" not in done.err
    return done


@pytest.fixture
def bring(command: Keyturn, aws: Aws, output: Output, tmp_path: Path) -> Iterator[Bringing]:  # noqa: ARG001
    """Bring into an account with the real function."""
    # Run in this process, the command has an environment of its own, and the function needs this.
    command.environment |= {
        name: value for name, value in os.environ.items() if name.startswith("POWERTOOLS_")
    }
    account = Account(OUTPUTS, ARN, import_keys.handler)
    with served(command, account):
        yield Bringing(command, account, tmp_path)
