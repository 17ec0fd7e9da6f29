"""What a person sees: tables, and times as people say them; or JSON.

Names come from others, so all text goes through `plain`, and none is read as markup. Where output
goes to a file or a pipe, no column is cut.
"""

import itertools
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyturn_cli.records import Answer, Day, Event, Item
from keyturn_cli.text import plain

DAY = 86400

_UNITS = ((DAY, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
_STYLES = {"active": "green", "expired": "yellow", "revoked": "red", "yes": "green"}
_SOON = ((DAY, "red"), (3 * DAY, "yellow"))
_NARROW = 64
_WHERE_WIDE = (("last_used_at", _NARROW), ("id", 88), ("roles", 108))
_UNCUT = 10_000
_LONGEST_BAR, _BEFORE_BAR = 30, 32
BRIEF = (
    *("alias", "name", "id", "roles", "expire", "generation", "previous_expires_at"),
    *("previous_last_seen_at", "rotate_every_days", "metadata"),
)
FULL = (
    *("alias", "name", "id", "valid", "status", "roles", "expire", "ttl_days", "generation"),
    *("hint", "rotate_every_days", "last_used_at", "last_generation_used", "previous_expires_at"),
    *("previous_last_seen_at", "revoked_at", "revoke_reason", "metadata", "created_at"),
    *("updated_at", "updated_by"),
)
_LABELS = {
    "at": "when",
    "type": "what",
    "actor": "by",
    "expire": "expires",
    "ttl_days": "valid for",
    "rotate_every_days": "rotates every",
    "last_used_at": "last used",
    "last_generation_used": "with generation",
    "previous_expires_at": "old string until",
    "previous_last_seen_at": "old string seen",
    "revoked_at": "revoked",
    "revoke_reason": "reason",
    "created_at": "created",
    "updated_at": "changed",
    "updated_by": "changed by",
}


def console(*, err: bool = False) -> Console:
    """Return where to write; NO_COLOR means what it means elsewhere."""
    file = sys.stderr if err else sys.stdout
    width = None if file.isatty() else _UNCUT
    return Console(file=file, markup=False, emoji=False, highlight=False, width=width)


def as_json(shown: Answer | Sequence[Answer]) -> None:
    """Write what the server said, in ASCII: a terminal has nothing to obey."""
    value = shown.said() if isinstance(shown, Answer) else [each.said() for each in shown]
    sys.stdout.write(json.dumps(value, indent=2).replace("\x7f", "\\u007f") + "\n")


def record(shown: Answer, fields: Sequence[str] = FULL, *, err: bool = False) -> None:
    """Write what is known of one key, a line for each that has a value, but never its string."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    values = shown.said()
    for name in fields:
        if values.get(name) not in (None, [], {}):
            grid.add_row(_LABELS.get(name, name), _cell(name, values))
    console(err=err).print(grid)


def items(shown: Sequence[Item]) -> None:
    """Write a table of keys; a narrow terminal gets fewer columns."""
    out = console()
    columns = ["alias", "status", "expire"]
    columns += [name for name, width in _WHERE_WIDE if out.width >= width]
    table = _table(*(_LABELS.get(name, name) for name in columns))
    for item in shown:
        table.add_row(*(_cell(name, item.said(), short=True) for name in columns))
    out.print(table)


def days(shown: Sequence[Day]) -> None:
    """Write decisions by day, each with a bar; from the first day on that had any."""
    out = console()
    shown = list(itertools.dropwhile(lambda day: not day.allowed + day.denied, shown))
    block = "\u2588" if out.encoding.startswith("utf") else "#"
    longest = min(_LONGEST_BAR, out.width - _BEFORE_BAR)
    most = max((day.allowed + day.denied for day in shown), default=0) or 1
    table = _table("day", "allowed", "denied", "")
    for day in shown:
        bar = Text()
        for count, style in ((day.allowed, "green"), (day.denied, "red")):
            bar.append(block * math.ceil(count * longest / most), style)
        table.add_row(Text(plain(day.day)), str(day.allowed), str(day.denied), bar)
    for column in table.columns[1:3]:
        column.justify = "right"
    out.print(table)


def events(shown: Sequence[Event]) -> None:
    """Write what happened to a key."""
    out = console()
    columns = ["at", "type", "generation", "actor", "reason"]
    if out.width < _NARROW:
        columns = ["at", "type", "reason"]
    table = _table(*(_LABELS.get(name, name) for name in columns))
    for event in shown:
        table.add_row(*(_cell(name, event.said(), short=True) for name in columns))
    out.print(table)


def when(text: str | None) -> str:
    """Return a time as people say it: `in 15 days`, `2 hours ago`, `never`."""
    moment = _moment(text)
    if moment is None:
        return "never" if text is None else plain(text)
    left = (moment - datetime.now(UTC)).total_seconds()
    for size, unit in _UNITS:
        if abs(left) >= 1.5 * size:
            count = f"{round(abs(left) / size)} {unit}"
            return f"in {count}" if left > 0 else f"{count} ago"
    return "now"


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name.upper(), overflow="fold")
    return table


def _cell(name: str, values: Mapping[str, Any], *, short: bool = False) -> Text:
    value = values.get(name)
    if name in {"status", "valid"}:
        said = "yes" if value is True else plain(value)
        return Text(said, _STYLES.get(said, ""))
    if name in {"expire", "at"} or name.endswith("_at"):
        moment = None if short else _moment(value)
        exact = f" ({moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC)" if moment else ""
        return Text(when(value) + exact, _urgency(values) if name == "expire" else "")
    if name in {"ttl_days", "rotate_every_days"}:
        return Text(f"{value} days")
    if name == "roles":
        return Text(plain(", ".join(value or [])))
    if name == "metadata":
        return Text("\n".join(f"{plain(key)}={plain(each)}" for key, each in (value or {}).items()))
    return Text("" if value is None else plain(value))


def _urgency(values: Mapping[str, Any]) -> str:
    moment = _moment(values["expire"])
    if values.get("status") == "revoked":
        return "dim"
    if moment is None:
        return ""
    left = (moment - datetime.now(UTC)).total_seconds()
    return next((style for seconds, style in _SOON if left < seconds), "")
