"""Looks up what is pinned: known holes, licences, and the bundle's bill of materials.

    make audit

Fails where a hole is known, and where nobody could be asked: pip-audit itself calls a package that
its service does not know skipped, and is content.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
BUNDLE = ROOT / "functions/requirements.txt"
FILES = [BUNDLE, *sorted((ROOT / "requirements").glob("*.txt"))]
LICENCES = ROOT / "docs/licences.md"
MATERIALS = ROOT / ".cache/bundle.cdx.json"
SERVICES = ("pypi", "osv")
HEAD = """\
# Licences of what is deployed

Every package of `functions/requirements.txt`, as its own metadata says. Written by `make audit`.

"""


def pinned(path: Path) -> set[str]:
    """Return the names of the packages that a file pins, as indexes spell them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = {line.partition("==")[0].partition("[")[0] for line in lines if line[:1].isalpha()}
    return {_spelled(name) for name in names}


def audit(path: Path) -> tuple[set[str], list[str]]:
    """Return the packages of a file that nobody knew, and the holes that are known of the rest."""
    unknown, holes, why = pinned(path), set[str](), list[str]()
    for service in SERVICES:
        asked: list[str | Path] = [
            "--requirement",
            path,
            "--disable-pip",
            "--vulnerability-service",
            service,
        ]
        shown = ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
        done = _run("pip-audit", *asked, *shown)
        try:
            answered = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            why.append(
                f"{service}: {(done.stderr.strip().splitlines() or ['no answer'])[-1][:100]}"
            )
            continue
        known = [each for each in answered if "skip_reason" not in each]
        why.append(f"{service}: knows {len(known)}")
        unknown -= {_spelled(each["name"]) for each in known}
        for each in known:
            holes |= {f"{each['name']} {each['version']}: {hole['id']}" for hole in each["vulns"]}
        if not unknown:
            break
    if unknown:
        print("\n".join(f"    {line}" for line in why))
    return unknown, sorted(holes)


def _spelled(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *arguments], check=False, capture_output=True, text=True)


def licences() -> str:
    """Return the page on licences, from what is installed for the tests."""
    asked = ["--packages", *sorted(pinned(BUNDLE)), "--with-urls", "--format", "markdown"]
    listed = _run("pip-licenses", "--python", ROOT / ".venv/bin/python", *asked)
    listed.check_returncode()
    return HEAD + listed.stdout.strip() + "\n"


def main() -> int:
    """Do all three; return the exit status."""
    failed = False
    for path in FILES:
        unknown, holes = audit(path)
        asked = len(pinned(path))
        print(f"{path.relative_to(ROOT)}: {asked - len(unknown)} of {asked} packages looked up")
        for hole in holes:
            print(f"    KNOWN HOLE  {hole}")
        if unknown:
            print(f"    NOT AUDITED {len(unknown)}: nobody who can be reached knows them")
        failed = failed or bool(unknown or holes)
    LICENCES.write_text(licences(), encoding="utf-8")
    print(f"{LICENCES.relative_to(ROOT)}: written")
    MATERIALS.parent.mkdir(exist_ok=True)
    made: list[str | Path] = ["requirements", BUNDLE, "--of", "JSON", "--output-file", MATERIALS]
    _run("cyclonedx-py", *made).check_returncode()
    print(f"{MATERIALS.relative_to(ROOT)}: written (CycloneDX)")
    print("FAILED: see above" if failed else "Nothing is known against what is pinned")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
