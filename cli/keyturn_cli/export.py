"""All records into a file: streamed, and there as a whole or not at all."""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from keyturn_cli.errors import Misused
from keyturn_cli.options import Format
from keyturn_cli.records import Item
from keyturn_cli.show import console

COLUMNS = (
    *("id", "alias", "name", "status", "roles", "expire", "ttl_days", "generation", "hint"),
    *("is_active", "created_at", "updated_at", "updated_by", "revoked_at", "revoke_reason"),
    *("previous_expires_at", "rotate_every_days", "last_used_at", "metadata"),
)
Put = Callable[[dict[str, Any]], object]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(path: Path, format: Format, items: Iterable[Item]) -> int:  # noqa: A002 - as above
    """Write the records, and return how many there were.

    The file gets its name when all is in it and on the disk; only its owner may read it.

    Raises:
        Misused: it cannot be written.
        Failed: the list broke off.
    """
    count = 0
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keyturn-")
        try:
            with open(handle, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor
                put = _WRITERS[format](file)
                for item in _watched(items):
                    put(item.said())
                    count += 1
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise Misused(f"{path} cannot be written: {error.strerror}") from None
    return count


def _watched(items: Iterable[Item]) -> Iterator[Item]:
    """Pass items on, and show on a terminal how many there were."""
    out = console(err=True)
    columns = (TextColumn("Exporting"), BarColumn(), TextColumn("{task.completed} keys"))
    with Progress(*columns, TimeElapsedColumn(), console=out, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for item in items:
            yield item
            bar.advance(task)


def _jsonl(file: TextIO) -> Put:
    return lambda record: file.write(json.dumps(record) + "\n")


def _csv(file: TextIO) -> Put:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    return lambda record: writer.writerow(_cell(record.get(name)) for name in COLUMNS)


def _cell(value: object) -> str:
    if isinstance(value, list):
        text = " ".join(map(str, value))
    elif isinstance(value, dict):
        text = json.dumps(value)
    else:
        text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


_WRITERS = {Format.JSONL: _jsonl, Format.CSV: _csv}
