"""Each promise, fault and threat of docs/reliability.md has tests, which the page links."""

import ast
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
ROWS = {f"F{number}" for number in range(1, 20)} | {f"T{number}" for number in range(1, 18)}

_LINE = re.compile(r"^\| ([FT]\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(\.\./tests/([\w/]+\.py)\)")
_PROMISE = re.compile(r"^\| (P\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_HELD = re.compile(r"\[([\w ]+)\]\(\.\./tests/([\w/]+\.py)\)")


def marked() -> dict[str, set[str]]:
    """Return the files that have tests for each row: those that say `pytest.mark.row("F1")`."""
    found = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
                for name in node.args:
                    found[ast.literal_eval(name)].add(str(path.relative_to(TESTS)))
    return dict(found)


def told() -> list[tuple[str, set[str]]]:
    """Return the lines of the page's two tables: the row's name, and the files it links."""
    text = PAGE.read_text(encoding="utf-8")
    return [(name, set(_LINK.findall(cell))) for name, cell in _LINE.findall(text)]


def test_every_row_has_a_test() -> None:
    found = marked()

    assert sorted(ROWS - found.keys()) == []
    assert sorted(found.keys() - ROWS) == []


def test_the_page_has_every_row_once_and_links_the_files_that_test_it() -> None:
    lines, found = told(), marked()

    assert sorted(name for name, _ in lines) == sorted(ROWS)
    assert dict(lines) == {name: found.get(name, set()) for name in ROWS}


def test_every_promise_is_held_by_tests_that_exist() -> None:
    promises = _PROMISE.findall(PAGE.read_text(encoding="utf-8"))

    assert [name for name, *_ in promises] == [f"P{number}" for number in range(1, 11)]
    for name, _, cell, figure in promises:
        held = _HELD.findall(cell)
        assert held, name
        assert len(held) == cell.count("]("), name
        assert figure.strip(), name
        for rule, file in held:
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert f"test_{rule.replace(' ', '_')}" in tests
