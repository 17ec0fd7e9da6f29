"""The measured parts of `docs/performance.md` and `docs/cost.md`, written from `results.json`.

Each stands between two comments, so that a figure in the docs is always one that was measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.pairs import Ratio

_BEGIN, _END = "<!-- measured: `make {}` writes this -->\n", "<!-- end of what was measured -->"

_SIDES = ("keyturn", "flask")

Results = dict[str, Any]


def fill(page: Path, text: str, target: str = "bench") -> None:
    """Put `text` between the page's two comments, of which the first names the make target.

    Raises:
        ValueError: the page has no such place.
    """
    before, begin, rest = page.read_text().partition(_BEGIN.format(target))
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for what was measured")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def performance(results: Results) -> str:
    """Return what was measured, as Markdown."""
    parts = [_figures([each for part in results.values() for each in part["figures"]])]
    if "bench" in results:
        run = results["bench"]
        parts += [_run("`make bench`", run), _scale(run), _runtime(run), _issuing(run)]
    if "growth" in results:
        parts += [_run("`make bench-growth`", results["growth"]), _growth(results["growth"])]
    return "\n\n".join(parts) + "\n"


def load(results: Results) -> str:
    """Return what the service did under load, as Markdown."""
    ours, flask = results["keyturn"], results["flask"]
    verbs = [
        (
            verb,
            f"{said['requests']:,}",
            f"{said['failed'] / said['requests']:.2%}",
            *(f"{said[f'p{share}_ms']:,.0f}" for share in (50, 95, 99)),
            *(_times(flask["verbs"].get(verb))),
        )
        for verb, said in sorted(ours["verbs"].items())
    ]
    head = ("verb", "requests", "errors", "p50, ms", "p95", "p99", "Flask: p50", "p95", "p99")
    held = [
        (name, f"{said['processes']}", f"{said['mb']:.1f}", f"{said['grown_mb']:+.2f}")
        for name, said in ours["memory"].items()
    ]
    rate = {name: sum(v["per_second"] for v in results[name]["verbs"].values()) for name in _SIDES}
    asked = sum(said["requests"] for said in ours["verbs"].values())
    about = f"{results['seconds']:.0f} s, {results['clients']} clients, {results['machine']}"
    run = (
        f"`make load`, {results['date']}, {about}: {asked:,} requests at {rate['keyturn']:.0f} per "
        f"second (Flask, of the verbs it has: {rate['flask']:.0f}). Wrong answers: "
        f"{len(ours['wrong'])}. Keys: {ours['keys']:,}, changed {ours['changes']:,} times; rows "
        f"that differ from what was answered: {len(ours['rows_that_differ'])}."
    )
    memory = _table(("function", "processes", "MB", "grown by, MB"), held)
    return f"{run}\n\n{_table(head, verbs)}\n\n{memory}\n"


def _times(said: Results | None) -> tuple[str, ...]:
    return tuple("" if said is None else f"{said[f'p{share}_ms']:,.0f}" for share in (50, 95, 99))


def cost(results: Results) -> str:
    """Return what a million verifications cost, as Markdown."""
    costs = results["bench"]["cost_per_million"]
    if "skipped" in costs:
        return f"{costs['skipped']}\n"
    names = (
        ("Lambda, requests", "lambda_requests"),
        ("Lambda, time", "lambda_time"),
        ("DynamoDB, reads", "dynamodb_reads"),
        ("CloudWatch, logs", "logs"),
        ("**sum**", "sum"),
    )
    rows = [
        (name, f"${costs['ours'][key]:.3f}", f"${costs['tutorial'][key]:.3f}")
        for name, key in names
    ]
    for name, key in (("billed per warm call, ms", "billed_ms"), ("GB-seconds", "gb_seconds")):
        rows.append((name, f"{costs['ours'][key]:,}", f"{costs['tutorial'][key]:,}"))
    head = ("one million verifications", "Keyturn authorizer", "tutorial authorizer")
    return _table(head, rows) + "\n"


def _run(command: str, run: Results) -> str:
    controls = ", ".join(f"{name} {_number(each)}" for name, each in run["controls"].items())
    noisy = " **Too noisy to be trusted.**" if run["too_noisy"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(run["versions"].items()))
    return (
        f"{command}, {run['date']}, {run['took_seconds']} s on {run['machine']}; {versions}."
        f" The same against itself: {controls}.{noisy}"
    )


def _figures(figures: list[Results]) -> str:
    rows = []
    for each in figures:
        sign = "≥" if each["better"] == "more" else "≤"
        low, high = each["middle_half"]
        rows.append(
            (
                each["what"],
                f"**{each['measured']:#.3g}**",
                f"{low:#.3g} to {high:#.3g}",
                f"{sign} {each['bar']:g}: {'met' if each['bar_met'] else '**missed**'}",
                f"{each['goal']:g}: {'met' if each['goal_met'] else '**missed**'}",
            )
        )
    return _table(("ratio", "measured", "middle half of the rounds", "bar", "goal"), rows)


def _scale(run: Results) -> str:
    warmed, started = run["warm"], run["cold"]
    rows = []
    for what, case, cold, module in (
        ("Keyturn authorizer", "ours", "ours", "ours"),
        ("bare boto3 `get_item`", "base", "base", "sdk"),
        ("tutorial authorizer", "tutorial", "tutorial", "tutorial_case"),
        ("Flask, SQLAlchemy, SQLite; test client", "flask", "", "flask_case"),
        ("the same, bare WSGI call", "flask_wsgi", "", ""),
        ("djangorestframework-api-key, SQLite", "drf", "", "drf_case"),
        ("keyshield, SQLite", "keyshield", "", "keyshield_case"),
        ("the same, cached", "keyshield_cached", "", ""),
    ):
        rows.append(
            (
                what,
                "1" if case == "base" else _number(warmed["ratios"][case]),
                f"{warmed['us'][case]:,.0f}",
                f"{started['ms'][cold]:.0f}" if cold else "",
                f"{run['memory_mb'][module]:.0f}" if module else "",
            )
        )
    bare, bundle = run["cold_without_bytecode"], run["bundle"]
    return (
        _table(("", "warm, ratio", "warm, µs", "cold, ms", "memory, MB"), rows)
        + "\n\nWithout the bytecode that `make build` adds, a cold start takes"
        f" {bare['ms']['ours']:.0f} ms of CPU, the bare client's {bare['ms']['base']:.0f},"
        f" the tutorial's {bare['ms']['tutorial']:.0f}. Requests to DynamoDB per call:"
        f" {run['reads']['ours']:g}; for a key refused for its form or check:"
        f" {run['reads']['refused_check']:g}. The bundle: {bundle['unzipped_mb']} MB,"
        f" zipped {bundle['zipped_mb']}; its bytecode {bundle['bytecode_mb']} more,"
        f" zipped {bundle['bytecode_zipped_mb']}."
    )


def _runtime(run: Results) -> str:
    real = run["runtime"]
    if "skipped" in real:
        return f"Under Lambda's own runtime: not measured, {real['skipped']}."
    names = (
        ("first_ms", "first invocation, ms"),
        ("first_cpu_ms", "its CPU, ms"),
        ("next_ms", "a later one, ms"),
        ("next_cpu_ms", "its CPU, ms"),
    )
    rows = [
        (
            name,
            f"{real['ours'][key]:.2f}",
            f"{real['tutorial'][key]:.2f}",
            _number(real["tutorial_over_ours"][key]),
        )
        for key, name in names
    ]
    return _table(("under Lambda's runtime", "Keyturn", "tutorial", "tutorial / Keyturn"), rows)


def _issuing(run: Results) -> str:
    rows = [
        (
            verb,
            f"{run['create_and_renew'][verb]['ours_per_second']:.0f}",
            f"{run['create_and_renew'][verb]['flask_per_second']:.0f}",
            _number(run["create_and_renew"][verb]["ours_over_flask_cpu"]),
        )
        for verb in ("create", "renew")
    ]
    head = ("over HTTP", "local stack, per s", "Flask, per s", "handler's CPU / Flask's")
    return _table(head, rows)


def _growth(run: Results) -> str:
    sizes = [name for name in run["ratios"] if name.isdigit()]
    rows = [("1,000", "1", f"{run['ms']['base']:.2f}", f"{run['reads']['base']:g}")]
    for size in sizes:
        ratio, passed, reads = run["ratios"][size], run["ms"][size], run["reads"][size]
        rows.append((f"{int(size):,}", _number(ratio), f"{passed:.2f}", f"{reads:g}"))
    return _table(("rows", "ratio", "ms", "reads per verification"), rows)


def _number(ratio: Ratio) -> str:
    return f"{ratio['median']:#.3g}".rstrip(".")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
