"""Finishes what `sam build` made: `make build`.

    PYTHONHASHSEED=0 python3.13 requirements/bundle.py [.aws-sam/build]

- Every file that is not ours is compared with the wheels that functions/requirements.txt pins,
  fetched here under its hashes: SAM fetches those of another processor by name and version alone.
- SAM makes a copy of the bundle for each function. One stays, and all functions name it.
- Bytecode is added, of the runtime's own version: Lambda cannot write any. Python takes it so.
- The same sources give the same bytes: times are fixed, and bytecode knows no clock and no folder.

Runs under the functions' own Python, whose bytecode it writes, with nothing beside it.
"""

import compileall
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "functions"
WHEELS = ROOT / ".cache/wheels"
BUNDLE = "Bundle"
RUNTIME = (3, 13)
TASK_ROOT = "/var/task"  # where Lambda has the bundle: tracebacks name it
STAMP = 946_728_000  # noon of 2000-01-01, within what a zip can say everywhere


class RefusedError(Exception):
    """The build is not what is pinned, or cannot be finished; the text says why."""


def processor(bundle: Path) -> str:
    """Return what the compiled files are for, as Python calls it: x86_64 or aarch64."""
    found = {
        match[1]
        for file in bundle.rglob("*.so")
        if (match := re.search(r"\.cpython-\d+-(\w+)-linux-gnu\.so$", file.name))
    }
    if len(found) != 1:
        raise RefusedError(f"{bundle.name}: compiled for {sorted(found) or 'nothing'}")
    return found.pop()


def wheels(machine: str, pinned: Path, place: Path) -> dict[str, bytes]:
    """Return the files of the pinned wheels by their paths in a bundle. pip checks each hash.

    Raises:
        RefusedError: as above.
    """
    place.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", str(place)),
        *("-r", str(pinned)),
    ]
    if (sys.platform, platform.machine()) != ("linux", machine):
        version = "".join(map(str, RUNTIME))
        command += ["--python-version", version, "--implementation", "cp", "--abi", f"cp{version}"]
        command += ["--abi", "abi3", "--abi", "none", "--platform", f"manylinux2014_{machine}"]
    if subprocess.run(command, check=False).returncode:
        raise RefusedError("the pinned wheels could not be fetched, or one has another hash")
    # Names as wheels spell them.
    lock = pinned.read_text(encoding="utf-8").replace("-", "_")
    files: dict[str, bytes] = {}
    for wheel in sorted(place.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        if not re.search(rf"(?m)^{re.escape(name)}(\[.*?\])?=={re.escape(version)}\b", lock):
            wheel.unlink()  # of an earlier lock
            continue
        with zipfile.ZipFile(wheel) as archive:
            files |= {
                placed(each.filename): archive.read(each)
                for each in archive.infolist()
                if not each.is_dir()
            }
    return files


def placed(name: str) -> str:
    """Return where a wheel's member lies once it is installed."""
    parts = PurePosixPath(name).parts
    if len(parts) > 2 and parts[0].endswith(".data") and parts[1] in {"purelib", "platlib"}:  # noqa: PLR2004
        return str(PurePosixPath(*parts[2:]))
    return name


def compare(bundle: Path, sources: Path, expected: dict[str, bytes]) -> None:
    """Refuse a bundle in which a file is neither ours nor of the pinned wheels, byte for byte.

    Raises:
        RefusedError: as above.
    """
    found = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    wrong = []
    for name, path in found.items():
        own = sources / name
        if path.read_bytes() != (own.read_bytes() if own.is_file() else expected.get(name)):
            wrong.append(name)
    # What a wheel would put elsewhere, as a command, SAM leaves aside.
    absent = sorted(name for name in expected.keys() - found.keys() if ".data/" not in name)
    if wrong or absent:
        raise RefusedError(
            f"{bundle.name}: {len(wrong)} files are neither ours nor the pinned wheels' "
            f"({', '.join(sorted(wrong)[:3])}), {len(absent)} are missing ({', '.join(absent[:3])})"
        )


def compiled(bundle: Path) -> None:
    """Add the bytecode."""
    done = compileall.compile_dir(
        bundle,
        quiet=1,
        stripdir=str(bundle),
        prependdir=TASK_ROOT,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        maxlevels=50,
    )
    if not done:
        raise RefusedError(f"{bundle.name}: something does not compile")


def stamped(bundle: Path) -> None:
    """Fix all times and modes."""
    for path in (*sorted(bundle.rglob("*"), reverse=True), bundle):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
        os.utime(path, (STAMP, STAMP))


def finish(build: Path, sources: Path = SOURCES, fetched: Path = WHEELS) -> Path:
    """Finish a build; return the one bundle that is left. What is finished may be so again.

    Raises:
        RefusedError: as above.
    """
    template = build / "template.yaml"
    text = template.read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"(?m)^ +CodeUri: (\w+)$", text)))
    if not names:
        raise RefusedError(f"{template} names no bundle: sam build")
    machine = processor(build / names[0])
    expected = wheels(machine, sources / "requirements.txt", fetched / machine)
    for name in names:
        for stale in (build / name).rglob("__pycache__"):
            shutil.rmtree(stale)
        compare(build / name, sources, expected)
    if names != [BUNDLE]:
        shutil.rmtree(build / BUNDLE, ignore_errors=True)
        (build / names[0]).rename(build / BUNDLE)
        for name in names[1:]:
            shutil.rmtree(build / name)
        template.write_text(re.sub(r"(?m)^( +CodeUri: )\w+$", rf"\1{BUNDLE}", text), "utf-8")
    compiled(build / BUNDLE)
    stamped(build / BUNDLE)
    return build / BUNDLE


def main() -> int:
    """Finish, and say so; return the exit status."""
    if sys.version_info[:2] != RUNTIME:
        sys.exit(f"bytecode is written by Python {'.'.join(map(str, RUNTIME))}, the runtime's own")
    if sys.flags.hash_randomization:
        # A set among the constants is written in the order of its hashes.
        sys.exit("set PYTHONHASHSEED=0: the same bytes each time")
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".aws-sam/build"
    try:
        bundle = finish(build.resolve())
    except RefusedError as error:
        sys.exit(f"Refused: {error}")
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    print(f"{bundle}: {size / 1e6:.0f} MB, as pinned, with bytecode")
    return 0


if __name__ == "__main__":
    sys.exit(main())
