"""The command in a terminal: what it asks, how it looks, and how it ends."""

import re

import pytest

from tests.cli.conftest import Keyturn
from tests.cli.terminal import terminal, typed

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("answer", "code"),
    [("y\n", 0), ("YES\n", 0), ("n\n", 7), ("\n", 7), ("yeah\n", 7), ("\x04", 7)],
)
def test_revoking_is_asked_and_only_yes_is_yes(
    keyturn: Keyturn, alias: str, answer: str, code: int
) -> None:
    key = keyturn.create(alias, "--name", "Billing [red]")
    ended, shown = typed(keyturn, answer, "revoke", alias)

    assert ended == code
    assert f"{alias} (" in shown
    assert "Billing [red]) stops working at once. Revoke it? [y/N]" in shown
    assert ("keyturn: nothing was changed" in shown) is (code == 7)
    assert keyturn("verify", stdin=key).code == (0 if code else 6)


def test_keys_that_are_typed_are_not_shown(
    keyturn: Keyturn, alias: str, ready: dict[str, str]
) -> None:
    key = keyturn.create(alias)
    with terminal(keyturn, "verify", KEYTURN_API_KEY="") as shown:
        shown.until(f"Key for {ready['url']}: ")
        shown.type(f"{ready['admin_key']}\n")
        shown.until("Key to verify: ")
        shown.type(f"{key}\n")
        assert shown.end() == 0
    assert alias in shown.shown
    assert not {key, ready["admin_key"]} & set(shown.shown.split())


def test_logging_in_asks_for_what_is_missing(keyturn: Keyturn, ready: dict[str, str]) -> None:
    keyturn.environment |= {"KEYTURN_URL": "", "KEYTURN_API_KEY": ""}
    with terminal(keyturn, "login") as shown:
        shown.until("URL (the stack's output Url): ")
        shown.type(f"{ready['url']}\n")
        shown.until(f"Key for {ready['url']}: ")
        shown.type(f"{ready['admin_key']}\n")
        assert shown.end() == 0
    assert "You are admin (admin)" in shown.shown
    assert ready["admin_key"] not in shown.shown
    assert keyturn("whoami").code == 0


def test_a_new_key_stands_in_a_line_of_its_own_in_a_narrow_terminal(
    keyturn: Keyturn, alias: str
) -> None:
    code, shown = typed(keyturn, "", "create", alias, COLUMNS="40")
    key = shown.splitlines()[-1]
    assert (code, keyturn("verify", stdin=key).code) == (0, 0)
    others = ANSI.sub("", shown).splitlines()[2:-1]
    assert max(map(len, others)) <= 40


@pytest.mark.parametrize(
    ("columns", "head"),
    [
        (40, ["ALIAS", "STATUS", "EXPIRES"]),
        (80, ["ALIAS", "STATUS", "EXPIRES", "LAST USED"]),
        (100, ["ALIAS", "STATUS", "EXPIRES", "LAST USED", "ID"]),
        (120, ["ALIAS", "STATUS", "EXPIRES", "LAST USED", "ID", "ROLES"]),
    ],
)
def test_a_list_fits_where_it_is_shown(
    keyturn: Keyturn, alias: str, columns: int, head: list[str]
) -> None:
    alias = f"{alias}/nightly-reports"
    keyturn.create(alias, "--role", "admin", "--role", "user")
    _, shown = typed(keyturn, "", "list", "--prefix", alias, COLUMNS=str(columns), NO_COLOR="1")
    lines = ANSI.sub("", shown).splitlines()

    assert re.split(r"  +", lines[0].strip()) == head
    assert max(map(len, lines)) <= columns
    width = len(lines[0].partition("STATUS")[0])
    assert "".join(line[:width].strip() for line in lines[1:]) == alias


def test_a_narrow_terminal_shows_each_event_and_day_in_a_line(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias)
    keyturn("verify", stdin=key)
    lines: list[str] = []
    while len(lines) < 2:  # delivered at once, but later
        lines = typed(keyturn, "", "events", alias, COLUMNS="40")[1].splitlines()
    assert re.split(r"  +", ANSI.sub("", lines[0]).strip()) == ["WHEN", "WHAT", "REASON"]
    assert "  Key Created" in lines[1]
    while "\u2588" not in (shown := typed(keyturn, "", "usage", alias, COLUMNS="40")[1]):
        pass
    lines = ANSI.sub("", shown).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 40


def test_status_has_colour_where_colour_is_wanted(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(f"{alias}/1")
    keyturn.create(f"{alias}/2")
    keyturn("revoke", f"{alias}/2", "-y")
    _, coloured = typed(keyturn, "", "list", "--prefix", alias)
    _, plain = typed(keyturn, "", "list", "--prefix", alias, NO_COLOR="1")

    assert "\x1b[32mactive" in coloured
    assert "\x1b[31mrevoked" in coloured
    assert ANSI.sub("", coloured) == ANSI.sub("", plain)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", plain)
    assert "\x1b" not in keyturn("list", "--prefix", alias).out


def test_an_export_shows_how_far_it_is(keyturn: Keyturn, alias: str) -> None:
    for number in range(3):
        keyturn.create(f"{alias}/{number}")
    file = f"{keyturn.environment['HOME']}/keys.csv"
    code, shown = typed(keyturn, "", "export", file, "--prefix", alias)
    assert code == 0
    assert "3 keys" in shown
    assert f"Wrote 3 records to {file}\n" in shown
    code, shown = typed(keyturn, "n\n", "export", file, "--prefix", alias)
    assert code == 7
    assert f"{file} is there already. Replace it? [y/N]" in shown


def test_interrupted_it_ends_with_one_line_at_most(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(alias)
    with terminal(keyturn, "revoke", alias) as shown:
        shown.until("[y/N]")
        shown.interrupt()
        assert shown.end() == 130
    assert "Traceback" not in shown.shown
    assert len(shown.shown.splitlines()) == 1
