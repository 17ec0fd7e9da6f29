"""What may stand on a command line and in a terminal."""

import re
import unicodedata
from collections.abc import Iterable

from keyturn_cli.errors import Misused

# What a header carries: a key may have been imported, and have any form. The server judges.
_KEY = re.compile(r"[!-+\--~]{16,512}")
_LIKE_OURS = re.compile(r"[0-9A-Za-z]{17}_[0-9A-Za-z]{30,}")  # one with a typo too
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def refuse_keys(arguments: Iterable[str]) -> None:
    """Refuse arguments that hold a key of our form, and those that are no text.

    Raises:
        Misused: other users can see arguments, and shells write them down.
    """
    for argument in arguments:
        if _LIKE_OURS.search(argument):
            raise Misused(
                "an argument holds a key, and arguments are no secret",
                "Name a key by its alias or its id; `verify` and --key-stdin read keys from "
                "standard input. Your shell's history may hold this one now: rotate it.",
            )
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise Misused("an argument is no text in this terminal's encoding")


def key(text: str, source: str) -> str:
    """Return the key in `text`, which came from `source`.

    Raises:
        Misused: it has not the form of one.
    """
    found = text.strip().strip("\ufeff")
    if not _KEY.fullmatch(found):
        raise Misused(f"{source} holds no key", "A key is one word of at least 16 characters.")
    return found


def plain(text: object) -> str:
    """Return text that a terminal shows and does not obey: nothing that controls it or turns it.

    Characters that cannot be seen, those that change the direction of writing among them, are
    shown as Python writes them.
    """
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in _UNSEEN else character
        for character in str(text)
    )


def without_keys(text: str) -> str:
    """Return the text with every key of our form in it cut short."""
    return _LIKE_OURS.sub("...", text)
