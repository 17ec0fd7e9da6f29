"""A release is what is committed: said by the changelog, tagged, and handed out with its sums."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.infra.declared import ROOT

pytestmark = pytest.mark.prove  # each clones the project

# In place of a minute of SAM: what is built says the version, and lies where the real one does.
MAKEFILE = """\
build:
\t@mkdir -p .aws-sam/build/Bundle .aws-sam/build/OperatingStack
\t@cp infra/openapi.json .aws-sam/build/Bundle
\t@cp infra/operating.yaml .aws-sam/build/OperatingStack/template.yaml
\t@sed -e 's|CodeUri: functions/|CodeUri: Bundle|' -e 's|LicenseUrl: |&../../|' template.yaml \\
\t  >.aws-sam/build/template.yaml
\t@test ! -e fails
"""
NAME = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
NAME |= {
    f"GIT_{who}_{part}": value
    for who in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.com"))
}


class Clone:
    """The project, cloned, with a build that takes no time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(
            ["git", "clone", "--quiet", "--no-tags", "--depth=1", f"file://{ROOT}", folder],
            env=os.environ | NAME,
            check=True,
        )
        # What is not committed yet is tried too.
        for name in ("requirements/release.py", "template.yaml", "infra/openapi.json"):
            (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / "Makefile").write_text(MAKEFILE)
        (folder / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- Something.\n")
        (folder / ".venv-audit").symlink_to(ROOT / ".venv-audit")
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--message", "Ready")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=os.environ | NAME,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def release(self, version: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "requirements/release.py", version],
            cwd=self.folder,
            env=os.environ | NAME,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if not (ROOT / ".venv-audit/bin/cyclonedx-py").exists():
        pytest.skip("needs the bill's maker: `make .venv-audit/.has-audit`")
    return Clone(tmp_path / "clone")


def test_a_release_is_written_down_committed_tagged_and_handed_out(clone: Clone) -> None:
    done = clone.release("0.2.0")
    assert done.returncode == 0, done.stderr
    assert clone.git("status", "--porcelain") == ""
    assert clone.git("describe", "--exact-match") == "v0.2.0"
    assert clone.git("cat-file", "-t", "v0.2.0") == "tag"
    changelog = (clone.folder / "CHANGELOG.md").read_text()
    assert re.search(
        r"## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n- Something\.", changelog
    )
    dist = clone.folder / "dist/keyturn-0.2.0"
    for line in (dist / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest
    names = {path.relative_to(dist).as_posix() for path in dist.rglob("*") if path.is_file()}
    assert names == {
        *("template.yaml", "OperatingStack/template.yaml", "bundle.zip", "bundle.cdx.json"),
        *("CHANGELOG.md", "LICENSE", "README.md", "SHA256SUMS"),
    }
    template = (dist / "template.yaml").read_text()
    assert "CodeUri: bundle.zip" in template
    assert "SemanticVersion: 0.2.0" in template
    assert "LicenseUrl: LICENSE" in template
    with zipfile.ZipFile(dist / "bundle.zip") as archive:
        assert json.loads(archive.read("openapi.json"))["info"]["version"] == "0.2.0"


def test_the_bill_names_every_package_of_the_bundle_with_its_hashes(clone: Clone) -> None:
    assert clone.release("0.2.0").returncode == 0
    bill = json.loads((clone.folder / "dist/keyturn-0.2.0/bundle.cdx.json").read_text())
    lock = (ROOT / "functions/requirements.txt").read_text()
    pinned = set(re.findall(r"(?m)^([a-z0-9-]+)(?:\[\w+\])?==(\S+)", lock))

    assert bill["bomFormat"] == "CycloneDX"
    assert {(part["name"], part["version"]) for part in bill["components"]} == pinned


def test_the_next_release_follows_the_last(clone: Clone) -> None:
    assert clone.release("0.2.0").returncode == 0
    assert "nothing under Unreleased" in clone.release("0.3.0").stderr
    text = (clone.folder / "CHANGELOG.md").read_text()
    (clone.folder / "CHANGELOG.md").write_text(
        text.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n")
    )
    assert "not clean" in clone.release("0.3.0").stderr
    clone.git("commit", "--quiet", "--all", "--message", "More")
    assert "there is a tag v0.2.0" in clone.release("0.2.0").stderr
    assert "0.1.9 does not follow 0.2.0" in clone.release("0.1.9").stderr
    assert clone.release("0.3.0").returncode == 0


def test_what_is_no_version_is_refused(clone: Clone) -> None:
    for version in ("", "1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.0.0\n", "$(id)"):
        assert "is no version" in clone.release(version).stderr


def test_a_build_that_fails_leaves_everything_as_it_was(clone: Clone) -> None:
    (clone.folder / "fails").touch()
    clone.git("add", "fails")
    clone.git("commit", "--quiet", "--message", "Fail")
    before = clone.git("rev-parse", "HEAD")
    assert "make build failed" in clone.release("0.2.0").stderr
    assert clone.git("status", "--porcelain") == ""
    assert (clone.git("rev-parse", "HEAD"), clone.git("tag")) == (before, "")
    assert not (clone.folder / "dist/keyturn-0.2.0").exists()
