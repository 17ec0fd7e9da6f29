r"""The key string: `<prefix>_<id>_<secret><check>`.

id      17 characters, public: the first 96 bits of SHA-256 over salt, a zero byte and the alias.
        Who knows the alias knows the id, so alias and key are found by the same read.
secret  32 characters from the operating system's random source, 190 bits.
check   6 characters, CRC-32 of all before it: typos and forgeries are refused without a read, and
        scanners can tell a leaked key from noise.

All three are base62, so that a double click takes the whole string. Parsed from the right, because
the prefix may hold underscores. A leaked key is found by `LEAKED`, for the default prefix
`\bkt_[0-9A-Za-z]{17}_[0-9A-Za-z]{38}\b`; check a hit with `parse`.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 17
SECRET_LENGTH = 32
CHECK_LENGTH = 6
LEAKED = r"\b[a-z][a-z0-9_]*_[0-9A-Za-z]{17}_[0-9A-Za-z]{38}\b"

_ID_BYTES = 12
_KEY = re.compile(
    r"([a-z][a-z0-9]*(?:_[a-z0-9]+)*)_([0-9A-Za-z]{17})_([0-9A-Za-z]{32})[0-9A-Za-z]{6}"
)
_ID = re.compile(r"[0-9A-Za-z]{17}")
_LONGEST = 128


class KeyText:
    """A key string taken apart. Its `repr` and `str` hide the secret; only `reveal` gives it."""

    __slots__ = ("_secret", "id", "prefix")

    def __init__(self, prefix: str, id: str, secret: str) -> None:
        """Hold the parts; `mint` and `parse` are the ways to get one."""
        self.prefix = prefix
        self.id = id
        self._secret = secret

    def __repr__(self) -> str:
        return f"<KeyText {self.prefix}_{self.id}_...>"

    def __reduce__(self) -> str:
        """Refuse to be pickled: a pickle would hold the secret in clear."""
        raise TypeError("a key string is not pickled")

    def reveal(self) -> str:
        """Return the whole string, to be answered to its owner or sealed, and nothing else."""
        body = f"{self.prefix}_{self.id}_{self._secret}"
        return body + _check(body)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the secret: 190 random bits cannot be guessed, so no slow hash is needed."""
        return hashlib.sha256(self._secret.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Tell whether the secret's digest is this one, in constant time."""
        return hmac.compare_digest(self.digest, digest)

    @property
    def hint(self) -> str:
        """Prefix and last four characters: of the check, which tell 24 bits of the secret's 190."""
        return f"{self.prefix}_...{self.reveal()[-4:]}"


def mint(prefix: str, id: str) -> KeyText:
    """Make a new key string for `id`."""
    return KeyText(prefix, id, "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH)))


def parse(text: str) -> KeyText | None:
    """Take a key string apart; `None` where its form or its check is wrong.

    The prefix need not be the deployment's own: keys handed out before a change go on working.
    """
    match = _KEY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or not hmac.compare_digest(_check(text[:-CHECK_LENGTH]), text[-CHECK_LENGTH:]):
        return None
    return KeyText(*match.groups())


def has_form(text: str) -> bool:
    """Tell whether `text` has the form of a key of ours, be its check right or wrong."""
    return len(text) <= _LONGEST and _KEY.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id."""
    return _ID.fullmatch(text) is not None


def id_of(salt: str, alias: str) -> str:
    """Return the id of an alias, which must be in stored form (trimmed, NFC)."""
    return shortened(hashlib.sha256(f"{salt}\0{alias}".encode()).digest())


def shortened(digest: bytes) -> str:
    """Return the first 96 bits of a digest, in the form of an id."""
    return _base62(int.from_bytes(digest[:_ID_BYTES], "big"), ID_LENGTH)


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
