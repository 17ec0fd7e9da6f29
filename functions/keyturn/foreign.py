"""Key strings that another service handed out: nothing in them says whose they are.

Each is found by its pointer, a row under (`id` = the pointer, `item = "pointer"`) that holds the id
of its key: two reads instead of one, and one for any string that might be such a key. So only where
the deployment says that it has some (`IMPORTED_KEYS`). Stdlib only.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from keyturn import keytext
from keyturn.errors import Unavailable
from keyturn.keytext import KeyText

POINTER = "pointer"
TARGET = "target"

_SHORTEST, _LONGEST = 16, 512
# What a header carries unchanged. No comma: an HTTP API joins repeated headers with one.
_FORM = re.compile(rf"[!-+\--~]{{{_SHORTEST},{_LONGEST}}}")
RULE = f"{_SHORTEST} to {_LONGEST} visible ASCII characters, no comma, not of this service's form"


class ForeignText:
    """A key string as another service made it. Its `repr` hides it; only `reveal` gives it."""

    __slots__ = ("_text", "id")

    def __init__(self, text: str, id: str = "") -> None:
        """Hold the string, and the id of its key where that is known; `parse` makes one."""
        self._text = text
        self.id = id

    def __repr__(self) -> str:
        return "<ForeignText ...>"

    def __reduce__(self) -> str:
        """Refuse to be pickled: a pickle would hold the string in clear."""
        raise TypeError("a key string is not pickled")

    def reveal(self) -> str:
        """Return the string, to be answered to its owner or sealed, and nothing else."""
        return self._text

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole string; how hard it is to guess is for who made it to know."""
        return hashlib.sha256(self._text.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Tell whether the string's digest is this one, in constant time."""
        return hmac.compare_digest(self.digest, digest)

    @property
    def hint(self) -> str:
        """The last four characters of a string that is long enough to spare them."""
        return f"...{self._text[-4:]}" if len(self._text) >= 2 * _SHORTEST else "..."


Text: TypeAlias = KeyText | ForeignText
Finder: TypeAlias = Callable[[str], str | None]  # the id that a pointer leads to


class Claim(NamedTuple):
    """Whose key a string claims to be, if anybody's, and the digest that must be that key's."""

    id: str | None
    digest: bytes


def parse(text: str, id: str = "") -> ForeignText | None:
    """Take a string for another service's key; `None` where it cannot be one.

    What has the form of our own keys is ours: a typo in one is refused without a read, as ever.
    """
    if _FORM.fullmatch(text) is None or keytext.has_form(text) or keytext.is_id(text):
        return None
    return ForeignText(text, id)


def parse_any(text: str, id: str) -> Text | None:
    """Take apart a string that is ours, or else another service's for the key `id`."""
    return keytext.parse(text) or parse(text, id)


def whose(text: str, find: Finder | None) -> Claim | None:
    """Say whose key a string claims to be; `None`, it has no key's form.

    Without `find` there are no keys but ours, and no read.

    Raises:
        Unavailable: `find` gave no answer.
    """
    ours = keytext.parse(text)
    if ours is not None:
        return Claim(ours.id, ours.digest)
    other = None if find is None else parse(text)
    if find is None or other is None:
        return None
    digest = other.digest
    return Claim(find(pointer(digest)), digest)


def pointer(digest: bytes) -> str:
    """Return the partition key under which the key of this digest is found.

    Not the digest itself: AWS logs partition keys, and the digest is for the table alone.
    """
    return keytext.shortened(hashlib.sha256(b"pointer\0" + digest).digest())


def primary_key(pointer: str) -> dict[str, dict[str, Any]]:
    """Return the primary key of a pointer's row."""
    return {"id": {"S": pointer}, "item": {"S": POINTER}}


def of_pointer(digest: bytes, id: str) -> dict[str, dict[str, Any]]:
    """Return the item of the pointer from a string's digest to its key."""
    return {**primary_key(pointer(digest)), TARGET: {"S": id}}


def to_target(item: dict[str, Any]) -> str:
    """Read the id of the key that a pointer leads to.

    Raises:
        Unavailable: the row is not one this version can read, so nobody can know.
    """
    try:
        id = item[TARGET]["S"]
    except (KeyError, TypeError):
        id = ""
    if not (isinstance(id, str) and keytext.is_id(id)):
        raise Unavailable("malformed pointer")
    return id
