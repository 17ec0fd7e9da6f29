"""The page on metrics says what the code writes, by whom and in what unit."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from keyturn import decision
from keyturn.keys import Outcome
from tests.infra.declared import ROOT

FUNCTIONS = ROOT / "functions"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|", re.MULTILINE)
PAGE = {
    name: (unit, dimensions, frozenset(re.findall(r"`(\w+)`", by)))
    for name, unit, dimensions, by in ROW.findall((ROOT / "docs/metrics.md").read_text())
}


def counted() -> Iterator[tuple[str, str]]:
    """Yield each metric that is counted, and the file in which that stands."""
    for path in FUNCTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in {"count", "done"} and node.args:
                yield from ((name, path.stem) for name in _words(node.args[0], path))


def _name(node: ast.expr) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _words(node: ast.expr, path: Path) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_words(node.body, path), *_words(node.orelse, path)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    # Handed on: `done` counts what it is given; a day's use and a number of moments are no metric.
    assert (path.stem, ast.unparse(node)) in {
        ("web", "metric"),
        ("record_usage", "id"),
        ("due", "at"),
    }
    return []


def test_the_page_lists_every_counter_and_who_writes_it() -> None:
    written: dict[str, set[str]] = {}
    for name, module in counted():
        written.setdefault(name, set()).add(module)
    of_decisions = {name for name, (_, _, by) in PAGE.items() if by == {"decision"}}

    assert {name: {*by} for name, (_, _, by) in PAGE.items() if name not in of_decisions} == written
    assert {PAGE[name][:2] for name in written} == {("Count", "`service`")}


def test_the_page_lists_every_metric_of_a_decision_and_every_reason() -> None:
    declared: dict[str, str] = {}
    dimensions = []
    for outcome in (*Outcome, None):
        line = '{"_aws":{' + decision._constant(outcome)[:-1] + "}"  # noqa: SLF001 - what is written
        (about,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
        declared |= {metric["Name"]: metric["Unit"] for metric in about["Metrics"]}
        dimensions.append(about["Dimensions"])
    said = "; ".join(", ".join(f"`{name}`" for name in names) for names in dimensions[0])
    text = (ROOT / "docs/metrics.md").read_text()

    assert {n: p[0] for n, p in PAGE.items() if p[2] == {"decision"}} == declared
    assert all(each == dimensions[0] for each in dimensions)
    assert {PAGE[name][1] for name in declared} == {said}
    assert all(f"`{reason}`" in text for reason in {*Outcome} - {Outcome.VALID})
