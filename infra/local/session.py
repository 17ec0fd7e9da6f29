"""Draws docs/images/cli.svg: a session of the real command with the local stack. `make session`.

Keys are cut short before anything is drawn.
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from infra.local.stack import local_stack

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "cli.svg"
WIDTH = 94

_BEFORE = (
    "create ci --name CI --role creator --ttl-days 2",
    "create mobile-app --role user --ttl-days 30 >mobile.key",
    *["verify <mobile.key"] * 8,
    *["verify --role admin <mobile.key"] * 3,
    "create old-batch --role user",
    "revoke old-batch --yes --reason cessation",
)
_SHOWN = (
    "create billing --role user --ttl-days 90 >billing.key",
    "list",
    "usage mobile-app",
    "rotate billing --grace-seconds 3600",
    "revoke ci --reason compromised",
    "renew ci",
)
_KEY = re.compile(r"([a-z][a-z0-9_]*_[0-9A-Za-z]{17}_)[0-9A-Za-z]{38}")
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # it would fetch: whoever looks has one


def main() -> None:
    """Record, and write the image."""
    with (
        redirect_stdout(io.StringIO()),  # what the functions log
        local_stack() as stack,
        tempfile.TemporaryDirectory() as folder,
    ):
        environment = {
            "HOME": folder,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "COLUMNS": str(WIDTH),
            "KEYTURN_URL": stack.url,
            "KEYTURN_API_KEY": stack.admin_key,
        }
        for line in _BEFORE:
            _run(line, folder, environment)
        nowhere = io.StringIO()
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for line in _SHOWN:
            console.print(Text.assemble(("$ ", "green"), (f"keyturn {line}", "bold")))
            seen = _KEY.sub(r"\1...", _run(line, folder, environment)).strip()
            console.print(Text.from_ansi(f"{seen}\n" if seen else ""))
    svg = console.export_svg(title="keyturn", theme=DIMMED_MONOKAI, unique_id="keyturn")
    IMAGE.parent.mkdir(exist_ok=True)
    IMAGE.write_text(_FONTS.sub("", svg) + "\n", encoding="utf-8")


def _run(line: str, folder: str, environment: Mapping[str, str]) -> str:
    """Run the command in a terminal, say yes where it asks, and return what was seen there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S602 - our own lines, with redirections as people write them
        f"keyturn {line}",
        shell=True,
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # how Linux says that nobody is at the other end
            while more := os.read(ours, 65536):
                seen += more
                if more.endswith(b"[y/N] "):
                    os.write(ours, b"y\n")
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


if __name__ == "__main__":
    main()
