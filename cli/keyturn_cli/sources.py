"""Where rows come from: a file of CSV or JSON lines, or `databases`. They are read as they go."""

import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

from keyturn_cli import rows
from keyturn_cli.errors import Misused, Unanswered
from keyturn_cli.options import Format
from keyturn_cli.rows import BadRow

STDIN = "-"

_LONGEST_LINE = 1024 * 1024
_PATIENCE = 1000  # bad lines before the first good one
_SUFFIXES = {".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}

Values = Mapping[str, Any] | BadRow


@dataclass
class Source:
    """Rows by their numbers, which `unit` says of what; `columns` are those of the fields.

    `position` says how far the reading is, and `total` how far that goes, if anybody knows.
    """

    unit: str
    columns: Mapping[str, str]
    numbered: Iterator[tuple[int, Values]]
    position: Callable[[], int]
    total: int | None = None


def is_url(source: str) -> bool:
    """Tell whether a source is a database."""
    return "://" in source


@contextmanager
def opened(source: str, format: Format | None, names: Mapping[str, str]) -> Iterator[Source]:  # noqa: A002
    """Open a file, or standard input.

    Raises:
        Misused: it cannot be read, is empty, or has other columns.
    """
    kind = format or _SUFFIXES.get(Path(source).suffix.lower())
    if kind is None:
        raise Misused(f"{source} does not say what it is", "Add --format csv or --format jsonl.")
    try:
        file = sys.stdin.buffer if source == STDIN else open(source, "rb")  # noqa: PTH123, SIM115
        total = None if source == STDIN else os.fstat(file.fileno()).st_size
    except OSError as error:
        raise Misused(f"{source} cannot be read: {error.strerror}") from None
    with file:
        yield _READERS[kind](_Text(file, total), names)


class _Text:
    """A file's lines, none endless. What is not UTF-8 becomes surrogates, which no row may hold."""

    def __init__(self, file: BinaryIO, total: int | None) -> None:
        self.total = total
        self._file = file
        self._text = TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
        self._read = 0

    def position(self) -> int:
        return self._read

    def __iter__(self) -> Iterator[str]:
        while line := self._line():
            whole = len(line) < _LONGEST_LINE or line.endswith(("\n", "\r"))
            yield line
            while not whole:
                rest = self._line()
                whole = len(rest) < _LONGEST_LINE or rest.endswith(("\n", "\r"))

    def _line(self) -> str:
        try:
            line = self._text.readline(_LONGEST_LINE)
        except OSError as error:
            raise Unanswered(f"the source cannot be read further: {error.strerror}") from None
        self._read += len(line)
        return line


def _csv(text: _Text, names: Mapping[str, str]) -> Source:
    lines = iter(text)
    first = next(lines, "")
    if not first.strip():
        raise Misused("the source is empty", "The first line of CSV names the columns.")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error:
        raise Misused("the first line is not CSV", "It is to name the columns.") from None
    return Source(
        "line", rows.among(header, names), _records(reader, header), text.position, text.total
    )


def _records(reader: Any, header: list[str]) -> Iterator[tuple[int, Values]]:  # noqa: ANN401 - csv's own
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield number, BadRow("is not CSV: look at its quotes")
            continue
        if cells and len(cells) != len(header):
            yield number, BadRow(f"has {len(cells)} columns, and the first line {len(header)}")
        elif cells:
            yield number, dict(zip(header, cells, strict=True))


def _jsonl(text: _Text, names: Mapping[str, str]) -> Source:
    objects = _objects(text)
    seen: list[tuple[int, Values]] = []
    columns: dict[str, str] = {}
    for number, values in objects:
        seen.append((number, values))
        if not isinstance(values, BadRow):
            columns = rows.among([*values], names, every=False)
        if columns or len(seen) == _PATIENCE:
            break
    if not seen:
        raise Misused("the source is empty")
    if not columns:
        raise Misused("the source holds no JSON lines", "Each is to be an object: a key's row.")
    return Source("line", columns, itertools.chain(seen, objects), text.position, text.total)


def _objects(text: _Text) -> Iterator[tuple[int, Values]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        yield number, values if isinstance(values, dict) else BadRow("is not a JSON object")


_READERS = {Format.CSV: _csv, Format.JSONL: _jsonl}
