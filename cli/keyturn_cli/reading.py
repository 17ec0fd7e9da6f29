"""Verbs that change nothing: list, show, events, usage, verify, whoami, export."""

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keyturn_cli import ask, options
from keyturn_cli.errors import Misused, NotValid
from keyturn_cli.options import Format, Output, connected

if TYPE_CHECKING:
    from keyturn_cli.api import Api


@connected
def list_keys(
    api: "Api",
    *,
    prefix: options.Prefix = "",
    status: options.OfStatus = None,
    limit: Annotated[int, typer.Option(min=1, metavar="COUNT", help="At most so many.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    output: options.As = Output.TABLE,
) -> None:
    """List keys by alias, without their strings."""
    from keyturn_cli import show

    found = api.items(prefix, status or "")
    shown = list(found if every else itertools.islice(found, limit))
    if output is Output.JSON:
        show.as_json(shown)
    elif shown:
        show.items(shown)
    else:
        sys.stderr.write("No keys. `keyturn create` makes one.\n")
    if next(found, None) is not None:
        sys.stderr.write(f"There are more than {limit}: --all shows them, --prefix fewer.\n")


@connected
def show_key(api: "Api", key: options.Named, *, output: options.As = Output.TABLE) -> None:
    """Show all there is to know about a key."""
    from keyturn_cli import show

    item = api.find(key)
    if output is Output.JSON:
        show.as_json(item)
    else:
        show.record(item)


@connected
def events(
    api: "Api",
    key: options.Named,
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=100, metavar="COUNT", help="At most so many.")
    ] = 20,
    output: options.As = Output.TABLE,
) -> None:
    """Show what happened to a key, the newest first."""
    from keyturn_cli import show

    page = api.events(api.find(key).id, limit)
    if output is Output.JSON:
        show.as_json(page.items)
    else:
        show.events(page.items)
    if page.cursor is not None:
        sys.stderr.write(f"There are more than {limit}.\n")


@connected
def usage(
    api: "Api",
    key: options.Named,
    *,
    days: Annotated[int, typer.Option(min=1, max=90, metavar="DAYS", help="Up to today.")] = 30,
    output: options.As = Output.TABLE,
) -> None:
    """Show how often a key was let in and refused."""
    from keyturn_cli import show

    item = api.find(key)
    used = api.usage(item.id, days).items
    if output is Output.JSON:
        show.as_json(used)
        return
    show.days(used)
    sys.stderr.write(f"Last used: {show.when(item.last_used_at)}.\n")


@connected
def verify(
    api: "Api",
    *,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="Any one of them.")
    ] = None,
    output: options.As = Output.TABLE,
) -> None:
    """Tell whether a key is valid.

    The key is read from a prompt, or as one line from standard input. With --key-stdin, the first
    line is your own key and the second the one to verify.
    """
    from keyturn_cli import show

    given = ask.secret("Key to verify").strip().strip("\ufeff")
    if not given:
        raise Misused("there is no key to verify", "Pipe it: `keyturn verify <file`, or type it.")
    verdict = api.verify(given, role or [])
    if output is Output.JSON:
        show.as_json(verdict)
    elif verdict.valid:
        show.record(verdict)
    if not verdict.valid:
        raise NotValid(f"the key is not valid: {verdict.code}")


@connected
def whoami(api: "Api", *, output: options.As = Output.TABLE) -> None:
    """Show the key you are calling with; any valid key may."""
    from keyturn_cli import show

    item = api.own()
    if output is Output.JSON:
        show.as_json(item)
        return
    sys.stderr.write(f"The key from {api.server.source}, at {api.server.url}\n\n")
    sys.stderr.flush()
    show.record(item)


@connected
def export(
    api: "Api",
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to.")],
    *,
    format: Annotated[  # noqa: A002 - what people call it
        Format | None, typer.Option(help="How; else by the file's name, or as jsonl.")
    ] = None,
    prefix: options.Prefix = "",
    status: options.OfStatus = None,
    yes: options.Yes = False,
) -> None:
    """Write all records to a file, without any string.

    All of them, or the file stays as it was. In CSV, text that a spreadsheet would take for a
    formula gets a ' before it.
    """
    from keyturn_cli import export

    if file.exists() and not file.is_file():
        raise Misused(f"{file} is no file that could be replaced")
    if file.exists():
        ask.confirmed(f"{file} is there already. Replace it?", yes=yes)
    kind = format or (Format.CSV if file.suffix.lower() == ".csv" else Format.JSONL)
    count = export.write(file, kind, api.items(prefix, status or ""))
    sys.stderr.write(f"Wrote {count} records to {file}\n")
