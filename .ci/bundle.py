"""Fail unless the bundle is whole, within Lambda's limit, compiled, and built anew the same."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

LIMIT_MB = 250  # Lambda's own, unzipped
BUILD = Path(".aws-sam/build")
CONSOLE = Path("console_assets")
VENDOR = CONSOLE / "vendor"
LIBRARIES = {"preact", "hooks", "htm", "uplot"}
LICENSED = {"preact", "htm", "uplot", "inter"}
ours = {path.relative_to("functions") for path in Path("functions").rglob("*.py")}
ours |= {path.relative_to("functions") for path in Path("functions", CONSOLE).glob("*.*")}
ours |= {VENDOR / f"{name}.js" for name in LIBRARIES} | {VENDOR / "inter.woff2"}
ours |= {VENDOR / f"{name}.LICENSE.txt" for name in LICENSED} | {VENDOR / "openapi.json"}


def digest(bundle: Path) -> str:
    """Return what every file's name, bytes, mode and time come to."""
    told = hashlib.sha256()
    for path in sorted(bundle.rglob("*")):
        about = path.stat()
        told.update(f"{path.relative_to(bundle)} {about.st_mode:o} {about.st_mtime_ns}\n".encode())
        told.update(path.read_bytes() if path.is_file() else b"")
    return told.hexdigest()


built = [path for path in BUILD.iterdir() if path.is_dir()]
# Beside it, nested stacks.
(bundle,) = [path for path in built if not (path / "template.yaml").exists()]
found = [path for path in bundle.rglob("*") if path.is_file()]
files = {path.relative_to(bundle): path.stat().st_size for path in found}
size = sum(files.values()) / 1e6
missing = ours - files.keys()
bare = {
    path
    for path in files
    if path.suffix == ".py"
    and path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" not in files
}
if missing or size > LIMIT_MB or any(path.parts[0] == "awscrt" for path in files):
    sys.exit(f"{bundle.name}: too large, with awscrt, or without {sorted(map(str, missing))}")
if bare:
    sys.exit(f"{bundle.name}: no bytecode of {sorted(map(str, bare))[:5]}")
first = digest(bundle)
print(f"{bundle.name}: {size:.0f} MB, {first}")
shutil.rmtree(".aws-sam/cache", ignore_errors=True)
shutil.rmtree(BUILD)
subprocess.run(["make", "build"], check=True)
if digest(bundle) != first:
    sys.exit(f"{bundle.name}: built anew, it is {digest(bundle)}")
