"""What is installed is what was pinned, that is looked up, and no warning is waved off."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.row("T16")

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "functions/requirements.txt", *sorted((ROOT / "requirements").glob("*.txt"))]
PERMISSIVE = re.compile(r"(Apache|MIT|BSD|PSF|ISC)\b")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z0-9, ._-]+\])?==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_is_pinned_to_one_version_and_to_what_its_files_hash_to(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]

    assert lines
    for line in lines:
        assert _PIN.match(line)
        rest = line.split()
        hashes = [word for word in rest if word.startswith("--hash")]
        assert hashes
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes)
    assert not re.search(
        r"^\s*(-|--)(i|e|f|index-url|extra-index-url|find-links|editable)\b", text, re.MULTILINE
    )
    assert "://" not in re.sub(r"#.*", "", text)


def test_nothing_is_installed_but_what_is_pinned() -> None:
    script = (ROOT / "requirements/install").read_text(encoding="utf-8").replace("\\\n", "")
    others, ours = re.findall("pip install (.*)", script)

    assert "--require-hashes" in others
    assert "--no-deps" in others
    assert ours.split()[-2:] == ["--editable", "."]  # this project itself
    assert "--no-deps --no-index" in ours
    assert "pip install" not in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_page_on_licences_names_what_is_deployed_and_each_is_permissive() -> None:
    page = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if "|" in line
    ]
    _, _, *listed = rows
    pinned = _PIN.findall(FILES[0].read_text(encoding="utf-8"))

    assert {(name.lower().replace("_", "-"), version) for name, version, *_ in listed} == {
        (name, version) for name, version in pinned
    }
    for name, _, licence, _ in listed:
        assert all(PERMISSIVE.search(each) for each in licence.split(";")), name
        assert "GPL" not in licence


def test_every_security_rule_is_on_and_every_exception_says_why() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"][
        "lint"
    ]
    assert lint["select"] == ["ALL"]
    assert not [rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)]
    for place, rules in lint["per-file-ignores"].items():
        if [rule for rule in rules if re.fullmatch(r"S\d*", rule)]:
            # Scripts and tests start programs, and assert. Nothing that is deployed is in there.
            assert place in {".ci/*.py", "requirements/*.py", "tests/**"}

    files = [
        path for folder in ("functions", "infra", "bench", "tests") for path in _python(folder)
    ]
    said = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"# (noqa:.*\bS\d{3}|type: ignore\s*$|noqa\s*$|nosec)", line)
    }
    assert said
    unexplained = {line for line in said if not re.search(r"noqa: [A-Z0-9, ]+ - \w+", line)}
    assert sorted(unexplained) == []


def _python(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if ".venv" not in str(path)]


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "requirements/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BIN", tmp_path)  # where the programs are that it asks
    return module


def says(audit: ModuleType, *found: dict[str, Any] | str) -> tuple[set[str], list[str]]:
    """Have pip-audit say this of a file with two packages; return what the audit makes of it."""
    program, path = audit.BIN / "pip-audit", audit.BIN / "requirements.txt"
    path.write_text("left-pad==1.0.0 \\\n    --hash=sha256:0\nRight_Pad[x]==2.0.0\n")
    answer = found[0] if isinstance(found[0], str) else json.dumps({"dependencies": found})
    program.write_text(f"#!/bin/sh\ncat <<'end'\n{answer}\nend\n")
    program.chmod(0o755)
    unknown, holes = audit.audit(path)
    return unknown, holes


LEFT = {"name": "left-pad", "version": "1.0.0", "vulns": []}
RIGHT = {"name": "right-pad", "version": "2.0.0", "vulns": []}


def test_audit_that_found_nothing_says_so(audit: ModuleType) -> None:
    assert says(audit, LEFT, RIGHT) == (set(), [])


def test_audit_names_what_nobody_could_be_asked_about(audit: ModuleType) -> None:
    skipped = {"name": "right-pad", "skip_reason": "Dependency not found on PyPI"}

    assert says(audit, LEFT, skipped) == ({"right-pad"}, [])
    assert says(audit, LEFT) == ({"right-pad"}, [])
    assert says(audit, "no JSON: the service could not be reached") == (
        {"left-pad", "right-pad"},
        [],
    )


def test_audit_names_every_known_hole(audit: ModuleType) -> None:
    holes = [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]

    assert says(audit, LEFT | {"vulns": holes}, RIGHT) == (
        set(),
        ["left-pad 1.0.0: GHSA-2", "left-pad 1.0.0: PYSEC-1"],
    )
