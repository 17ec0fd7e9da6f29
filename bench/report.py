"""What is measured, put together: `results.json`, the table, the docs and the charts."""

import json
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import cold, cost, figures, pages, places, rates, runtime, size, warm
from bench.charts import Bar, chart
from bench.figures import Figure
from bench.pairs import Ratio, Sandwich, quiet
from bench.workers import Bench

RESULTS = places.HERE / "results.json"
DOCS = places.ROOT / "docs"
CHARTS = DOCS / "charts"
_ROUNDS = 18
_GROWTH_ROUNDS = 60
_VERSIONS = (
    *("awslambdaric", "boto3", "aws-lambda-powertools", "pydantic", "flask", "sqlalchemy"),
    *("django", "djangorestframework", "djangorestframework-api-key", "keyshield"),
)

Results = dict[str, Any]


def kept() -> Results:
    """Return the results of earlier runs."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def everything(bench: Bench, rounds: int, say: Callable[[str], None]) -> Results:
    """Measure all but growth."""
    warmed, facts = warm.measure(bench, rounds or _ROUNDS, say)
    started, imported = cold.measure(bench, rounds or _ROUNDS, say)
    bare = cold.without_bytecode(bench, max(2, (rounds or _ROUNDS) // 3), say)
    real = runtime.measure(bench, max(2, (rounds or _ROUNDS) // 3), say)
    served = rates.measure(bench, rounds or _ROUNDS, say)
    for verb in ("create", "renew"):
        served[verb]["ours_over_flask_cpu"] = warmed.ratio(verb, f"flask_{verb}")
    controls = {"warm": warmed.ratio("control"), "cold": started.ratio("control")}
    return {
        **_about(controls),
        "figures": [each.as_result() for each in figures.of(warmed, started)],
        "warm": _cases(warmed, 1e6, "us"),
        "cold": _cases(started, 1e3, "ms") | imported,
        "cold_without_bytecode": _cases(bare, 1e3, "ms"),
        "runtime": real,
        "cost_per_million": cost.measure(bench, real),
        "create_and_renew": served,
        "bundle": size.measure(bench.bundle),
        **facts,
    }


def growth(bench: Bench, rounds: int, say: Callable[[str], None]) -> Results:
    """Measure growth."""
    from bench import growth as grown  # noqa: PLC0415 - needs what only the tests' environment has

    result = grown.measure(bench, rounds or _GROWTH_ROUNDS, say)
    largest = Figure(
        "verification at 10^6 rows / at 10^3", result["ratios"][str(grown.SIZES[-1])], 1.15, 1.0
    )
    return {
        **_about({"growth": result["ratios"]["control"]}),
        "figures": [largest.as_result()],
        **result,
    }


def write(results: Results) -> None:
    """Write `results.json` and the docs' measured parts, and draw the charts."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    pages.fill(DOCS / "performance.md", pages.performance(results))
    if "bench" in results:
        pages.fill(DOCS / "cost.md", pages.cost(results))
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, drawn in _charts(results).items():
        (CHARTS / f"{name}.svg").write_text(drawn)


def table(results: Results) -> str:
    """Return all figures, of whichever run, as text."""
    return figures.table([each for part in results.values() for each in part.get("figures", [])])


def _about(controls: dict[str, Ratio]) -> Results:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": _versions(),
        "controls": controls,
        "too_noisy": [name for name, control in controls.items() if not quiet(control)],
    }


def machine() -> str:
    """Return the processor and the Python."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = re.findall(r"^model name\s*: (.+)$", info, re.MULTILINE) or [platform.machine()]
    return f"{len(models)} x {models[0]}, Python {platform.python_version()}"


def _versions() -> dict[str, str]:
    files = [*places.HERE.glob("requirements-*.txt"), places.ROOT / "functions/requirements.txt"]
    text = "\n".join(file.read_text() for file in files)
    newest = platform.python_version_tuple() >= ("3", "12")
    found = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)(?: ; (.*))?", text, re.MULTILINE)
    return {
        name: version
        for name, version, marker in found
        if name in _VERSIONS and not ("python_full_version" in marker and ("<" in marker) is newest)
    }


def _cases(sandwich: Sandwich, scale: float, unit: str) -> Results:
    return {
        "ratios": {name: sandwich.ratio(name) for name in sandwich.ratios},
        unit: {name: round(sandwich.per_call(name) * scale, 1) for name in sandwich.seconds},
    }


def _charts(results: Results) -> dict[str, str]:
    drawn = {}
    if "bench" in results:
        run = results["bench"]
        warmed, started, real = run["warm"]["ratios"], run["cold"]["ratios"], run["runtime"]
        bars = [
            _ratio("Keyturn, key refused unread", warmed["refused_check"], ours=True),
            _ratio("Keyturn, without the read", warmed["own_logic"], ours=True),
            _ratio("Keyturn authorizer", warmed["ours"], ours=True),
            _ratio("djangorestframework-api-key*", warmed["drf"]),
            _ratio("Flask, bare WSGI call*", warmed["flask_wsgi"]),
            _ratio("Flask, test client*", warmed["flask"]),
            Bar("boto3 get_item alone", 1, "1"),
            _ratio("tutorial authorizer", warmed["tutorial"]),
            _ratio("keyshield, cached*", warmed["keyshield_cached"]),
            _ratio("keyshield*", warmed["keyshield"]),
        ]
        drawn["warm"] = chart(
            "CPU for one verification, in a warm process",
            "boto3's get_item = 1; shorter is better; * on SQLite, no network, nothing signed",
            sorted(bars, key=lambda bar: bar.value),
            longest=2,
            mark=1,
        )
        drawn["cold"] = chart(
            "CPU from a process's start through its first decision",
            "boto3 client and first get_item = 1; shorter is better",
            [
                _ratio("Python alone", started["python"]),
                _ratio("Keyturn authorizer", started["ours"], ours=True),
                Bar("boto3 client and get_item", 1, "1"),
                _ratio("tutorial authorizer", started["tutorial"]),
            ],
            mark=1,
        )
        if "skipped" not in real:
            drawn["runtime"] = chart(
                "Under Lambda's own runtime: the first invocation",
                "milliseconds on this machine, from the process's start to the answer",
                [
                    _milliseconds("Keyturn authorizer", real["ours"]["first_ms"], ours=True),
                    _milliseconds("tutorial authorizer", real["tutorial"]["first_ms"]),
                ],
            )
    if "growth" in results:
        ratios = results["growth"]["ratios"]
        drawn["growth"] = chart(
            "Time of one verification as the table grows",
            "a table of 1,000 rows = 1; DynamoDB Local, wall clock; always one read",
            [
                Bar("1,000 rows", 1, "1", ours=True),
                *(_ratio(f"{int(n):,} rows", ratios[n], ours=True) for n in ratios if n.isdigit()),
            ],
            mark=1,
        )
    return drawn


def _ratio(label: str, ratio: Ratio, *, ours: bool = False) -> Bar:
    value = ratio["median"]
    return Bar(label, value, f"{value:#.3g}".rstrip("."), ours, ratio["low"], ratio["high"])


def _milliseconds(label: str, value: float, *, ours: bool = False) -> Bar:
    return Bar(label, value, f"{value:.0f} ms", ours)
