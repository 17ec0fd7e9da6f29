"""Keys of another service into a deployed stack: many rows an invocation, several at once.

Repeating all of it is what going on means: rows that are in are found, and left as they are.
"""

import sqlite3
import sys
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from random import SystemRandom
from secrets import token_bytes
from threading import Event
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from keyturn_cli.errors import Unanswered
from keyturn_cli.rows import BadRow, Reading, shown_alias
from keyturn_cli.show import console
from keyturn_cli.sources import Source
from keyturn_cli.stack import Function, unlike_ours
from keyturn_cli.text import plain

IMPORTED, PRESENT, INVALID = "imported", "present", "invalid"
CONFLICTS = ALIAS_TAKEN, KEY_KNOWN = ("alias_taken", "key_known")

OUTCOMES = (IMPORTED, PRESENT, *CONFLICTS, INVALID)


_ROWS = 25  # what the function takes
_ITEMS = 500  # rows in a batch, those that are bad on sight among them
_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0


@dataclass
class Item:
    """A row on its way: `sent` to the function, or else judged here already.

    `again`: a row before it had the same alias and the same string.
    """

    number: int
    alias: str
    sent: dict[str, Any] | None = field(default=None, repr=False)
    outcome: str = ""
    detail: str = ""
    again: bool = False


_Pending = deque[tuple[list[Item], Future[list[Any]], int]]


class Seen:
    """Which aliases and strings the source had already; on the disk, however many there are.

    Under digests with a key of this run: the file says nothing of a string, and is gone in the end.
    """

    def __init__(self) -> None:
        """Make the file, which has no name."""
        self._file = sqlite3.connect("")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, number) WITHOUT ROWID")
        self._secret = token_bytes(32)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def first(self, kind: bytes, text: str, number: int) -> int:
        """Return the number of the first row with this text, which may be this one."""
        digest = blake2b(kind + text.encode(), key=self._secret, digest_size=20).digest()
        self._file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, number))
        found = self._file.execute("SELECT number FROM seen WHERE digest = ?", (digest,))
        first: int = found.fetchone()[0]
        return first


class Import:
    """One run: `counts` by outcome; a line on standard output for each row that stays out."""

    def __init__(self, function: Function, source: Source, *, dry_run: bool, fail: bool) -> None:
        """Say where to, where from and how: with `fail`, a conflict ends it."""
        self.counts: Counter[str] = Counter()
        self._function, self._source = function, source
        self._dry_run, self._fail = dry_run, fail
        self.finished = False
        self._ending = Event()

    @property
    def left_out(self) -> int:
        """Return how many rows stay out."""
        return self.counts.total() - self.counts[IMPORTED] - self.counts[PRESENT]

    @property
    def stopped(self) -> bool:
        """Tell whether there was a conflict that ends it."""
        return self._fail and any(self.counts[conflict] for conflict in CONFLICTS)

    def run(self, items: Iterable[Item], at_once: int, moved: Callable[[int], object]) -> None:
        """Send rows; `moved` is told how far the reading is.

        However it ends, what was on its way by then is waited for and counted.

        Raises:
            Failed: rows cannot be read or sent any further.
        """
        pending: _Pending = deque()
        with ThreadPoolExecutor(at_once) as pool:
            try:
                for batch in _batches(items):
                    # Among those on their way before it is: an interruption must not lose it.
                    sending: Future[list[Any]] = Future()
                    pending.append((batch, sending, self._source.position()))
                    pool.submit(self._deliver, batch, sending)
                    while len(pending) > 2 * at_once or (pending and pending[0][1].done()):
                        moved(self._settle(pending))
                    if self.stopped:
                        return
                while pending and not self.stopped:
                    moved(self._settle(pending))
                self.finished = not self.stopped
            finally:
                self._ending.set()
                for _, sending, _ in pending:
                    sending.cancel()
                while pending:
                    sending = pending[0][1]
                    if sending.cancelled() or sending.exception() is not None:
                        pending.popleft()
                    else:
                        self._settle(pending)

    def _deliver(self, batch: list[Item], sending: Future[list[Any]]) -> None:
        if sending.set_running_or_notify_cancel():
            try:
                sending.set_result(self._send(batch))
            except Exception as failed:  # noqa: BLE001 - whoever waits for it gets it
                sending.set_exception(failed)

    def _send(self, batch: list[Item]) -> list[Any]:
        rows = [item.sent for item in batch if item.sent is not None]
        if not rows:
            return []
        attempt = 1
        while True:
            try:
                said = self._function.invoke({"rows": rows, "dry_run": self._dry_run})
                return _results(said, len(rows))
            except Unanswered as failed:
                for row in rows:  # what answers there may quote them
                    if "key" in row:
                        failed.what = failed.what.replace(str(row["key"]), "...")
                if attempt == _ATTEMPTS or self._ending.is_set():
                    raise
            longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            self._ending.wait(SystemRandom().uniform(longest / 2, longest))
            attempt += 1

    def _settle(self, pending: "_Pending") -> int:
        """Wait for the first batch, count what became of it, and say how far it goes."""
        results = iter(pending[0][1].result())  # interrupted here, it is still to be counted
        batch, _, at = pending.popleft()
        for item in batch:
            if item.sent is not None:
                result = next(results)
                item.outcome, item.detail = result["outcome"], str(result.get("detail", ""))
                if item.again and item.outcome == IMPORTED and self._dry_run:
                    item.outcome = PRESENT
            self.counts[item.outcome] += 1
            if item.outcome not in {IMPORTED, PRESENT}:
                where = f"{self._source.unit} {item.number} ({item.alias})"
                sys.stdout.write(f"{where}: {item.outcome}: {plain(item.detail)}\n")
        return at


