"""import: what goes away half way, and whoever answers instead; the same again goes on."""

import os
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.cli.account import Account, failed, refusal
from tests.cli.between import Reply, Request
from tests.cli.bringing import Bringing, as_csv, bring, key_of, row, works
from tests.cli.terminal import terminal
from tests.support_aws import Aws, Table, refused

__all__ = ["bring"]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr("keyturn_cli.importing._FIRST_WAIT", 0.001)


def test_a_database_that_goes_away_half_way_says_how_many_are_in(bring: Bringing) -> None:
    path = bring.folder / "old.db"
    # Most rows are of no use to the function, which is quick about them; long, so that no reader
    # has them all at once.
    rows = [row("first"), *(row(f"a{n:04}", roles="root", name="n" * 999) for n in range(1200))]
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE api_key (key, alias, name, roles, is_active, expire)")
        database.executemany(
            "INSERT INTO api_key VALUES (:key, :alias, :name, :roles, :is_active, :expire)", rows
        )
    database.close()
    whole = path.read_bytes()

    def cut(request: Request) -> Reply:
        os.truncate(path, len(whole) // 2)
        return bring.account.function(request)

    with bring.answered_by(cut):
        done = bring(f"sqlite:///{path}", "--at-once", "1")

    assert done.code == 5
    assert "keyturn: the database broke off (" in done.err
    assert (
        "It ended early. 1 rows are in. The same again goes on, and leaves them be.\n" in done.err
    )
    assert re.search(" rows: (1 imported, 0|0 imported, 1) present, ", done.out)  # moto may be slow
    assert works("first")
    path.write_bytes(whole)
    again = bring(f"sqlite:///{path}")
    assert again.out.endswith("1201 rows: 0 imported, 1 present, 1200 invalid\n")


@pytest.mark.prove
def test_a_run_that_is_interrupted_counts_what_was_on_its_way(bring: Bringing) -> None:
    asked, told = Event(), Event()

    def held(request: Request) -> Reply:
        asked.set()
        assert told.wait(20)
        return bring.account.function(request)

    file = bring.file("keys.csv", as_csv(*(row(f"a{n}") for n in range(30))))
    with (
        bring.answered_by(held),
        terminal(bring.command, "import", file, "--at-once", "1", "--yes", COLUMNS="200") as shown,
    ):
        assert asked.wait(20)
        shown.interrupt()
        told.set()
        assert shown.end() == 130
    assert "Traceback" not in shown.shown
    assert "25 rows: 25 imported, 0 present" in shown.shown
    assert "It ended early. 25 rows are in. The same again goes on" in shown.shown
    assert key_of("a0")[:16] not in shown.shown
    assert "30 rows: 5 imported, 25 present\n" in bring(file).out


def test_a_function_that_cannot_now_is_asked_again(bring: Bringing, aws: Aws) -> None:
    file = bring.file("keys.csv", as_csv(row("billing")))
    aws.plan("TransactWriteItems", refused("AccessDeniedException"))
    throttled = refusal("TooManyRequestsException", "Rate exceeded", 429)

    with bring.answered_by(throttled, failed("Unavailable", ""), bring.account.function):
        assert bring(file).out == "1 rows: 1 imported, 0 present\n"

    assert works("billing")


def lost(account: Account) -> Callable[[Request], Reply]:
    def step(request: Request) -> Reply:
        account.function(request)
        return Reply(body=None)

    return step


def test_an_answer_that_is_lost_is_found_by_asking_again(bring: Bringing, table: Table) -> None:
    file = bring.file("keys.csv", as_csv(row("billing")))

    with bring.answered_by(lost(bring.account), bring.account.function):
        assert bring(file).out == "1 rows: 0 imported, 1 present\n"

    assert works("billing")
    assert len(table.rows()) == 2


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (
            failed("Runtime.ImportModuleError", f"no {key_of('a')}"),
            5,
            "(Runtime.ImportModuleError)",
        ),
        (failed(key_of("a"), ""), 5, "the function failed\n"),
        (refusal("AccessDeniedException", "not yours", 403), 3, "lambda:InvokeFunction"),
        (Reply(200, b'{"results": []}'), 5, "the function does not answer as Keyturn's"),
        (Reply(200, b'{"results": [{"outcome": "x"}]}'), 5, "does not answer as Keyturn's"),
        (Reply(200, b"\xff"), 5, "the function does not answer as Keyturn's"),
        (
            refusal("ServiceException", f"it has {key_of('a')}", 500),
            5,
            "it has ... (ServiceException)",
        ),
    ],
    ids=str,
)
def test_what_answers_instead_is_told_once_and_without_what_was_sent(
    bring: Bringing, reply: Reply, code: int, said: str
) -> None:
    file = bring.file("keys.csv", as_csv(row("a"), *(row(f"b{n}") for n in range(60))))

    with bring.answered_by(reply):
        done = bring(file)

    assert (done.code, done.out) == (code, "0 rows: 0 imported, 0 present\n")
    assert said in done.err
    assert done.err.count("keyturn: ") == 1


@pytest.mark.prove
def test_two_who_bring_the_same_at_once_bring_it_once(bring: Bringing, table: Table) -> None:
    file = bring.file("keys.csv", as_csv(*(row(f"a{n}") for n in range(10))))
    asked = ("import", file, "--yes")
    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(lambda _: bring.command.process(*asked), range(2))]

    assert [each.code for each in done] == [0, 0]
    assert all(works(f"a{n}") for n in range(10))
    assert len(table.rows()) == 20


def test_a_terminal_sees_how_far_it_is_and_what_stays_out(bring: Bringing) -> None:
    file = bring.file("keys.csv", as_csv(row("good"), row("bad", roles="root")))
    with terminal(bring.command, "import", file, "--yes", COLUMNS="100") as shown:
        assert shown.end() == 8
    assert "Importing" in shown.shown
    assert "100%" in shown.shown
    assert "line 3 (bad): invalid: roles must be a subset of" in shown.shown
    assert key_of("good")[:16] not in shown.shown
