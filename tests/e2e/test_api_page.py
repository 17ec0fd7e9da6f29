"""docs/api.md: what it shows is what happens, and it leaves nothing out."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.local.stack import local_stack
from tests.e2e import documented
from tests.infra.declared import ROOT
from tests.races.places import moto_url

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SESSION = "\n".join(re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
# What stands between one `$ ` and the next: a command, and what it says.
STEPS = [step.split("\n", 1) for step in re.split(r"^\$ ", SESSION, flags=re.MULTILINE)[1:]]
MARK = "\x1e"


def shown(text: str) -> re.Pattern[str]:
    """Return what an output must be: spaces are the page's own, and `...` is anything."""
    return re.compile(".*".join(re.escape("".join(part.split())) for part in text.split("...")))


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_command_says_what_the_page_shows(tmp_path: Path) -> None:
    script = "set -euo pipefail\n" + "".join(f"{step[0]}\nprintf '{MARK}'\n" for step in STEPS)
    with local_stack(aws=moto_url(), name="page") as stack:
        env = {**os.environ, "URL": stack.url, "KEY": stack.admin_key, "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    said = done.stdout.split(MARK)[:-1]
    assert len(said) == len(STEPS) > 15
    for (command, text), output in zip(STEPS, said, strict=True):
        assert shown(text).fullmatch("".join(output.split())), command


def test_every_operation_and_every_code_is_on_the_page() -> None:
    for path, methods in documented.document()["paths"].items():
        for method, operation in methods.items():
            assert f"| `{method.upper()} {path}` |" in PAGE
            for parameter in operation.get("parameters", []):
                assert parameter["in"] == "path" or f"`{parameter['name']}`" in PAGE
            for status in operation["responses"]:
                for code in documented.content(operation, status).get("examples", {}):
                    assert f"`{code}`" in PAGE
