"""Where the next page starts, as text that only its own list takes back."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from keyturn.errors import FieldInvalid

_CHECK = 12


def seal(place: list[str], scope: str) -> str:
    """Return a cursor for `place` in the list that `scope` names."""
    # Not escaped: a place with an alias of 128 characters fits where cursors are taken back.
    body = json.dumps(place, ensure_ascii=False).encode()
    return urlsafe_b64encode(_check(body, scope) + body).decode().rstrip("=")


def unseal(text: str, scope: str, parts: int) -> list[str]:
    """Return the place, of so many `parts`, that a cursor of that list stands for.

    The check is no secret: it tells a cursor from anything else, and one list's from another's. A
    forged one could only start a page elsewhere, in a list that its caller may read as a whole.

    Raises:
        FieldInvalid: not a cursor of this list, or changed on the way.
    """
    place: Any = None
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        place = json.loads(sealed[_CHECK:])
        genuine = (
            hmac.compare_digest(seal(place, scope).encode(), text.encode())
            and isinstance(place, list)
            and [type(part) for part in place] == [str] * parts
            and all(place)
        )
    except (ValueError, TypeError, RecursionError):
        genuine = False
    if not genuine:
        raise FieldInvalid("cursor: not one of this list's")
    return list(place)


def _check(body: bytes, scope: str) -> bytes:
    return hashlib.sha256(scope.encode() + b"\0" + body).digest()[:_CHECK]
