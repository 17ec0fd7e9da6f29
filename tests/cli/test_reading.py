"""list, show, events, verify, whoami, export: what they find, and how they write it."""

import csv
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.between import Reply, between
from tests.cli.conftest import ITEM, Keyturn

ODD = "[red]odd[/red] \x1b[31mname\x1b[0m \u202eabc\u2066 =1+1 \u00e9 \U0001f511"
SHOWN = "[red]odd[/red] \\x1b[31mname\\x1b[0m \\u202eabc\\u2066 =1+1 \u00e9 \U0001f511"


@pytest.fixture
def three(keyturn: Keyturn, alias: str) -> str:
    """Three keys: active, revoked, rotated; returns what their aliases start with."""
    for number in range(3):
        keyturn.create(f"{alias}/{number}", "--name", f"Number {number}", "--role", "user")
    keyturn("revoke", f"{alias}/1", "-y")
    keyturn("rotate", f"{alias}/2")
    return f"{alias}/"


def test_a_list_is_by_alias_and_shows_what_people_ask_first(keyturn: Keyturn, three: str) -> None:
    done = keyturn("list", "--prefix", three)

    assert (done.code, done.err) == (0, "")
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head == ["ALIAS", "STATUS", "EXPIRES", "LAST", "USED", "ID", "ROLES"]
    assert [row[:2] for row in rows] == [
        [f"{three}0", "active"],
        [f"{three}1", "revoked"],
        [f"{three}2", "active"],
    ]
    assert all(row[2:5] == ["in", "15", "days"] for row in rows)


def test_a_list_is_narrowed_and_cut_where_asked_and_says_so(keyturn: Keyturn, three: str) -> None:
    def listed(*arguments: str) -> tuple[list[str], str]:
        done = keyturn("list", "--prefix", three, "-o", "json", *arguments)
        return [item["alias"][-1] for item in json.loads(done.out)], done.err

    assert listed("--status", "revoked") == (["1"], "")
    assert listed("--status", "active") == (["0", "2"], "")
    assert listed("--limit", "3") == (["0", "1", "2"], "")
    assert listed("--limit", "1", "--all") == (["0", "1", "2"], "")
    cut, said = listed("--limit", "2")
    assert cut == ["0", "1"]
    assert said == "There are more than 2: --all shows them, --prefix fewer.\n"


def test_no_keys_are_said_and_are_no_failure(keyturn: Keyturn, alias: str) -> None:
    done = keyturn("list", "--prefix", alias)
    assert (done.code, done.out) == (0, "")
    assert done.err == "No keys. `keyturn create` makes one.\n"
    assert json.loads(keyturn("list", "--prefix", alias, "-o", "json").out) == []


def test_a_key_is_shown_by_id_and_by_alias(keyturn: Keyturn, three: str) -> None:
    shown, named = keyturn("show", f"{three}2"), keyturn("show", f"{three}2", "-o", "json").out
    item = json.loads(named)

    assert keyturn("show", item["id"], "-o", "json").out == named
    assert shown.code == 0
    lines = dict(line.split(maxsplit=1) for line in shown.out.splitlines())
    assert {"name", "status", "expires", "roles", "hint", "created"} <= lines.keys()
    assert [lines[name].strip() for name in ("id", "generation")] == [item["id"], "2"]


def test_an_alias_of_an_id_s_form_is_found_where_no_id_is_that(
    keyturn: Keyturn, alias: str
) -> None:
    named = alias.removeprefix("alias-") + "x"
    assert len(named) == len("03Oz2OpdnmGrg8ARP")
    keyturn.create(named)
    assert keyturn("show", named).code == 0


