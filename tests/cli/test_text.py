"""What may stand on a command line, and what a terminal gets to see."""

import sys
import unicodedata

import pytest

from keyturn import keytext
from keyturn_cli import text
from keyturn_cli.errors import Misused
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


def test_what_cannot_be_seen_is_written_out_and_what_can_is_shown_as_it_is() -> None:
    numbers = (*range(0x20000), 0xE0001, 0xE0041, 0xE0100, 0xF0000, sys.maxunicode)
    every = [*map(chr, numbers)]
    unseen = "".join(
        each for each in every if unicodedata.category(each)[0] == "C" or each in "\u2028\u2029"
    )
    seen = "".join({*every} - {*unseen})

    assert text.plain(seen) == seen
    assert text.plain(unseen).isascii()
    assert text.plain(unseen).isprintable()
    assert text.plain("a\tb\u200bc\u202ed\U000e0041\ud800") == (
        "a\\tb\\u200bc\\u202ed\\U000e0041\\ud800"
    )


@pytest.mark.parametrize("prefix", ["kt", "acme_live", "a1"])
@pytest.mark.parametrize("around", ["{}", "it is {}.", "x{}x", "a={}&b", "\x1b[31m{}\x1b[0m"])
def test_a_key_is_known_by_its_form_wherever_it_stands(prefix: str, around: str) -> None:
    key = keytext.mint(prefix, "B" * 17).reveal()
    assert text.key(f" {key}\n", "it") == key
    assert key[-38:-6] not in text.without_keys(around.format(key))
    with pytest.raises(Misused, match="an argument holds a key"):
        text.refuse_keys([around.format(key)])


def test_aliases_and_ids_are_no_keys() -> None:
    names = ["billing", "0" * 17, "a_b-c/d", "x" * 128, f"{'0' * 17}_backup", "0" * 64]
    text.refuse_keys(names)
    assert [text.without_keys(name) for name in names] == names
