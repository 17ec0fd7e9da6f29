"""The bench's own environments and the bundle it measures, below `.bench/`, which git ignores.

Every contender is installed alone, from a pinned and hashed file, so that none pays for another's
packages. Made once, and again where a requirements file or the Python version has changed.
`python -m bench.places NAMES` makes them and nothing else.
"""

import compileall
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = ROOT / "bench"
CONTENDERS = HERE / "contenders"
WORK = ROOT / ".bench"
BUNDLE = WORK / "bundle"
_FUNCTIONS = ROOT / "functions"


def python(name: str) -> Path:
    """Return the interpreter of the environment that `requirements-<name>.txt` describes."""
    folder = WORK / name
    requirements = HERE / f"requirements-{name}.txt"
    interpreter = folder / "bin" / "python"
    if not _current(folder, requirements):
        print(f"making .bench/{name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        _install(interpreter, requirements)
        _mark(folder, requirements)
    return interpreter


def bundle() -> Path:
    """Return the folder a function is deployed as: its packages, its code and their bytecode.

    A copy: whoever edits `functions/` during a run changes nothing that is measured.
    """
    requirements = _FUNCTIONS / "requirements.txt"
    if not _current(BUNDLE, requirements):
        print("making .bench/bundle", flush=True)
        shutil.rmtree(BUNDLE, ignore_errors=True)
        _install(Path(sys.executable), requirements, "--target", str(BUNDLE))
        _mark(BUNDLE, requirements)
    for stale in (*BUNDLE.glob("*.py"), BUNDLE / "keyturn"):
        if (_FUNCTIONS / stale.name).exists() or stale.name == "keyturn":
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
    shutil.copytree(
        _FUNCTIONS, BUNDLE, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    compileall.compile_dir(BUNDLE, quiet=2)
    compileall.compile_dir(CONTENDERS, quiet=2)
    return BUNDLE


def emulator() -> Path:
    """Return the Lambda Runtime Interface Emulator, which comes inside the AWS SAM CLI's wheel."""
    folder = WORK / "emulator"
    requirements = HERE / "requirements-emulator.txt"
    if not _current(folder, requirements):
        print("making .bench/emulator", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install(Path(sys.executable), requirements, "--no-deps", "--target", str(folder))
        _mark(folder, requirements)
    binary = folder / "samcli" / "local" / "rapid" / "aws-lambda-rie-x86_64"
    binary.chmod(0o755)
    return binary


def _install(interpreter: Path, requirements: Path, *options: str) -> None:
    _run(
        *(str(interpreter), "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
        *("--require-hashes", "--requirement", str(requirements), *options),
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - the bench's own words


def _key(requirements: Path) -> str:
    content = requirements.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def _current(folder: Path, requirements: Path) -> bool:
    mark = folder / ".made-from"
    return mark.exists() and mark.read_text() == _key(requirements)


def _mark(folder: Path, requirements: Path) -> None:
    WORK.joinpath(".gitignore").write_text("*\n")
    (folder / ".made-from").write_text(_key(requirements))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        python(name)
