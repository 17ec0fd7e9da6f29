"""What one million verifications by the authorizer cost on AWS, from measured time and list prices.

`docs/cost.md` says where each price is from and what is left out.
"""

import math
import subprocess
from typing import Any

from bench.workers import Bench

# US dollars, us-east-1, as found on 23 November 2026.
PRICES = {
    "lambda_million_requests": 0.20,
    "lambda_gb_second_arm64": 0.0000133334,
    "dynamodb_million_read_units": 0.125,
    "logs_gb": 0.50,
}
# What cannot be measured here.
ASSUMED = {
    "memory_mb": 512,  # the template's
    "full_core_mb": 1769,  # CPU grows with memory, up to one core at this size
    "dynamodb_ms": 5.0,  # AWS: single-digit milliseconds
    "platform_log_bytes": 400,  # Lambda's own start and report lines
    "cold_share": 0.01,  # AWS: under 1 % of invocations
}
_MILLION = 10**6


def per_million(cpu_ms: float, cold_cpu_ms: float, line_bytes: int) -> dict[str, float]:
    """Return dollars by item, and their sum.

    Args:
        cpu_ms: of one warm invocation on a full core.
        cold_cpu_ms: of a first one, on a full core.
        line_bytes: what one verification logs.
    """
    slower = ASSUMED["full_core_mb"] / ASSUMED["memory_mb"]
    billed = math.ceil(cpu_ms * slower + ASSUMED["dynamodb_ms"])
    billed_mean = billed + ASSUMED["cold_share"] * cold_cpu_ms * slower
    gb_seconds = billed_mean / 1e3 * ASSUMED["memory_mb"] / 1024 * _MILLION
    logged_gb = (line_bytes + ASSUMED["platform_log_bytes"]) * _MILLION / 1e9
    dollars = {
        "lambda_requests": PRICES["lambda_million_requests"],
        "lambda_time": gb_seconds * PRICES["lambda_gb_second_arm64"],
        "dynamodb_reads": PRICES["dynamodb_million_read_units"],
        "logs": logged_gb * PRICES["logs_gb"],
    }
    return {name: round(value, 3) for name, value in dollars.items()} | {
        "sum": round(sum(dollars.values()), 3),
        "gb_seconds": round(gb_seconds),
        "billed_ms": billed,
    }


def measure(bench: Bench, real: dict[str, Any]) -> dict[str, Any]:
    """Return ours and the tutorial's cost, with all that went into them."""
    if "skipped" in real:
        return {"skipped": "no times: the runtime was not measured"}
    return {
        "prices": PRICES,
        "assumed": ASSUMED,
        **{
            name: per_million(
                real[name]["next_cpu_ms"], real[name]["first_cpu_ms"], _logged(bench, module)
            )
            for name, module in (("ours", "ours"), ("tutorial", "tutorial_case"))
        },
    }


def _logged(bench: Bench, module: str) -> int:
    """Return how many bytes one verification writes."""
    interpreter, env = bench.contender(module)
    command = [*interpreter, "-c", f"import {module}; {module}.first()"]
    done = subprocess.run(  # noqa: S603 - the bench's own words
        command, env=env, check=True, capture_output=True
    )
    return len(done.stdout)
