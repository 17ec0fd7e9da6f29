"""What may stand on a command line, and what a terminal gets to see."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn import keytext
from keyturn_cli import text
from tests.cli.conftest import Keyturn

KEY = keytext.mint("kt", "A" * 17).reveal()
OTHER = keytext.mint("acme_live", keytext.id_of("", "other")).reveal()


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", KEY),
        ("show", OTHER),
        ("revoke", KEY, "--yes"),
        ("create", KEY),
        ("create", "a", "--name", f"it is {KEY}."),
        ("create", "a", f"--metadata=key={KEY}"),
        ("list", "--url", f"https://host/{KEY}"),
        ("show", KEY[:-1]),
        ("show", f"{KEY}x"),
        ("show", KEY.swapcase()),
        (KEY,),
        ("--key", KEY),
    ],
)
def test_an_argument_with_a_key_is_refused_and_not_shown(
    alone: Keyturn, arguments: tuple[str, ...]
) -> None:
    done = alone(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("keyturn: an argument holds a key, and arguments are no secret\n")
    secret = max((part for each in arguments for part in each.split("_")), key=len)
    assert secret[:20] not in done.err


def test_an_argument_that_is_no_text_is_refused(alone: Keyturn) -> None:
    done = alone("show", b"\xff".decode(errors="surrogateescape"))
    assert (done.code, done.out) == (2, "")
    assert "no text" in done.err


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\x1b\x9b\u202e\u2066\ud800")))
def test_nothing_that_a_terminal_obeys_is_left(given: str) -> None:
    shown = text.plain(given)
    kinds = {unicodedata.category(character) for character in shown}
    assert not kinds & {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    shown.encode()


def test_what_can_be_seen_is_shown_as_it_is() -> None:
    seen = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1))))
    assert text.plain(seen) == seen
    assert text.plain("a\tb\u200bc\u202ed\U000e0041") == "a\\tb\\u200bc\\u202ed\\U000e0041"


@given(st.sampled_from(["kt", "acme_live", "a1"]), st.text(), st.text())
def test_a_key_is_known_by_its_form_wherever_it_stands(prefix: str, left: str, right: str) -> None:
    key = keytext.mint(prefix, "B" * 17).reveal()
    assert text.key(f" {key}\n", "it") == key
    around = f"{left}|{key}|{right}"
    assert key[-38:-6] not in text.without_keys(around)
    with pytest.raises(Exception, match="an argument holds a key"):
        text.refuse_keys([around])


def test_aliases_and_ids_are_no_keys() -> None:
    names = ["billing", "0" * 17, "a_b-c/d", "x" * 128, f"{'0' * 17}_backup", "0" * 64]
    text.refuse_keys(names)
    assert [text.without_keys(name) for name in names] == names
