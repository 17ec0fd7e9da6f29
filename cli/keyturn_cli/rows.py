"""What another service says of a key, in the words of the import function.

A row's own text is never told: what it is taken for may be a key.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any

from keyturn_cli.errors import Misused
from keyturn_cli.text import plain, without_keys

FIELDS = ("key", "sha256", "alias", "name", "roles", "is_active", "expire")

_STRINGS = ("key", "sha256")
_LONGEST = 16 * 1024  # 25 such rows are far from what an invocation takes
_YES = {"1", "true", "t", "yes", "y", "on", "\x01"}  # the last is how MySQL gives a BIT
_NO = {"0", "false", "f", "no", "n", "off", "\x00"}
_SURROGATE = re.compile("[\ud800-\udfff]")
# Where a header is missing, the first row has its place. A word is no key, nor is what is as short.
_NAME = re.compile(r"[A-Z_]{1,32}|[a-z_]{1,32}|.{1,15}")
_SHOWN, _WHOLE = 12, 24
_SHA256_BYTES = 32


class BadRow(Exception):
    """A row that cannot be sent; the text names a field and its rule and holds nothing of it."""


def named(given: Sequence[str]) -> dict[str, str]:
    """Read which column has which field, as options say it; an empty one, there is none.

    Raises:
        Misused: they cannot be meant so.
    """
    names: dict[str, str] = {}
    for each in given:
        field, equals, column = each.partition("=")
        if not equals or field not in FIELDS or field in names:
            raise Misused(f"--column takes FIELD=COLUMN, each once; fields are {', '.join(FIELDS)}")
        names[field] = column
    return names


def among(found: Sequence[str], names: Mapping[str, str], *, every: bool = True) -> dict[str, str]:
    """Return which column has which field; of key and sha256, one suffices.

    Without `every`, only those are looked for that no row can do without.

    Raises:
        Misused: columns are not there, or one is there twice.
    """
    strings = [field for field in _STRINGS if names.get(field)] or [
        field for field in _STRINGS if field not in names and (field in found or not every)
    ]
    others = [field for field in FIELDS if field not in _STRINGS and names.get(field, field)]
    columns = {field: names.get(field, field) for field in (*strings, *others)}
    needed = [*others] if every else ["alias"]
    missing = [columns.get(field, field) for field in needed if columns.get(field) not in found]
    if not any(columns[field] in found for field in strings):
        missing.insert(0, columns[strings[0]] if strings else "key")
    elif every:
        missing += [columns[field] for field in strings if columns[field] not in found]
    then = "--column FIELD=COLUMN says what a field's is called, --column FIELD= that it has none."
    if missing:
        raise Misused(f"there is no column {shown(missing)}, but there are: {shown(found)}", then)
    if "alias" not in columns:
        raise Misused("without a column for the alias nothing can be imported", then)
    twice = [column for column in columns.values() if found.count(column) > 1]
    if twice:
        raise Misused(f"the column {shown(twice)} is there twice")
    return columns


def shown(names: Iterable[object]) -> str:
    """Return names as they may be shown: whatever stands in their place, no key is among them."""
    words = (str(name) for name in names)
    return ", ".join(plain(word) if _NAME.fullmatch(word) else "..." for word in words) or "none"


def shown_alias(alias: object, key: object) -> str:
    """Return a row's alias, cut short where it is long, and not told where it is the key."""
    text = str(alias)
    if key and str(key) in text:
        return "..."
    return plain(without_keys(text if len(text) <= _WHOLE else f"{text[:_SHOWN]}..."))


@dataclass
class Reading:
    """How rows are read; `naive` counts times without a zone, which were taken for `zone`'s."""

    columns: Mapping[str, str]
    zone: tzinfo
    expire: str | None
    naive: int = 0

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row as the import function takes it. What is right about it, that will say.

        Raises:
            BadRow: it cannot be sent.
        """
        own = {field: values.get(column) for field, column in self.columns.items()}
        alias = _plain(own["alias"])
        name = _plain(own.get("name", alias))
        row: dict[str, Any] = {
            "alias": alias,
            "name": None if name is None else str(name),
            "roles": _roles(own.get("roles")),
            "expire": self._expire(own.get("expire")),
        }
        if "is_active" in own:
            row["is_active"] = _flag(_plain(own["is_active"]))
        for field in _STRINGS:
            if own.get(field) not in (None, ""):
                row[field] = _string(field, own[field])
        try:
            sent = json.dumps(row, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise BadRow("holds what JSON cannot") from None
        if _SURROGATE.search(sent):
            raise BadRow("is not UTF-8")
        if len(sent) > _LONGEST:
            raise BadRow("is longer than 16 KiB")
        return row

    def _expire(self, value: object) -> object:
        value = value.strip() if isinstance(value, str) else value
        if value in (None, ""):
            return self.expire
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            return value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if not isinstance(moment, datetime):
            return _plain(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
            self.naive += 1
        return moment.isoformat()


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a database gives is anything
    """Return a value in JSON's types."""
    if isinstance(value, memoryview | bytes | bytearray):
        return bytes(value).decode("utf-8", "surrogateescape")
    if value is None or isinstance(value, str | bool | int | float | list | dict):
        return value
    text = str(value)  # UUID, Decimal, a date
    return int(text) if text.isdecimal() else text


def _string(field: str, value: object) -> object:
    if field == "sha256" and isinstance(value, memoryview | bytes | bytearray):
        digest = bytes(value)
        return digest.hex() if len(digest) == _SHA256_BYTES else _plain(value)
    return _plain(value)


def _roles(value: object) -> object:
    """Read a list: as it is, as JSON, with commas, or as PostgreSQL writes an array."""
    value = _plain(value)
    if not isinstance(value, str):
        return [] if value is None else value
    text = value.strip()
    if text.startswith(("[", '"')) or text == "null":
        try:
            return _roles(json.loads(text))
        except (ValueError, RecursionError):
            return text
    text = text.removeprefix("{").removesuffix("}")
    return [role.strip() for role in text.split(",") if role.strip()]


def _flag(value: object) -> bool:
    text = value if isinstance(value, str) else str(value)
    text = text.strip(" ").lower()
    if text not in _YES | _NO:
        raise BadRow("is_active: must be true or false, 1 or 0")
    return text in _YES
