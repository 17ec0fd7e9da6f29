"""Whether the console can be tested here: its libraries come from npm, its browser from Debian.

KEYTURN_REQUIRE_BROWSER=1 makes their absence an error instead of a skip.
"""

import os
import shutil
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[1] / "functions/console_assets"
AXE = Path(__file__).parents[1] / ".cache/console/node_modules/axe-core/axe.min.js"
REQUIRED = os.environ.get("KEYTURN_REQUIRE_BROWSER") == "1"

needs_libraries = pytest.mark.skipif(
    not REQUIRED and not (ASSETS / "vendor/preact.js").exists(),
    reason="needs the console's libraries: `make console` fetches them, with npm",
)


def browser() -> str:
    """Return where Chromium is; skip where it, or what the console is made with, is not."""
    chromium = shutil.which("chromium")
    missing = [
        said
        for there, said in (
            (chromium, "Chromium (`apt-get install chromium`)"),
            (AXE.exists(), "the console's libraries (`make console`, which needs npm)"),
        )
        if not there
    ]
    if not missing:
        return str(chromium)
    if REQUIRED:
        pytest.fail(f"needs {' and '.join(missing)}")
    pytest.skip(f"needs {' and '.join(missing)}")
