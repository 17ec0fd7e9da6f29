"""import: what a source may hold that nobody meant, each told by its line and with its reason."""

import json
import sqlite3

import pytest

from keyturn import foreign
from tests.cli.bringing import (
    EXPIRE,
    HEADER,
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
from tests.support_aws import Table

__all__ = ["bring"]

FIRST = ",".join(HEADER)
TIME = "expire: must be a time in ISO 8601 with its zone, from 1970 to 9999 in UTC"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("keys.csv", b"", "the source is empty"),
        ("keys.jsonl", b"\n\n", "the source is empty"),
        ("keys.csv", FIRST.encode(), "holds no rows"),
        (
            "keys.csv",
            b"key,alias,label\n",
            "there is no column name, roles, is_active, expire, but",
        ),
        ("keys.csv", b"key,alias,label\n", "but there are: key, alias, label"),
        ("keys.csv", b"token,alias,name,roles,is_active,expire\n", "there is no column key, but"),
        ("keys.csv", f"{FIRST},key".encode(), "the column key is there twice"),
        ("keys.csv", as_csv(row("crm")).partition("\n")[2].encode(), "there are: ..., crm, Crm"),
        ("keys.csv", as_csv(row("crm")).encode("utf-16"), "there is no column"),
        ("keys.jsonl", b'{"token": 1, "alias": "a"}', "no column key, but there are: token, alias"),
        ("keys.jsonl", b'{"key": 1}', "there is no column alias, but there are: key"),
        ("keys.jsonl", as_csv(row("crm")).encode(), "the source holds no JSON lines"),
        ("keys.txt", b"x", "does not say what it is"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_before_anything_is_sent(
    bring: Bringing, name: str, content: bytes, said: str
) -> None:
    done = bring(bring.file(name, content))

    assert done.code == 2
    assert said in done.err
    assert bring.account.invoked == []


BAD: list[tuple[dict[str, str], str]] = [
    ({"roles": '["root"]'}, "roles must be a subset of ['admin', 'creator', 'user']"),
    ({"roles": '["user'}, "roles must be a subset of ['admin', 'creator', 'user']"),
    ({"is_active": "perhaps"}, "is_active: must be true or false, 1 or 0"),
    ({"is_active": ""}, "is_active: must be true or false, 1 or 0"),
    ({"key": "f" * 600}, f"key: must be {foreign.RULE}"),
    ({"key": ""}, "key: either it or sha256 is required"),
    ({"key": "", "name": "again"}, "key: either it or sha256 is required"),
    ({"expire": "tomorrow"}, TIME),
    ({"expire": ""}, TIME),
    ({"name": ""}, "Name is required"),
    ({"name": "n" * 20_000}, "is longer than 16 KiB"),
]


def test_a_bad_row_is_told_by_its_line_and_stops_no_other(bring: Bringing) -> None:
    rows = [row(f"a{number}", **fields) for number, (fields, _) in enumerate(BAD)]
    too_long = row("quoted", name="n" * 200_000)

    done = bring(bring.file("keys.csv", as_csv(*rows, too_long, row("crm"))))

    assert done.code == 8
    assert done.out.splitlines() == [
        *(f"line {n + 2} (a{n}): invalid: {said}" for n, (_, said) in enumerate(BAD)),
        f"line {len(BAD) + 2} (?): invalid: is not CSV: look at its quotes",
        f"{len(BAD) + 2} rows: 1 imported, 0 present, {len(BAD) + 1} invalid",
    ]
    assert works("crm")


def test_a_broken_line_is_told_by_its_number_and_stops_no_other(bring: Bringing) -> None:
    lines = as_csv(row("one"), row("two"), row("three"), row("four")).encode().splitlines()
    lines[1] = lines[1].replace(b"One", b"\xff\xfe")
    lines[2] += b",one more"
    lines[3] = lines[3].replace(b",Three", b',"Thr"ee')

    done = bring(bring.file("keys.csv", b"\n".join([*lines, b"", b"\x00"])))

    assert done.out.splitlines()[:-1] == [
        "line 2 (one): invalid: is not UTF-8",
        "line 3 (?): invalid: has 7 columns, and the first line 6",
        "line 4 (?): invalid: is not CSV: look at its quotes",
        "line 7 (?): invalid: has 1 columns, and the first line 6",
    ]
    assert works("four")


def test_a_bad_json_line_is_told_by_its_number_and_stops_no_other(bring: Bringing) -> None:
    good = as_jsonl(row("good")).encode()
    bad = [b'{"key": "' + key_of("cut").encode(), b"[1]", b"[" * 100_000, b"\xff", b'{"a": NaN}']
    nan = json.dumps(row("nan", alias=float("nan"))).encode()
    surrogate = json.dumps(row("s", name="\ud800")).encode()
    lines = [good, *bad, nan, surrogate, b'"' * 1_100_000, as_jsonl(row("last")).encode()]

    done = bring(bring.file("keys.jsonl", b"\n".join(lines)))

    assert [line.partition(": invalid: ")[::2] for line in done.out.splitlines()[:-1]] == [
        ("line 3 (?)", "is not a JSON object"),
        ("line 4 (?)", "is not a JSON object"),
        ("line 5 (?)", "is not a JSON object"),
        ("line 6 (?)", "is not a JSON object"),
        ("line 7 (None)", "is_active: must be true or false, 1 or 0"),
        ("line 8 (nan)", "holds what JSON cannot"),
        ("line 9 (s)", "is not UTF-8"),
        ("line 10 (?)", "is not a JSON object"),
    ]
    assert works("good")
    assert works("last")


def test_what_a_spreadsheet_makes_of_csv_is_read(bring: Bringing) -> None:
    text = as_csv(row("billing", roles="user"), row("crm", roles="{user,admin}", name="a\nb"))
    content = text.replace(",", ";").replace("user;admin", "user,admin")

    assert bring(bring.file("keys.csv", b"\xef\xbb\xbf" + content.encode())).code == 0

    assert works("billing")
    assert (stored("crm").roles, stored("crm").name) == (("user", "admin"), "a\nb")


def test_a_string_of_300_characters_works_on(bring: Bringing) -> None:
    text = "aB3+/=" * 50
    assert bring(bring.file("keys.csv", as_csv(row("billing", key=text)))).code == 0
    assert judged(text) == ("valid", "billing")


def test_columns_that_are_not_there_are_waved_off_by_name(bring: Bringing) -> None:
    file = bring.file("keys.csv", f"alias,key\nbilling,{key_of('billing')}\n")
    absent = [part for name in HEADER[2:] for part in ("--column", f"{name}=")]

    done = bring(file, *absent, "--expire", f"{EXPIRE}Z")

    assert done.code == 0
    key = stored("billing")
    assert (key.name, key.roles, key.is_active) == ("billing", (), True)
    assert works("billing")


@pytest.mark.parametrize("column", ["key", "colour=key", "key=a,key=b", "alias=", "key="])
def test_columns_that_cannot_be_meant_are_refused(bring: Bringing, column: str) -> None:
    options = [part for each in column.split(",") for part in ("--column", each)]

    done = bring(bring.file("keys.csv", as_csv(row("billing"))), *options)

    assert done.code == 2
    assert bring.account.invoked == []


def test_an_alias_is_told_short_and_never_if_it_is_the_key(bring: Bringing) -> None:
    rows = [row("a", alias=key_of("a"), roles="root"), row("x" * 25, roles="root")]
    rows.append(row("esc\x1b[31m", roles="root"))

    done = bring(bring.file("keys.csv", as_csv(*rows)))

    assert [line.partition(":")[0] for line in done.out.splitlines()[:-1]] == [
        "line 2 (...)",
        "line 3 (xxxxxxxxxxxx...)",
        r"line 4 (esc\x1b[31m)",
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{0}/none.db", "none.db is no file"),
        ("sqlite:///{0}/other.db", "there is no table api_key, but there are: ..., people"),
        ("sqlite:///{0}/keys.csv", "the database does not say what it holds (DatabaseError"),
        ("nonesuch://hunter2@x/y", "the URL is none that SQLAlchemy reads"),
        ("postgresql+psycopg://user@127.0.0.1:1/y", "the driver psycopg is not here"),
        ("postgresql://user:hunter2@127.0.0.1:1/y", "the URL holds a password"),
        ("mysql://user@x/y?password=hunter2", "the URL holds a password"),
        ("://hunter2", "the URL is none that SQLAlchemy reads"),
    ],
)
def test_a_database_that_cannot_be_read_is_told_without_its_url(
    bring: Bringing, table: Table, url: str, said: str
) -> None:
    bring.file("keys.csv", as_csv(row("billing")) * 20)
    with sqlite3.connect(bring.folder / "other.db") as database:
        database.execute("CREATE TABLE people (a)")
        database.execute(f'CREATE TABLE "{key_of("x")}" (a)')
    database.close()

    done = bring(url.format(bring.folder))

    assert done.code in {2, 5}
    assert said in done.err
    assert "hunter2" not in done.err + done.out
    assert not (bring.folder / "none.db").exists()
    assert table.rows() == []


def test_a_url_with_a_password_comes_by_the_environment(bring: Bringing) -> None:
    url = "postgresql+psycopg://user:hunter2@127.0.0.1:1/y"
    code = bring.command("import", "--yes", KEYTURN_IMPORT_SOURCE=url)
    assert (code.code, "the driver psycopg is not here" in code.err) == (2, True)
