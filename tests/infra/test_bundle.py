"""What is deployed is what is pinned, compiled, and the same each time."""

import hashlib
import importlib.util
import marshal
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from requirements.bundle import RefusedError, finish, placed

pytestmark = pytest.mark.prove  # pip is started for each

SO = f"thing/fast.cpython-313-{platform.machine()}-linux-gnu.so"
TEMPLATE = "A:\n    Properties:\n      CodeUri: {}\nB:\n    Properties:\n      CodeUri: {}\n"
MEMBERS = {
    "thing/__init__.py": "WORDS = {'a', 'b', 'c'}\n\ndef raised() -> None:\n    raise KeyError\n",
    SO: "compiled",
    "thing-1.0.data/purelib/beside.py": "",
    "thing-1.0.data/scripts/command": "#!python\n",
    "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
    "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "thing-1.0.dist-info/RECORD": "",
}


class Project:
    """Sources with one pinned package, and what SAM would build of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = folder / "functions"
        self.build = folder / "build"
        self.index = folder / "index"
        for each in (self.sources, self.index):
            each.mkdir()
        self.wheel = self.index / "thing-1.0-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            for name, text in MEMBERS.items():
                archive.writestr(name, text)
        digest = hashlib.sha256(self.wheel.read_bytes()).hexdigest()
        (self.sources / "requirements.txt").write_text(f"thing==1.0 --hash=sha256:{digest}\n")
        (self.sources / "ours.py").write_text("import thing\n")

    def sam_builds(self) -> None:
        for name in ("AFunction", "BFunction"):
            for member, text in MEMBERS.items():
                path = self.build / name / placed(member)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            for source in self.sources.iterdir():
                (self.build / name / source.name).write_bytes(source.read_bytes())
        (self.build / "template.yaml").write_text(TEMPLATE.format("AFunction", "BFunction"))

    def finish(self) -> Path:
        return finish(self.build, self.sources, self.folder / "wheels")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(project.index))
    project.sam_builds()
    return project


def contents(bundle: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        path.relative_to(bundle).as_posix(): (
            path.read_bytes(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in bundle.rglob("*")
        if path.is_file()
    }


def test_two_builds_are_the_same_bytes(project: Project) -> None:
    first = contents(project.finish())
    project.sam_builds()
    assert contents(project.finish()) == first
    # And what is finished, finished again.
    assert contents(project.finish()) == first


def test_every_function_names_the_one_bundle(project: Project) -> None:
    bundle = project.finish()
    assert (project.build / "template.yaml").read_text() == TEMPLATE.format(*[bundle.name] * 2)
    assert {path.name for path in project.build.iterdir()} == {bundle.name, "template.yaml"}


def test_bytecode_is_taken_unchecked_and_names_the_place_in_lambda(project: Project) -> None:
    bundle = project.finish()
    name = Path(importlib.util.cache_from_source("x.py")).name.removeprefix("x")
    for source in ("ours", "thing/__init__"):
        path = bundle / source
        written = (path.parent / "__pycache__" / f"{path.name}{name}").read_bytes()
        assert written[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(written[4:8], "little") == 0b01  # by hash, and not checked
        code = marshal.loads(written[16:])  # noqa: S302 - written above, by us
        assert code.co_filename == f"/var/task/{source}.py"


def test_python_runs_the_bytecode(project: Project) -> None:
    bundle = project.finish()
    (bundle / "thing/__init__.py").write_text("changed, and no Python\n")
    done = subprocess.run(
        [sys.executable, "-c", "import thing; print(sorted(thing.WORDS))"],
        cwd=bundle,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['a', 'b', 'c']\n"


def test_a_wheel_with_another_hash_is_refused(project: Project) -> None:
    with zipfile.ZipFile(project.wheel, "a") as archive:
        archive.writestr("thing/more.py", "import os\n")
    with pytest.raises(RefusedError, match="another hash"):
        project.finish()


@pytest.mark.parametrize("name", ["thing/__init__.py", "ours.py", SO])
def test_a_file_that_differs_from_what_is_pinned_is_refused(project: Project, name: str) -> None:
    with (project.build / "BFunction" / name).open("a") as file:
        file.write("#")
    with pytest.raises(RefusedError, match=f"BFunction: 1 files .*{Path(name).name}"):
        project.finish()


def test_a_file_that_nobody_pinned_is_refused(project: Project) -> None:
    (project.build / "AFunction/sitecustomize.py").write_text("")
    with pytest.raises(RefusedError, match=r"sitecustomize\.py"):
        project.finish()


def test_a_file_that_is_missing_is_refused(project: Project) -> None:
    (project.build / "AFunction" / SO).unlink()
    (project.build / "AFunction/beside.py").unlink()
    with pytest.raises(RefusedError, match="compiled for nothing"):
        project.finish()
    (project.build / "AFunction" / SO).write_text(MEMBERS[SO])
    with pytest.raises(RefusedError, match=r"1 are missing \(beside\.py\)"):
        project.finish()
