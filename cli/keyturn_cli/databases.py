"""Rows of a SQL table, by a URL of SQLAlchemy's: streamed, and in the order of the primary key.

Nothing that a driver says is told but the error's kind and code: its words quote rows, and URLs.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyturn_cli import rows
from keyturn_cli.errors import Misused, Unanswered
from keyturn_cli.moving import VARIABLE
from keyturn_cli.sources import Source, Values

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

_AT_ONCE = 500
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SECRETS = {"password", "passwd", "pwd", "sslpassword"}
_INSTALL = "Install it beside this command: docs/cli.md, Bringing keys."


@contextmanager
def opened(source: str, table: str, names: Mapping[str, str]) -> Iterator[Source]:
    """Read a table, or a view; `table` may have a schema before it.

    Raises:
        Misused: no such table, or it has other columns; or SQLAlchemy or its driver is missing.
        Unanswered: the database cannot be reached.
    """
    try:
        import sqlalchemy as sql
    except ImportError:
        raise Misused("reading a database takes SQLAlchemy, which is not here", _INSTALL) from None
    url = _parsed(source)
    with _said("the database cannot be reached", "Its own client may say why."):
        engine = sql.create_engine(url, hide_parameters=True, poolclass=sql.NullPool)
        connection = engine.connect()
    try:
        with _said("the database does not say what it holds"):
            inspector = sql.inspect(connection)
            schema, _, name = table.rpartition(".")
            found = _found(inspector, name, schema or None)
            columns = rows.among(found, names)
            order = inspector.get_pk_constraint(name, schema or None)["constrained_columns"]
        origin = sql.table(name, schema=schema or None)
        # Columns without a type: `rows` reads what the driver gives, and a bad one is one bad row.
        wanted: list[sql.ColumnClause[Any]] = [
            sql.column(column) for column in dict.fromkeys(columns.values())
        ]
        query = sql.select(*wanted).select_from(origin).order_by(*map(sql.column, order))
        total = None
        if sys.stderr.isatty():
            with _said("the database does not say how much it holds"):
                count = sql.select(sql.func.count()).select_from(origin)
                total = connection.execute(count).scalar_one()
        read = _Reader(connection, query)
        yield Source("row", columns, iter(read), read.position, total)
    finally:
        with suppress(Exception):  # it may have gone away
            connection.close()


class _Reader:
    """Rows as they come, and how many came."""

    def __init__(self, connection: "Connection", query: "Select[Any]") -> None:
        self._connection, self._query, self._read = connection, query, 0

    def position(self) -> int:
        return self._read

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        with _said("the database broke off"):
            options = {"stream_results": True, "yield_per": _AT_ONCE}
            found = iter(
                self._connection.execute(self._query, execution_options=options).mappings()
            )
        while True:
            with _said("the database broke off"):
                values = next(found, None)
            if values is None:
                return
            self._read += 1
            yield self._read, dict(values)


def _parsed(source: str) -> Any:  # noqa: ANN401 - SQLAlchemy is not loaded for its types alone
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(source)
        url.get_dialect()
    except ImportError as error:
        raise Misused(f"the driver {error.name} is not here", _INSTALL) from None
    except (ArgumentError, ValueError):  # also of a dialect that there is not
        raise Misused("the URL is none that SQLAlchemy reads", "dialect://user@host/name") from None
    if (url.password or _SECRETS & {*url.query}) and source in sys.argv:
        raise Misused(
            "the URL holds a password, and arguments are no secret",
            f"Leave SOURCE out, and let the environment's {VARIABLE} be the URL.",
        )
    if url.get_backend_name() == "sqlite" and url.database:  # which would be made
        path = url.database
        if not path.startswith("file:") and not Path(path).is_file():
            raise Misused(f"{path} is no file")
    return url


def _found(inspector: Any, table: str, schema: str | None) -> list[str]:  # noqa: ANN401 - as above
    from sqlalchemy.exc import NoSuchTableError

    try:
        return [column["name"] for column in inspector.get_columns(table, schema)]
    except NoSuchTableError:
        tables = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        raise Misused(
            f"there is no table {table}, but there are: {rows.shown(tables)}",
            "--table says which one it is.",
        ) from None


@contextmanager
def _said(what: str, then: str = "") -> Iterator[None]:
    """Make what a driver raises an end of ours."""
    try:
        yield
    except Misused:
        raise
    except ImportError as error:
        raise Misused(f"the driver {error.name} is not here", _INSTALL) from None
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        cause = getattr(error, "orig", None) or error
        codes = [getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)]
        codes += list(cause.args[:1]) if cause.args and isinstance(cause.args[0], int) else []
        code = next((str(each) for each in codes if _CODE.fullmatch(str(each or ""))), "")
        kind = type(cause).__name__ + (f" {code}" if code else "")
        raise Unanswered(f"{what} ({kind})", then) from None
