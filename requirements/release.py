"""Makes a release of what is committed: `make release VERSION=0.2.0`.

    python requirements/release.py VERSION

The changelog's Unreleased becomes the version's, and whatever says the version says the new one.
That is built, committed and tagged; nothing is pushed. dist/keyturn-VERSION has what is to be
handed out:

    template.yaml, one folder for each nested stack   for `sam deploy --template-file template.yaml`
    bundle.zip                                        what every function runs
    bundle.cdx.json                                   what that consists of (CycloneDX)
    CHANGELOG.md, LICENSE, README.md, SHA256SUMS

Refuses a version that is none or not higher, a tag that exists, a tree that is not clean, and a
changelog that has nothing to say. Whatever fails, the tree is then as it was.
"""

import datetime as dt
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = "Bundle"  # as requirements/bundle.py leaves it
WHEN = (2000, 1, 1, 12, 0, 0)
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
UNRELEASED = "## [Unreleased]\n"


class RefusedError(Exception):
    """There is nothing to release, or not yet; the text says why."""


class Release:
    """A release of a project's folder."""

    def __init__(self, root: Path, version: str) -> None:
        """Name the version; nothing is looked at yet."""
        self.root, self.version = root, version
        self.tag = f"v{version}"
        self.dist = root / "dist" / f"keyturn-{version}"
        self.changelog = root / "CHANGELOG.md"
        self.says = (
            (root / "pyproject.toml", r'(?m)^(version = ")([^"]+)'),
            (root / "template.yaml", r"(?m)^( +SemanticVersion: )(\S+)"),
            (root / "infra/openapi.json", r'(?m)^( +"version": ")([^"]+)'),
        )

    def check(self) -> None:
        """Raise `RefusedError` where there is no release to be made."""
        if not VERSION.fullmatch(self.version):
            raise RefusedError(f"{self.version!r} is no version: MAJOR.MINOR.PATCH")
        if self._git("status", "--porcelain"):
            raise RefusedError("the tree is not clean: commit, or stash")
        if self._git("tag", "--list", self.tag):
            raise RefusedError(f"there is a tag {self.tag}")
        current = self._current()
        # The first release may be of the version that the project has said from its start.
        released = f"## [{current}]" in self.changelog.read_text(encoding="utf-8")
        if _parts(self.version) < _parts(current) or (released and self.version == current):
            raise RefusedError(f"{self.version} does not follow {current}")
        if not re.search(r"(?m)^- ", self._unreleased()):
            raise RefusedError("CHANGELOG.md has nothing under Unreleased")

    def make(self) -> Path:
        """Make it; return the folder to hand out."""
        self.check()
        today = dt.datetime.now(dt.UTC).date()
        text = self.changelog.read_text(encoding="utf-8")
        head = f"{UNRELEASED}\n## [{self.version}] - {today}\n"
        try:
            self.changelog.write_text(text.replace(UNRELEASED, head, 1), encoding="utf-8")
            for path, pattern in self.says:
                said = re.sub(pattern, rf"\g<1>{self.version}", path.read_text("utf-8"), count=1)
                path.write_text(said, encoding="utf-8")
            self._build()
            self._hand_out(self.root / ".aws-sam/build" / BUNDLE)
            self._git("commit", "--quiet", "--all", "--message", f"Release {self.version}")
        except BaseException:
            shutil.rmtree(self.dist, ignore_errors=True)
            self._git("checkout", "--quiet", "--", ".")
            raise
        self._git("tag", "--annotate", self.tag, "--message", f"Keyturn {self.version}")
        return self.dist

    def _build(self) -> None:
        # With the new version in it: the console shows the API's description.
        if subprocess.run(["make", "build"], cwd=self.root, check=False).returncode:  # noqa: S607
            raise RefusedError("make build failed")

    def _hand_out(self, bundle: Path) -> None:
        shutil.rmtree(self.dist, ignore_errors=True)
        self.dist.mkdir(parents=True)
        zipped(bundle, self.dist / "bundle.zip")
        for nested in sorted(bundle.parent.glob("*/template.yaml")):
            (self.dist / nested.parent.name).mkdir()
            shutil.copyfile(nested, self.dist / nested.parent.name / nested.name)
        text = (bundle.parent / "template.yaml").read_text(encoding="utf-8")
        text = re.sub(rf"(?m)^( +CodeUri: ){BUNDLE}$", r"\1bundle.zip", text)
        text = re.sub(r"(?m)^( +(?:LicenseUrl|ReadmeUrl): )(?:\S*/)?(\w+)", r"\1\2", text)
        (self.dist / "template.yaml").write_text(text, encoding="utf-8")
        for name in ("CHANGELOG.md", "LICENSE", "README.md"):
            shutil.copyfile(self.root / name, self.dist / name)
        lock = self.root / "functions/requirements.txt"
        made = ("--of", "JSON", "--output-reproducible", "--output-file", "bundle.cdx.json")
        _run(self.dist, self.root / ".venv-audit/bin/cyclonedx-py", "requirements", lock, *made)
        files = sorted(path for path in self.dist.rglob("*") if path.is_file())
        sums = (
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(self.dist)}\n"
            for path in files
        )
        (self.dist / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")

    def _current(self) -> str:
        path, pattern = self.says[0]
        found = re.search(pattern, path.read_text(encoding="utf-8"))
        if found is None:
            raise RefusedError(f"{path.name} says no version")
        return found[2]

    def _unreleased(self) -> str:
        _, _, rest = self.changelog.read_text(encoding="utf-8").partition(UNRELEASED)
        return rest.partition("\n## ")[0]

    def _git(self, *arguments: str) -> str:
        return _run(self.root, "git", *arguments)


def zipped(folder: Path, target: Path) -> None:
    """Write a zip that is the same for the same files: in order, of one time, without folders."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            about = zipfile.ZipInfo(path.relative_to(folder).as_posix(), WHEN)
            about.external_attr = (path.stat().st_mode & 0xFFFF) << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, path.read_bytes())


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RefusedError(f"{Path(command[0]).name} {command[1]}: {done.stderr.strip()[-500:]}")
    return done.stdout


def main() -> int:
    """Do what is asked; return the exit status."""
    release = Release(ROOT, *sys.argv[1:2] or [""])
    try:
        made = release.make()
        print(f"{made.relative_to(ROOT)}, tag {release.tag}. To publish: git push --follow-tags")
    except RefusedError as error:
        sys.exit(f"No release: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
