"""What `make rehearsal` leaves, and where."""

import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FUNCTION = "CreateKeyFunction"  # built for all of them: they have one CodeUri

BUILD = _ROOT / ".aws-sam" / "rehearsal"
TEMPLATE = BUILD / "template.yaml"
BUNDLE = BUILD / _FUNCTION
SAM = _ROOT / ".venv-sam" / "bin" / "sam"
PYTHON = _ROOT / ".venv-runtime" / "bin" / "python"
MINISTACK = _ROOT / ".venv-ministack" / "bin" / "ministack"
BYTECODE = _ROOT / ".cache" / "bytecode"  # beside the bundle: what is deployed has none


class NotMadeError(Exception):
    """Something is missing, or older than what it was made of; the text says what to do."""


def emulator() -> Path:
    """Return the Runtime Interface Emulator, which comes inside the SAM CLI.

    Raises:
        NotMadeError: as above.
    """
    name = "lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
    found = next(SAM.parents[1].glob(name), SAM.parent / "aws-lambda-rie-x86_64")
    _check(found, PYTHON)
    return found


def deployer() -> Path:
    """Return the SAM CLI, where there is something to deploy and something to deploy it to.

    Raises:
        NotMadeError: as above.
    """
    _check(SAM, MINISTACK)
    return SAM


def _check(*needed: Path) -> None:
    if not sys.platform.startswith("linux"):
        raise NotMadeError("rehearsals need Linux")
    for path in (TEMPLATE, *needed):
        if not path.exists():
            raise NotMadeError(f"there is no {path.relative_to(_ROOT)}: make rehearsal")
    functions = _ROOT / "functions"
    for source in (_ROOT / "template.yaml", *functions.rglob("*.py")):
        if source.stat().st_mtime > TEMPLATE.stat().st_mtime:
            changed = source.relative_to(_ROOT)
            raise NotMadeError(f"{changed} has changed since the build: make rehearsal")
