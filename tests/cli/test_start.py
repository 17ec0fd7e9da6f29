"""The installed command: what it loads, what it says of itself, and what it leaves alone."""

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from keyturn import keytext
from keyturn_cli import errors
from keyturn_cli.app import app
from tests.cli.conftest import COMMAND, Keyturn
from tests.infra.declared import ROOT

VERBS = {
    *("create", "renew", "list", "show", "rotate", "revoke", "verify", "usage", "events"),
    *("whoami", "export", "import", "bootstrap", "login", "logout"),
}
HEAVY = {"boto3", "botocore", "httpx", "rich", "keyring", "sqlalchemy"}  # pydantic is typer's own


def loaded_by(*arguments: str, **environment: str) -> tuple[set[str], str]:
    """Return the roots of what a fresh process has loaded in the end, and what it wrote."""
    code = (
        "import atexit, json, sys; from keyturn_cli.app import main; sys.argv[0] = 'keyturn';"
        "atexit.register(lambda: print(json.dumps([*sys.modules]), file=sys.__stderr__)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "cli")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    return loaded, done.stdout


@pytest.mark.parametrize(
    ("arguments", "written"),
    [(("--help",), "Usage: keyturn"), (("import", "-h"), "Usage: keyturn import")],
)
def test_help_waits_for_nothing_heavy(arguments: tuple[str, ...], written: str) -> None:
    loaded, out = loaded_by(*arguments)
    assert out.startswith(written)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_calling_the_service_loads_neither_the_sdk_of_aws_nor_a_keyring() -> None:
    key = keytext.mint("kt", "A" * 17).reveal()
    loaded, _ = loaded_by("list", KEYTURN_URL="http://127.0.0.1:9", KEYTURN_API_KEY=key)
    assert "httpx" in loaded
    assert not loaded & {"boto3", "botocore", "keyring"}


@pytest.mark.parametrize(
    ("words", "found"),
    [("re", ["renew", "revoke"]), ("list --status ", ["active", "expired", "revoked"])],
)
def test_completion_loads_nothing_heavy(words: str, found: list[str]) -> None:
    asked = {"COMP_WORDS": f"keyturn {words}", "COMP_CWORD": str(words.count(" ") + 1)}
    loaded, out = loaded_by(_KEYTURN_COMPLETE="complete_bash", **asked)
    assert out.split() == found
    assert not loaded & HEAVY


def test_help_names_every_verb_and_exit_code(alone: Keyturn) -> None:
    done = alone("--help")
    assert done.code == 0
    assert {line.split()[0] for line in done.out.splitlines() if line.strip()} >= VERBS
    assert {command.name for command in app.registered_commands} == VERBS
    told = dict(re.findall(r"^ +(\d)  (.+)$", done.out, re.MULTILINE))
    ends = {each.exit_code for each in errors.Failed.__subclasses__()} | {0}
    assert {*map(int, told)} == ends
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| (\d) \| (.+) \|$", page, re.MULTILINE)) == told
    assert {verb for verb in VERBS if f"`keyturn {verb}" in page} == VERBS


def test_without_a_verb_it_shows_its_help_and_fails(alone: Keyturn) -> None:
    done = alone()
    assert done.code == 2
    assert "Usage: keyturn" in done.out + done.err
    assert alone("nonsense").code == 2


def test_make_run_says_how_to_begin(alone: Keyturn, ready: dict[str, str]) -> None:
    lines = ready["welcome"].splitlines()
    begin = [
        line.strip()
        for line in lines
        if line.startswith(("  export ", f"  {COMMAND.parent.parent.name}"))
    ]
    done = subprocess.run(
        ["sh", "-euc", "\n".join(begin)],
        cwd=ROOT,
        env=alone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert len(begin) == 3
    assert COMMAND.samefile(ROOT / begin[-1].split()[0])
    key, *listed = done.stdout.splitlines()
    assert keytext.parse(key) is not None
    header, *aliases = [line.split()[0] for line in listed]
    assert header == "ALIAS"
    assert aliases  # a page of those that other tests made too


def test_the_version_is_the_project_s(alone: Keyturn) -> None:
    assert alone("--version").out == f"keyturn {project()['project']['version']}\n"
    assert metadata.version("keyturn") == project()["project"]["version"]


def test_the_session_that_is_shown_holds_no_key_and_fetches_nothing() -> None:
    image = (ROOT / "docs" / "images" / "cli.svg").read_text(encoding="utf-8")
    assert "create&#160;billing" in image
    assert not re.search(keytext.LEAKED, image)
    assert not re.search(r"url\(\"|@import|@font-face|<script|xlink", image)


def test_who_stops_reading_is_not_told_in_tracebacks(keyturn: Keyturn) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    said = io.StringIO()
    with os.fdopen(writes, "w", encoding="utf-8") as pipe:
        assert keyturn.run(("list", "-o", "json"), {}, stdout=pipe, stderr=said) == 1
    assert said.getvalue() == ""


def test_what_cannot_be_written_is_told(keyturn: Keyturn, alias: str) -> None:
    said = io.StringIO()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert keyturn.run(("create", alias), {}, stdout=full, stderr=said) == 1
    assert said.getvalue().endswith("\nkeyturn: cannot read or write: No space left on device\n")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def names(lines: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9_-]", line.lower())[0] for line in lines}


def test_make_run_installs_all_that_the_command_needs() -> None:
    pinned = (ROOT / "requirements" / "local.txt").read_text(encoding="utf-8").splitlines()
    needed = names(project()["project"]["dependencies"])
    assert needed == {"boto3", "httpx", "keyring", "pydantic", "rich", "typer"}
    assert needed <= names(pinned)


def test_what_is_deployed_is_without_the_command() -> None:
    deployed = names((ROOT / "functions" / "requirements.txt").read_text().splitlines())
    assert not deployed & {"typer", "rich", "httpx", "keyring", "keyturn"}
    assert not list((ROOT / "functions").rglob("keyturn_cli"))
    assert project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "cli/keyturn_cli"
    ]
    assert "Private :: Do Not Upload" in project()["project"]["classifiers"]
