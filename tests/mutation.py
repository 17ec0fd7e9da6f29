"""Changes the code that decides, one place at a time: does a test notice?

    make mutate                       everything: an hour on two idle cores
    make mutate MODULES="keys store"  those modules

mutmut changes what stands in functions. The conditions of our writes are text, which it can only
break: so each of their terms is weakened here. What no test notices must stand in docs/mutation.md
with the reason why it may; whatever else survives fails.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/mutation.md"
# mutmut names a function by its path, and only takes `src/` off it: so it runs in here.
STAGE = ROOT / "mutants"
LINKS = {
    "src": "../functions",
    "mutants/functions": "src",
    **{name: f"../{name}" for name in ("infra", "pyproject.toml", "template.yaml", "tests")},
}
CONDITIONS = ("store", "update")
CONDITION_TESTS = [
    "tests/test_contain_leaks.py",
    *(
        f"tests/keyturn/test_{name}.py"
        for name in (
            *("store", "store_revocation", "rotation", "rotation_races", "sweep_notices"),
            *("issuer", "issuer_renewal"),
        )
    ),
]
_ALWAYS = "attribute_not_exists(never_there)"
_OPERAND = r"[\w:#.\[\]{}]+"
_TERM = re.compile(
    rf"(?:NOT )?(?:attribute_exists|attribute_not_exists|contains)\([^()]*\)"
    rf"|{_OPERAND} (?:=|<>|<=|>=|<|>) :{_OPERAND}"
)


def main(modules: list[str]) -> int:
    """Change the modules, all where none is named; return the exit status."""
    survivors = [*_weakened(modules), *_mutated(modules)]
    excused = _excused()
    unexcused = [each for each in survivors if each not in excused]
    print(f"{len(survivors)} changes that no test notices, {len(unexcused)} of them unexplained")
    for where, becomes in unexcused:
        print(f"    {where}: {becomes}")
    if not modules:
        for where, becomes in sorted(excused - set(survivors)):
            print(f"    explained, and noticed by now: {where}: {becomes}")
    return int(bool(unexcused))


def _excused() -> set[tuple[str, str]]:
    """Return what the page explains: in which function, and what its line becomes."""
    found = set()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        where, *becomes = re.findall(r"``? ?(.+?) ?``?(?!`)", line) or [""]
        if line.startswith("- `"):
            found |= {(where, each) for each in becomes}
    return found


def _mutated(modules: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what mutmut changed without anybody's notice."""
    for name, target in LINKS.items():
        link = STAGE / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    named = [f"{'' if module == 'authorize' else 'keyturn.'}{module}.*" for module in modules]
    # One process: the tests' AWS is one socket, which forked workers share.
    _mutmut("run", "--max-children", "1", *named, shown=True)
    for line in _mutmut("results").splitlines():
        mutant, _, fate = line.strip().partition(": ")
        if fate == "not checked" and modules:
            continue
        function = mutant.partition("__mutmut_")[0].removeprefix("keyturn.")
        where = function.replace(".xǁ", ".").replace(".x_", ".").replace("ǁ", ".")
        if fate in {"timeout", "suspicious", "segfault"}:
            continue  # it hung or fell over: that is noticed
        diff = _mutmut("show", mutant).splitlines()
        becomes = [text[1:].strip() for text in diff if text[:1] == "+" and text[:3] != "+++"]
        yield where, " ".join(becomes) if fate == "survived" else f"{fate}: {mutant}"


def _mutmut(*arguments: str, shown: bool = False) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=STAGE, check=False, text=True, stdout=None if shown else -1)
    done.check_returncode()
    return done.stdout or ""


def _weakened(modules: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each term of a condition that may be left out without anybody's notice."""
    stage = STAGE / "conditions"
    shutil.rmtree(stage, ignore_errors=True)
    for name in ("functions", "infra", "tests"):
        shutil.copytree(ROOT / name, stage / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "template.yaml"):
        shutil.copy(ROOT / name, stage / name)
    for module in CONDITIONS:
        if modules and module not in modules:
            continue
        path = stage / f"functions/keyturn/{module}.py"
        source = path.read_text(encoding="utf-8")
        for where, changed, becomes in weaker(source):
            path.write_text(changed, encoding="utf-8")
            is_noticed = _fails(stage)
            print(
                f"{'noticed ' if is_noticed else 'SURVIVED'}  {module}.{where}: {becomes}",
                flush=True,
            )
            if not is_noticed:
                yield f"{module}.{where}", becomes
        path.write_text(source, encoding="utf-8")
    if not modules and _fails(stage):
        raise SystemExit("the tests fail on the code as it is")


def weaker(source: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name of what holds it, changed source, what is changed) for each term."""
    for place, text in _conditions(source):
        for term in _TERM.finditer(text):
            inclusive = re.sub(r" ([<>]) :", r" \1= :", term[0])
            at = place + term.start()
            for becomes, said in (
                (f"({term[0]} OR {_ALWAYS})", f"without {term[0]}"),
                (inclusive, inclusive),
            ):
                if becomes != term[0]:
                    changed = source[:at] + becomes + source[at + len(term[0]) :]
                    yield _holder(source, at), changed, said


def _conditions(source: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, text) of each line of a string that states a condition."""
    offset = 0
    for line in source.splitlines(keepends=True):
        for literal in re.finditer(r'"([^"]*)"', line):
            stated = _TERM.search(literal[1]) and "KeyConditionExpression" not in line
            if stated and not line.lstrip().startswith(('"SET"', "_MARKED")):
                yield offset + literal.start(1), literal[1]
        offset += len(line)


def _holder(source: str, at: int) -> str:
    """Return the name of the constant or method around an offset."""
    line = source.count("\n", 0, at) + 1
    name = ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.Assign) and node.lineno <= line <= (
            node.end_lineno or 0
        ):
            if isinstance(node, ast.FunctionDef):
                name = node.name
            elif not name and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
    return name


def _fails(stage: Path) -> bool:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    without = ["-m", "not dynamodb_local and not prove"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, *without, *CONDITION_TESTS],
        cwd=stage,
        env=environment,
        check=False,
        capture_output=True,
    )
    if done.returncode > 1:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
