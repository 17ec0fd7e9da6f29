"""Everything that a key might leak into, and a search that knows its disguises."""

import json
import logging
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from tests.support import Answer, Context, Handler, Output, answer
from tests.support_aws import Aws, Table

_WINDOW = 10  # characters: a part of a secret is a leak too
_KMS = {"Encrypt", "Decrypt"}  # the only calls that may carry a key


def disguises(key: str) -> Iterator[bytes]:
    """Yield what betrays a key: parts of its secret as text, and all of it encoded."""
    secret = key.rpartition("_")[2][:32]
    for at in range(len(secret) - _WINDOW + 1):
        yield secret[at : at + _WINDOW].encode()
    for encoding in ("utf-16-le", "utf-16-be"):
        yield secret.encode(encoding)
    yield secret.encode().hex().encode()
    yield secret.encode().hex().upper().encode()
    for shift in range(3):
        # Whatever stands before: base64 has three ways to write a text. Its ends are not its own.
        yield b64encode(b"\0" * shift + secret.encode())[4:-4]


def leaks(keys: set[str], places: dict[str, bytes]) -> set[str]:
    """Return where a key can be found."""
    needles = {needle for key in keys for needle in disguises(key)}
    return {name for name, held in places.items() if any(needle in held for needle in needles)}


class Witness(logging.Handler):
    """Calls functions, and keeps everything that comes of it but the keys that are answered.

    keys    those that were answered
    ends    the codes of errors, and the names of exceptions, that came up
    """

    def __init__(self, aws: Aws, table: Table, output: Output) -> None:
        super().__init__(logging.DEBUG)
        self._aws, self._table, self._output = aws, table, output
        self._kept: dict[str, list[str]] = {"answers": [], "exceptions": [], "logging": []}
        self.keys: set[str] = set()
        self.ends: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self._kept["logging"].append(f"{record.getMessage()} {vars(record)}")

    def asks(self, handler: Handler, event: dict[str, Any]) -> Answer:
        """Invoke a function behind a REST API."""
        given = answer(handler, event)
        self._note({"headers": given.headers, **given.body})
        return given

    def invokes(self, handler: Callable[[Any, Any], Any], event: object) -> Any:  # noqa: ANN401
        """Invoke a function directly, or an authorizer, as Lambda does: it logs what is raised."""
        try:
            given = handler(event, Context())
        except Exception as error:  # noqa: BLE001
            self._kept["exceptions"] += [*traceback.format_exception(error), repr(error)]
            self.ends.add(type(error).__name__)
            return None
        if given is not None:
            self._note(given)
        return given

    def plant(self, channel: str, text: str) -> None:
        """Leave something where it would be found."""
        self._kept[channel].append(text)

    def places(self) -> dict[str, bytes]:
        """Return what there is to be searched, by what it is."""
        calls = zip(self._aws.calls, self._aws.sent, strict=True)
        places = {name: "\n".join(kept).encode() for name, kept in self._kept.items()}
        places["standard output"] = self._output.text.encode()
        places["wire"] = b"\n".join(body for call, body in calls if call not in _KMS)
        for row in self._table.rows():
            for name, value in row.items():
                places[f"row: {name}"] = places.get(f"row: {name}", b"") + _flat(value)
        return places

    def _note(self, given: dict[str, Any]) -> None:
        self.ends.add(given.get("code", "done"))
        holds_key = given.get("key")
        if holds_key:
            self.keys.add(holds_key)
        self._kept["answers"].append(json.dumps(given | {"key": None}))


def _flat(value: Any) -> bytes:  # noqa: ANN401 - any attribute value
    if isinstance(value, bytes):
        return value + b"\n"
    if isinstance(value, dict):
        return b"".join(map(_flat, [*value, *value.values()]))
    if isinstance(value, list):
        return b"".join(map(_flat, value))
    return f"{value}\n".encode()
