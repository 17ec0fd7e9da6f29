"""Fail unless every function's bundle is there, whole, and within Lambda's limit."""

import sys
from pathlib import Path

LIMIT_MB = 250  # Lambda's own, unzipped
CONSOLE = Path("console_assets")
VENDOR = CONSOLE / "vendor"
LIBRARIES = {"preact", "hooks", "htm", "uplot"}
LICENSED = {"preact", "htm", "uplot", "inter"}
ours = {path.relative_to("functions") for path in Path("functions").rglob("*.py")}
ours |= {path.relative_to("functions") for path in Path("functions", CONSOLE).glob("*.*")}
ours |= {VENDOR / f"{name}.js" for name in LIBRARIES} | {VENDOR / "inter.woff2"}
ours |= {VENDOR / f"{name}.LICENSE.txt" for name in LICENSED} | {VENDOR / "openapi.json"}
built = [path for path in Path(".aws-sam/build").iterdir() if path.is_dir()]
bundles = [path for path in built if not (path / "template.yaml").exists()]  # else a nested stack
for bundle in bundles:
    found = [path for path in bundle.rglob("*") if path.is_file()]
    files = {path.relative_to(bundle): path.stat().st_size for path in found}
    size = sum(files.values()) / 1e6
    print(f"{bundle.name}: {size:.0f} MB")
    missing = ours - files.keys()
    if missing or size > LIMIT_MB or any(path.parts[0] == "awscrt" for path in files):
        sys.exit(f"{bundle.name}: too large, with awscrt, or without {sorted(map(str, missing))}")
sys.exit(not bundles)
