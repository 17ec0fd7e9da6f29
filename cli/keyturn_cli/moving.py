"""The verb that brings another service's keys: import."""

import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from keyturn_cli import ask, options
from keyturn_cli.errors import LeftOut, Misused, NotFound
from keyturn_cli.options import Format

if TYPE_CHECKING:
    from keyturn_cli.importing import Import
    from keyturn_cli.rows import Reading

VARIABLE = "KEYTURN_IMPORT_SOURCE"

_OUTPUT = "ImportKeysFunctionArn"
_MOST = 16


class OnConflict(StrEnum):
    """What an alias that has another key does, or a string that is another alias's key."""

    SKIP = "skip"
    FAIL = "fail"


def import_keys(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            envvar=VARIABLE,
            help="A file.csv or file.jsonl, - for standard input, or a database's URL.",
        ),
    ],
    *,
    format: Annotated[  # noqa: A002 - what people call it
        Format | None, typer.Option(help="Of a file; else by its name.")
    ] = None,
    table: Annotated[str, typer.Option(metavar="NAME", help="Of a database.")] = "api_key",
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Give it again for another one. FIELD= alone: there is no such column.",
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(metavar="NAME", help="What times without a zone are in.")
    ] = "UTC",
    expire: Annotated[
        str | None, typer.Option(metavar="TIME", help="For rows that have none.")
    ] = None,
    on_conflict: Annotated[
        OnConflict, typer.Option(help="Leave out rows that conflict and go on, or end with them.")
    ] = OnConflict.SKIP,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say what would become of it.")
    ] = False,
    at_once: Annotated[
        int, typer.Option(min=1, max=_MOST, metavar="COUNT", help="Invocations at a time.")
    ] = 4,
    stack_name: options.StackName = "keyturn",
    region: options.Region = None,
    aws_profile: options.AwsProfile = None,
    yes: options.Yes = False,
) -> None:
    """Bring another service's keys, which go on working as they are.

    Your AWS credentials invoke the stack's import function, so IAM decides whether you may. A row
    has a key (or its sha256, in hexadecimal), alias, name, roles, is_active and expire. What cannot
    go in is told by its line and stops nothing else. The same again is safe, and is how to go on
    after an interruption: what is in stays as it is.
    """
    from keyturn_cli import databases, importing, rows, sources, stack

    names, zone = rows.named(column or []), _zone(timezone)
    default = _time(expire, zone)
    with ExitStack() as opened:
        if sources.is_url(source):
            where = "the database"
            read = opened.enter_context(databases.opened(source, table, names))
        else:
            where = source
            read = opened.enter_context(sources.opened(source, format, names))
        found = stack.find(stack_name, region, aws_profile)
        if _OUTPUT not in found.outputs:
            raise NotFound(
                f"the stack {stack_name} takes no keys of another service",
                "Deploy it with the parameter ImportedKeys=true, without which their strings would "
                "be refused too.",
            )
        function = found.function(_OUTPUT)
        if not dry_run:
            ask.confirmed(f"Import the keys of {where} with {function.arn}?", yes=yes)
        reading = rows.Reading(read.columns, zone, default)
        fail = on_conflict is OnConflict.FAIL
        run = importing.Import(function, read, dry_run=dry_run, fail=fail)
        items = opened.enter_context(closing(importing.items(read, reading)))
        try:
            with importing.progress(run, read.total) as moved:
                run.run(items, at_once, moved)
        finally:
            _tell(run, reading, timezone, dry_run=dry_run)
    if not run.counts.total():
        raise Misused(f"{where} holds no rows")
    if run.left_out:
        raise LeftOut(
            "a conflict ended it" if run.stopped else f"{run.left_out} rows stay out",
            "Each is told above. The same again takes those that are put right.",
        )


def _tell(run: "Import", reading: "Reading", timezone: str, *, dry_run: bool) -> None:
    """Say what became of the rows, also of those before an early end."""
    from keyturn_cli.importing import OUTCOMES

    always = {"imported", "present"}
    counts = {each: run.counts[each] for each in OUTCOMES if each in always or run.counts[each]}
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    sys.stdout.write(f"{run.counts.total()} rows{', a dry run' if dry_run else ''}: {said}\n")
    sys.stdout.flush()
    if reading.naive:
        sys.stderr.write(
            f"{reading.naive} times had no zone and were taken for {timezone} (--timezone).\n"
        )
    if not run.finished:
        there = "" if dry_run else f"{run.counts['imported'] + run.counts['present']} rows are in. "
        sys.stderr.write(f"It ended early. {there}The same again goes on, and leaves them be.\n")
    elif run.counts["imported"] and not dry_run:
        sys.stderr.write("Their strings work as long as the stack has ImportedKeys=true.\n")


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Misused("--timezone takes a name such as UTC or Europe/Berlin") from None


def _time(text: str | None, zone: tzinfo) -> str | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Misused("--expire takes a time in ISO 8601") from None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()
