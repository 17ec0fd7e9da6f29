"""import: another service's keys into a stack; its function is the real one."""

import re
import sqlite3
from hashlib import sha256

import pytest

from keyturn.keys import Outcome, Reason
from tests.cli.bringing import (
    EXPIRE,
    Bringing,
    as_csv,
    as_jsonl,
    bring,
    judged,
    key_of,
    row,
    stored,
    works,
)
from tests.infra.declared import PATH
from tests.support_aws import Table
from tests.support_desk import GRANT, Desk

__all__ = ["bring"]

EPOCH = 4_073_587_200  # EXPIRE, in UTC


def test_every_string_of_a_csv_file_works_on(bring: Bringing) -> None:
    rows = [row("billing"), row("shipping", is_active="0"), row("crm", roles="user, admin")]

    done = bring(bring.file("keys.csv", as_csv(*rows)))

    assert (done.code, done.out) == (0, "3 rows: 3 imported, 0 present\n")
    assert works("billing")
    assert judged(key_of("shipping")) == (Outcome.REVOKED, "shipping")
    assert stored("crm").roles == ("user", "admin")
    key = stored("billing")
    assert (key.name, key.roles, key.expires_at) == ("Billing", ("user",), EPOCH)
    assert "3 times had no zone and were taken for UTC (--timezone).\n" in done.err
    assert "Their strings work as long as the stack has ImportedKeys=true.\n" in done.err


def test_json_lines_come_by_standard_input_too(bring: Bringing) -> None:
    rows = [row("billing", roles=["user"], is_active=True), row("crm", is_active=False, name=7)]

    assert bring("-", "--format", "jsonl", stdin=as_jsonl(*rows)).code == 0

    assert works("billing")
    assert (stored("crm").name, stored("crm").revoke_reason) == ("7", Reason.UNSPECIFIED)


def test_a_sql_table_comes_by_its_url(bring: Bringing) -> None:
    path = bring.folder / "old.db"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE clients (secret TEXT PRIMARY KEY, who TEXT, label TEXT, roles JSON,"
            " live BOOLEAN, until DATETIME)"
        )
        rows = [
            (key_of("billing"), "billing", "Billing", '["user"]', 1, "2099-02-01 00:00:00.000000"),
            (key_of("crm"), "crm", "CRM", None, 0, EXPIRE),
            (key_of("odd"), "odd", "Odd", "[not JSON", 1, EXPIRE),
        ]
        database.executemany("INSERT INTO clients VALUES (?, ?, ?, ?, ?, ?)", rows)
    database.close()
    names = ("key=secret", "alias=who", "name=label", "is_active=live", "expire=until")
    options = [part for name in names for part in ("--column", name)]

    done = bring(f"sqlite:///{path}", "--table", "clients", *options)

    assert done.code == 8
    assert re.search(r"^row \d \(odd\): invalid: roles must be a subset of", done.out)
    assert works("billing")
    assert stored("billing").expires_at == stored("crm").expires_at == EPOCH
    assert (stored("crm").is_active, stored("crm").roles) == (False, ())


def test_hashes_come_without_strings(bring: Bringing) -> None:
    hashed = row("billing", key=sha256(key_of("billing").encode()).hexdigest())
    file = bring.file("keys.csv", as_csv(hashed))

    assert bring(file, "--column", "sha256=key").code == 0

    assert works("billing")
    assert Desk().issue(GRANT).known is None


def test_the_same_again_doubles_and_changes_nothing(bring: Bringing, table: Table) -> None:
    file = bring.file("keys.csv", as_csv(row("billing"), row("crm")))
    bring(file)
    Desk().revoke(stored("crm").id)
    before = table.rows()

    done = bring(file)

    assert (done.code, done.out) == (0, "2 rows: 0 imported, 2 present\n")
    assert table.rows() == before


def test_a_dry_run_says_what_would_be_and_writes_nothing(bring: Bringing, table: Table) -> None:
    Desk().issue(GRANT)
    before = table.rows()
    rows = [
        row("billing"),
        row("new"),
        row("bad", roles="root"),
        row("new"),
        row("new", key="k" * 20),
    ]
    rows += [row("other", key=key_of("new"))]

    done = bring(bring.file("keys.csv", as_csv(*rows)), "--dry-run")

    assert done.code == 8
    assert done.out.splitlines() == [
        "line 2 (billing): alias_taken: the alias has another key",
        "line 4 (bad): invalid: roles must be a subset of ['admin', 'creator', 'user']",
        "line 6 (new): alias_taken: line 3 has the same alias",
        "line 7 (other): key_known: line 3 has the same string",
        "6 rows, a dry run: 1 imported, 1 present, 2 alias_taken, 1 key_known, 1 invalid",
    ]
    assert table.rows() == before


@pytest.mark.parametrize(("policy", "brought"), [("skip", ["early", "late"]), ("fail", ["early"])])
def test_a_conflict_is_left_out_or_ends_it(
    bring: Bringing, policy: str, brought: list[str]
) -> None:
    Desk().issue(GRANT)
    many = [row(f"a{n}", roles="root") for n in range(80)]  # more than are on their way by then
    file = bring.file("keys.csv", as_csv(row("early"), row("billing"), *many, row("late")))

    done = bring(file, "--on-conflict", policy, "--at-once", "1")

    assert done.code == 8
    assert [alias for alias in ("early", "late") if works(alias)] == brought
    assert ("a conflict ended it" in done.err) == (policy == "fail")


def test_times_are_in_the_zone_that_is_said(bring: Bringing) -> None:
    rows = [row("naive"), row("zoned", expire=f"{EXPIRE}+00:00"), row("none", expire="")]
    file = bring.file("keys.csv", as_csv(*rows))

    done = bring(file, "--timezone", "America/New_York", "--expire", "2098-01-01")

    assert done.code == 0
    assert stored("naive").expires_at == EPOCH + 5 * 3600
    assert stored("zoned").expires_at == EPOCH
    assert stored("none").expires_at == 4_039_372_800 + 5 * 3600
    assert "1 times had no zone and were taken for America/New_York" in done.err
    assert bring(file, "--timezone", "Nowhere/At_All").code == 2
    assert bring(file, "--expire", "soon").code == 2


def test_nothing_is_written_unless_somebody_says_yes(bring: Bringing, table: Table) -> None:
    done = bring.command("import", bring.file("keys.csv", as_csv(row("billing"))))
    assert done.code == 7
    assert "Import the keys of " in done.err
    assert table.rows() == []


def test_a_stack_without_imported_keys_is_told_from_others(bring: Bringing) -> None:
    file = bring.file("keys.csv", as_csv(row("billing")))
    bring.account.outputs = {"CreateKeyFunctionArn": "arn:x"}

    done = bring(file)

    assert done.code == 4
    assert "Deploy it with the parameter ImportedKeys=true" in done.err
    assert bring(file, "--stack-name", "nonesuch").code == 4
    declared = PATH.read_text(encoding="utf-8").partition("\nOutputs:\n")[2]
    assert "\n  ImportKeysFunctionArn:\n" in declared