@contextmanager
def progress(run: Import, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show on a terminal how far it is; gives what is to be told that."""
    out = console(err=True)
    bar = Progress(
        *(TextColumn("Importing"), BarColumn(), TaskProgressColumn()),
        *(TextColumn("{task.fields[done]} rows"), TimeElapsedColumn()),
        console=out,
        disable=not out.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else what is meant for a file would be shown here
    )
    with bar:
        task = bar.add_task("", total=total, done=0)
        yield lambda place: bar.update(task, completed=place, done=run.counts.total())
        bar.update(task, completed=total, done=run.counts.total())


def items(source: Source, reading: Reading) -> Generator[Item]:
    """Read a source's rows, each judged as far as that can be done here.

    Of rows with the same alias or the same string, the first counts: they could meet at once.
    """
    with closing(Seen()) as seen:
        for number, values in source.numbered:
            if isinstance(values, BadRow):
                yield Item(number, "?", None, INVALID, str(values))
                continue
            get = {f: values.get(column) for f, column in reading.columns.items()}.get
            alias = shown_alias(get("alias"), get("key"))
            try:
                row = reading.row(values)
            except BadRow as bad:
                yield Item(number, alias, None, INVALID, str(bad))
                continue
            yield _met(seen, Item(number, alias, row), source.unit)


def _met(seen: Seen, item: Item, unit: str) -> Item:
    """Judge a row by the rows before it."""
    row = item.sent or {}
    alias = unicodedata.normalize("NFC", str(row["alias"] or "").strip())
    digest = row.get("sha256") or ("key" in row and sha256(str(row["key"]).encode()).hexdigest())
    if not (alias and digest):
        return item  # the function says what is wrong with it
    of_alias = seen.first(b"alias", alias, item.number)
    of_key = seen.first(b"key", str(digest).lower(), item.number)
    if of_alias == of_key:
        item.again = of_alias != item.number
    elif of_key != item.number:
        item.sent, item.outcome = None, KEY_KNOWN
        item.detail = f"{unit} {of_key} has the same string"
    else:
        item.sent, item.outcome = None, ALIAS_TAKEN
        item.detail = f"{unit} {of_alias} has the same alias"
    return item


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    sent = 0
    for item in items:
        batch.append(item)
        sent += item.sent is not None
        if sent == _ROWS or len(batch) == _ITEMS:
            yield batch
            batch, sent = [], 0
    if batch:
        yield batch


def _results(said: Any, count: int) -> list[Any]:  # noqa: ANN401 - any JSON
    try:
        results = list(said["results"])
        alike = all(result["outcome"] in OUTCOMES for result in results)
    except (TypeError, KeyError):
        alike, results = False, []
    if not alike or len(results) != count:
        raise unlike_ours()
    return results
