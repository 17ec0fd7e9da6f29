"""Run the service on this machine, with a first admin key: `python -m infra.local`."""

import argparse
import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from infra.local.stack import Stack

_HIGHEST_PORT = 65535

LOG = Path(".cache/functions.log")
PLACE = LOG.with_name("local.json")  # where to send events, as long as the stack runs
WELCOME = """
Keyturn is running here. Nothing is kept: Ctrl-C ends all of it, keys included.
What the functions log: {log}

In a browser, signed in with the key below: {url}/console

In another terminal:

  export URL={url} KEY={key}

  # the command line: --help shows all that it can do
  export KEYTURN_URL=$URL KEYTURN_API_KEY=$KEY
  {command} create reports --role user; {command} list

  # create a key; the same again renews it
  ID=$(curl -s $URL/api/apikey -H "Authorization: Bearer $KEY" \\
    -H 'Content-Type: application/json' \\
    -d '{{"alias": "billing", "name": "Billing", "roles": ["user"]}}' \\
    | tee /dev/stderr | sed -E 's/.*"id": ?"([^"]+)".*/\\1/')

  # give it a new string; the old one works for another day
  curl -s -X POST $URL/api/apikey/$ID/rotate -H "Authorization: Bearer $KEY"

  # what happened to it; `make event` asks for the next rotation by an event
  curl -s $URL/api/apikey/$ID/events -H "Authorization: Bearer $KEY"

  # revoke it
  curl -s -X DELETE $URL/api/apikey/$ID -H "Authorization: Bearer $KEY"
"""


class _Lines(io.TextIOBase):
    """Writes whole lines: a thread's line is not cut by another's."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._begun = threading.local()

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._begun, "text", "") + text).split("\n")
        self._begun.text = rest
        if lines:
            self._file.write("".join(f"{line}\n" for line in lines))
            self._file.flush()
        return len(text)


def main() -> int:
    """Run until told to end; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--port", type=_port, default=8000, help="0 picks a free one")
    parser.add_argument(
        "--parameter", action="append", type=_parameter, default=[], help="NAME=VALUE, repeatable"
    )
    parser.add_argument("--log", type=Path, default=LOG, help="where the functions' log goes")
    options = parser.parse_args()
    try:
        signal.signal(signal.SIGINT, _end)
        signal.signal(signal.SIGTERM, _end)
        options.log.parent.mkdir(parents=True, exist_ok=True)
        out = sys.stdout
        # A function's standard output is its log. Between our own lines it would hide them.
        with (
            options.log.open("a", encoding="utf-8") as file,
            contextlib.redirect_stdout(_Lines(file)),
        ):
            return _run(options.port, dict(options.parameter), options.log, out)
    except KeyboardInterrupt:
        return 0


def _run(port: int, parameters: dict[str, str], log: Path, out: TextIO) -> int:
    # Imported here, where Ctrl-C already ends it quietly: it takes most of the start.
    from infra.local.emulator import EmulatorError  # noqa: PLC0415
    from infra.local.invoking import answering  # noqa: PLC0415
    from infra.local.stack import local_stack  # noqa: PLC0415
    from infra.local.template import TemplateError  # noqa: PLC0415

    try:
        with (
            local_stack(port, parameters=parameters, access_log=_say) as stack,
            answering(stack) as endpoint,
            _written_down(stack, log),
        ):
            _welcome(stack, endpoint, log, out)
            threading.Event().wait()
    except OSError as error:
        why = (
            "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        )
        _say(f"port {port} {why}: choose another one, for example `make run PORT=8001`")
    except (EmulatorError, TemplateError) as error:
        _say(f"cannot start: {error}")
    return 1


def _welcome(stack: "Stack", endpoint: str, log: Path, out: TextIO) -> None:
    command = os.path.relpath(Path(sys.executable).with_name("keyturn"))
    out.write(WELCOME.format(log=log, url=stack.url, key=stack.admin_key, command=command))
    ready = {
        "url": stack.url,
        "admin_key": stack.admin_key,
        "aws_endpoint": stack.aws_endpoint,
        "invoke_endpoint": endpoint,
        "region": stack.region,
        "table": stack.table,
    }
    out.write(f"\nready {json.dumps(ready)}\n")
    out.flush()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {_HIGHEST_PORT}")
    return int(text)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


@contextlib.contextmanager
def _written_down(stack: "Stack", log: Path) -> Iterator[None]:
    """Leave beside the log where to send events."""
    place = log.with_name(PLACE.name)
    text = json.dumps({"aws_endpoint": stack.aws_endpoint, "event_bus": stack.event_bus})
    place.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        if place.exists() and place.read_text(encoding="utf-8") == text:  # else another stack's
            place.unlink()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _end(*_: object) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # ending takes a moment: nobody interrupts that
    raise KeyboardInterrupt


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Threads may be in the middle of a request: let no interpreter shutdown trip over them.
    os._exit(code)
