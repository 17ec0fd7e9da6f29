"""What a function loads before its first request, and which module may know what."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parent.parent / "functions"
MODULES = {path.stem: path for path in (FUNCTIONS / "keyturn").glob("*.py")}
HANDLERS = sorted(path.stem for path in FUNCTIONS.glob("*.py"))
STDLIB_ONLY = (
    "errors",
    "keytext",
    "foreign",
    "keys",
    "row",
    "service",
    "issuer",
    "settings",
    "decision",
)
HEAVY = {"boto3", "botocore", "pydantic", "aws_xray_sdk", "aws_lambda_powertools", "cachetools"}


def loaded_by(statement: str, **environment: str) -> set[str]:
    """Return the names of all modules that a fresh process has loaded after `statement`."""
    code = f"import sys, json; {statement}; print(json.dumps([*sys.modules]))"
    return set(json.loads(fresh(code, **environment).stdout))


def fresh(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=FUNCTIONS,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def imported(path: Path) -> set[str]:
    """Return the roots of what a file imports to run, not to be checked for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    roots = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").partition(".")[0])
    return roots


def test_the_authorizer_loads_nothing_heavy() -> None:
    """Every request to an API waits for its cold start."""
    loaded = {name.partition(".")[0] for name in loaded_by("import authorize")}

    assert "keyturn" in loaded
    assert not loaded & HEAVY
    assert not loaded & {"asyncio", "multiprocessing", "unittest", "flask", "requests"}


def test_the_console_loads_nothing_heavy() -> None:
    """Twenty files are asked for at once, so many environments start at once."""
    loaded = {name.partition(".")[0] for name in loaded_by("import console")}

    assert not loaded & {*HEAVY, "asyncio", "multiprocessing", "unittest"}


def test_revoking_does_not_load_the_vault() -> None:
    assert "keyturn.vault" not in loaded_by("import revoke_key")


@pytest.mark.parametrize("module", STDLIB_ONLY)
def test_the_domain_is_the_standard_library_s_alone(module: str) -> None:
    others = imported(MODULES[module]) - sys.stdlib_module_names - {"keyturn"}
    loaded = {name.partition(".")[0] for name in loaded_by(f"import keyturn.{module}")}

    assert not others
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("name", "homes"),
    [
        ("boto3", {"aws"}),
        ("botocore", {"aws", "sigv4"}),  # the latter where the environment holds no credentials
        ("pydantic", {"schemas", "answers", "event_schemas", "import_schemas"}),
        ("pydantic_core", {"schemas", "import_schemas"}),
        ("cachetools", {"reader"}),
    ],
)
def test_only_its_home_imports_a_dependency(name: str, homes: set[str]) -> None:
    files = [*FUNCTIONS.glob("*.py"), *MODULES.values()]

    assert {path.stem for path in files if name in imported(path)} == homes


def test_no_module_hides_one_of_the_standard_library() -> None:
    """Lambda puts the functions' folder before it on the path."""
    names = {path.stem for path in FUNCTIONS.glob("*.py")} | {"keyturn"}

    assert not names & sys.stdlib_module_names


def test_the_map_names_every_module() -> None:
    described = ast.get_docstring(ast.parse(MODULES["__init__"].read_text(encoding="utf-8"))) or ""

    assert {line.split()[0] for line in described.splitlines()[2:]} == set(MODULES) - {"__init__"}


@pytest.mark.parametrize("name", [path.stem for path in sorted(FUNCTIONS.glob("*.py"))])
def test_a_function_loads_without_a_call_to_aws(name: str) -> None:
    """Nothing listens there; and the import is what a cold start pays for."""
    done = fresh(f"import {name}", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("variable", ["TABLE_NAME", "ALLOWED_ROLES", "REQUIRED_ROLES"])
def test_a_missing_variable_fails_at_start_and_is_named(variable: str) -> None:
    done = fresh("import authorize", **{variable: ""})

    assert done.returncode == 1
    assert f"ValueError: environment variable {variable} is missing" in done.stderr
