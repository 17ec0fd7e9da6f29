"""Fail unless every function's bundle is there, whole, and within Lambda's limit."""

import sys
from pathlib import Path

LIMIT_MB = 250  # Lambda's own, unzipped
ours = {path.relative_to("functions") for path in Path("functions").rglob("*.py")}
bundles = [path for path in Path(".aws-sam/build").iterdir() if path.is_dir()]
for bundle in bundles:
    found = [path for path in bundle.rglob("*") if path.is_file()]
    files = {path.relative_to(bundle): path.stat().st_size for path in found}
    size = sum(files.values()) / 1e6
    print(f"{bundle.name}: {size:.0f} MB")
    missing = ours - files.keys()
    if missing or size > LIMIT_MB or any(path.parts[0] == "awscrt" for path in files):
        sys.exit(f"{bundle.name}: too large, with awscrt, or without {sorted(map(str, missing))}")
sys.exit(not bundles)