def test_an_alias_is_taken_as_the_server_stores_it(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(f" {alias} caf\u00e9")
    assert keyturn("show", f"{alias} cafe\u0301 ").code == 0
    assert keyturn("show", f"{alias} CAF\u00c9").code == 4
    assert keyturn("show", alias).code == 4


def test_names_are_text_whatever_they_hold(keyturn: Keyturn, alias: str, tmp_path: Path) -> None:
    alias = f"{alias} {ODD.replace(chr(27), '')}"
    given = ("--name", ODD, "--metadata", f"{ODD}={ODD}")
    made = keyturn("create", alias, *given)
    found = keyturn("list", "--prefix", alias), keyturn("show", alias), keyturn("events", alias)
    asked, missing = keyturn("revoke", alias), keyturn("show", f"{alias}!\x1b[2J")
    told = [made.err, asked.err, missing.err, *(done.out for done in found)]

    assert [done.code for done in (made, *found, asked, missing)] == [0, 0, 0, 0, 7, 4]
    assert SHOWN in found[1].out
    assert f"{SHOWN}={SHOWN}" in found[1].out
    assert SHOWN in made.err
    assert not {"\x1b", "\u202e", "\u2066"} & set("".join(told))
    file = tmp_path / "all.csv"
    keyturn("export", str(file), "--prefix", alias)
    assert ODD.encode() in file.read_bytes()


def test_json_is_what_the_server_said_in_ascii(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(alias, "--name", f"{ODD}\x7f\x9b")
    out = keyturn("show", alias, "-o", "json").out
    assert out.isascii()
    assert all(character == "\n" or character.isprintable() for character in out)
    item = json.loads(out)
    assert item["name"] == f"{ODD}\x7f\x9b"
    assert item["is_active"] is True
    assert item["hint"].startswith("kt_...")


def test_what_happened_is_told_the_newest_first(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(alias)
    keyturn("rotate", alias)
    happened: list[dict[str, Any]] = []
    while len(happened) < 2:  # the stream delivers them, at once but later
        happened = json.loads(keyturn("events", alias, "-o", "json").out)
    cut = keyturn("events", alias, "--limit", "1")

    assert [event["type"] for event in happened] == ["Key Rotated", "Key Created"]
    assert (cut.code, cut.err) == (0, "There are more than 1.\n")
    assert cut.out.splitlines()[1].split()[-4:-2] == ["Key", "Rotated"]


def test_usage_is_told_by_day_and_a_rotation_tells_who_may_be_left_behind(
    keyturn: Keyturn, alias: str
) -> None:
    key = keyturn.create(alias)
    for stdin in (key, key):
        keyturn("verify", stdin=stdin)
    keyturn("verify", "--role", "admin", stdin=key)
    counted: list[tuple[int, int]] = []
    while counted != [(2, 1)]:  # delivered at once, but later
        days = json.loads(keyturn("usage", alias, "-o", "json").out)
        counted = [(day["allowed"], day["denied"]) for day in days if day["allowed"]]
    told = keyturn("usage", alias, "--days", "90")

    assert told.code == 0
    assert [line.split()[1:3] for line in told.out.splitlines() if "\u2588" in line] == [["2", "1"]]
    assert told.err.startswith("Last used: ")
    assert "ago" in told.err or "now" in told.err
    rotated = keyturn("rotate", alias)
    assert "old string seen  " in rotated.err
    assert "the string before (last seen " in keyturn("rotate", alias, "--force").err
    assert [keyturn("usage", alias, "--days", days).code for days in ("0", "91", "x")] == [2] * 3


@pytest.mark.parametrize("role", ["user", "creator"])
def test_a_key_is_verified_from_standard_input(keyturn: Keyturn, alias: str, role: str) -> None:
    key = keyturn.create(alias, "--role", "user")
    for given in (key, f"  {key}\r\n", f"\ufeff{key}\n"):
        done = keyturn("verify", stdin=given)
        assert (done.code, done.err) == (0, "")
        assert alias in done.out
        assert key not in done.out
    done = keyturn("verify", "--role", role, "-o", "json", stdin=key)
    valid = role == "user"
    assert (done.code, json.loads(done.out)["valid"]) == (0 if valid else 6, valid)
    assert ("insufficient_role" in done.err) is not valid


@pytest.mark.parametrize("text", ["nonsense", "kt_x", "\x00", "\udcff", "k" * 5000])
def test_what_is_no_key_is_malformed_and_not_shown(keyturn: Keyturn, text: str) -> None:
    done = keyturn("verify", stdin=text.encode(errors="surrogateescape").decode(errors="replace"))
    assert (done.code, done.out) == (6, "")
    assert done.err == "keyturn: the key is not valid: malformed\n"


def test_nothing_to_verify_is_no_verdict(keyturn: Keyturn) -> None:
    for nothing in ("", "\n", "  \n"):
        done = keyturn("verify", stdin=nothing)
        assert (done.code, done.out) == (2, "")
        assert "there is no key to verify" in done.err


def test_one_s_own_key_comes_from_the_first_line(
    keyturn: Keyturn, alias: str, ready: dict[str, str]
) -> None:
    key = keyturn.create(alias)
    both = f"{ready['admin_key']}\n{key}\n"
    assert keyturn("verify", "--key-stdin", stdin=both, KEYTURN_API_KEY="").code == 0
    assert keyturn("verify", "--key-stdin", stdin=both).code == 0
    turned = keyturn("verify", "--key-stdin", stdin="\n".join(reversed(both.split("\n")[:2])))
    assert turned.code == 3


def test_whoever_has_a_key_sees_whose_it_is(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias, "--role", "user")
    done = keyturn("whoami", KEYTURN_API_KEY=key)

    assert done.code == 0
    assert done.err.startswith("The key from KEYTURN_API_KEY, at http://127.0.0.1:")
    assert alias in done.out
    refused = keyturn("list", KEYTURN_API_KEY=key)
    assert (refused.code, refused.out) == (3, "")
    assert "is good, but not for this (403 forbidden, request " in refused.err
    assert "`keyturn whoami`" in refused.err


def test_an_export_holds_every_record_and_no_key(
    keyturn: Keyturn, three: str, tmp_path: Path
) -> None:
    lines, table = tmp_path / "keys.jsonl", tmp_path / "keys.csv"
    done = [keyturn("export", str(file), "--prefix", three) for file in (lines, table)]

    assert [each.code for each in done] == [0, 0]
    assert done[0].err == f"Wrote 3 records to {lines}\n"
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert records == json.loads(keyturn("list", "--prefix", three, "-o", "json").out)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, record in zip(rows, records, strict=True):
        same = ("id", "alias", "name", "status", "expire", "hint", "created_at")
        assert {name: row[name] for name in same} == {name: record[name] for name in same}
        assert (row["roles"], row["generation"]) == ("user", str(record["generation"]))
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    assert sorted(tmp_path.glob("*key*")) == [table, lines]


def test_a_spreadsheet_gets_text_and_no_formula(alone: Keyturn, tmp_path: Path) -> None:
    given = [f"{start}1+1" for start in ("=", "+", "-", "@", "\t", "\r", " =", "1", "")]
    items = [ITEM | {"name": name, "metadata": {"=a": "=b"}} for name in given]
    page = Reply(200, json.dumps({"items": items, "cursor": None}).encode())
    with between(page) as server:
        place = {"KEYTURN_URL": server.url, "KEYTURN_API_KEY": "x" * 16}
        assert alone("export", str(tmp_path / "keys.CSV"), **place).code == 0
    with (tmp_path / "keys.CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"'{name}" for name in given[:6]] + given[6:]
    assert {row["metadata"] for row in rows} == {'{"=a": "=b"}'}


def test_an_export_replaces_a_file_only_when_it_is_meant(
    keyturn: Keyturn, three: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text("before")
    asked = keyturn("export", str(file), "--prefix", three)
    assert (asked.code, file.read_text()) == (7, "before")
    assert keyturn("export", str(file), "--prefix", three, "--yes", "--format", "csv").code == 0
    assert file.read_text().startswith("id,alias,")


@pytest.mark.parametrize("where", ["no/such/folder/keys", ".", "/dev/null"])
def test_an_export_goes_to_a_file_or_nowhere(keyturn: Keyturn, tmp_path: Path, where: str) -> None:
    done = keyturn("export", str(tmp_path / where), "--yes")
    assert done.code == 2
    assert done.err.startswith("keyturn: ")
    assert not list(tmp_path.glob(".keyturn-*"))
