"""A rehearsal says what is missing, and never runs on an old build."""

import os
import time
from pathlib import Path

import pytest

from infra.rehearsal import made


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of a project of its own, with all that it takes."""
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/code.py").touch()
    (tmp_path / "template.yaml").touch()
    names = {
        "TEMPLATE": ".aws-sam/rehearsal/template.yaml",
        "SAM": ".venv-sam/bin/sam",
        "MINISTACK": ".venv-ministack/bin/ministack",
        "PYTHON": ".venv-runtime/bin/python",
    }
    monkeypatch.setattr(made, "_ROOT", tmp_path)
    for name, path in names.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
        monkeypatch.setattr(made, name, tmp_path / path)
    return tmp_path


def test_what_is_there_is_taken(built: Path) -> None:
    assert made.deployer() == built / ".venv-sam/bin/sam"


@pytest.mark.usefixtures("built")
def test_what_is_missing_is_named() -> None:
    with pytest.raises(made.NotMadeError, match=r"no .*aws-lambda-rie-x86_64: make rehearsal"):
        made.emulator()
    made.MINISTACK.unlink()
    with pytest.raises(made.NotMadeError, match=r"no .venv-ministack.*: make rehearsal"):
        made.deployer()


@pytest.mark.parametrize("changed", ["template.yaml", "functions/code.py"])
def test_a_build_of_what_has_changed_since_is_not_run(built: Path, changed: str) -> None:
    later = time.time() + 60
    os.utime(built / changed, (later, later))
    with pytest.raises(made.NotMadeError, match=f"{changed} has changed since"):
        made.deployer()
