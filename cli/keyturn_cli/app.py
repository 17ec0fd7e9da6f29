"""`keyturn`: the verbs, and how they end."""

import errno
import io
import os
import sys
from typing import Annotated

import typer

from keyturn_cli import moving, reading, setup, text, writing
from keyturn_cli.errors import EXIT_CODES, Failed

app = typer.Typer(
    help="Create, renew, rotate, revoke and verify API keys you own.",
    # The paragraph of an epilog that starts with \b keeps its lines.
    epilog="\b\n" + EXIT_CODES + "\nMore: docs/cli.md",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # --help does without rich
    pretty_exceptions_enable=False,  # which would load it, and can show variables
)
for name, verb in (
    ("create", writing.create),
    ("renew", writing.renew),
    ("list", reading.list_keys),
    ("show", reading.show_key),
    ("rotate", writing.rotate),
    ("revoke", writing.revoke),
    ("verify", reading.verify),
    ("usage", reading.usage),
    ("events", reading.events),
    ("whoami", reading.whoami),
    ("export", reading.export),
    ("import", moving.import_keys),
    ("bootstrap", setup.bootstrap),
    ("login", setup.login),
    ("logout", setup.logout),
):
    app.command(name)(verb)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's way to call it
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"keyturn {version('keyturn')}\n")
        raise typer.Exit


@app.callback()
def keyturn(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and end.")
    ] = False,
) -> None:
    """Take what stands before the verb."""


def main() -> None:
    """Run a verb; ends the process with the exit code of how it went."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        text.refuse_keys(sys.argv[1:])
        try:
            app(prog_name="keyturn")
        finally:
            sys.stdout.flush()
    except Failed as failed:
        _end(failed)
    except OSError as error:
        # What could not be written stays in the buffer: let it go nowhere, and not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(1)
        _end(Failed(f"cannot read or write: {error.strerror}"))


def _end(failed: Failed) -> None:
    for line in (f"keyturn: {failed.what}", failed.then):
        if line:
            sys.stderr.write(text.plain(text.without_keys(line)).strip() + "\n")
    sys.exit(failed.exit_code)
