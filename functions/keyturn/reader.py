"""The one read that a verification costs, and the optional memory of it.

`VERIFY_CACHE_SECONDS` (0, none, by default; at most 60) keeps rows in this process, also the
absence of one: a revocation, renewal or rotation may then go unseen for so many seconds by this
process. Expiry never does: it is judged anew each time. What nobody could know is not kept.
Of imported keys the pointer is remembered as long: where it leads never changes.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar
from weakref import finalize

from keyturn import foreign, row
from keyturn.foreign import Finder
from keyturn.keys import Credential
from keyturn.lean import LeanReader
from keyturn.settings import environment, settings, verify_cache_seconds

CACHED_ROWS = 10_000

T = TypeVar("T")
Reader = Callable[[str], Credential | None]


def reader() -> Reader:
    """Return what reads a key's row by its id: strongly consistent, `None` where there is none.

    What it returns raises:
        Unavailable: DynamoDB did not answer, or the row cannot be read.
    """
    lean = LeanReader(settings().table_name, row.CREDENTIAL, environ=environment())

    def read(id: str) -> Credential | None:
        item = lean.get(id)
        return None if item is None else row.to_credential(item)

    finalize(read, lean.close)  # in Lambda never: the environment ends with its connections
    return cached(read, verify_cache_seconds())


def finder() -> Finder | None:
    """Return what finds an imported key's id by its pointer; `None` where there are no such keys.

    What it returns raises:
        Unavailable: DynamoDB did not answer, or the row cannot be read.
    """
    if not settings().imported_keys:
        return None
    table, environ = settings().table_name, environment()
    lean = LeanReader(table, (foreign.TARGET,), foreign.POINTER, environ=environ)

    def find(pointer: str) -> str | None:
        item = lean.get(pointer)
        return None if item is None else foreign.to_target(item)

    finalize(find, lean.close)
    return cached(find, verify_cache_seconds())


def cached(read: Callable[[str], T], seconds: int) -> Callable[[str], T]:
    """Return `read` with a memory of `seconds`; `read` itself where that is 0."""
    if not seconds:
        return read
    # Here, because every cold start without a cache would pay for the import.
    from cachetools import TTLCache  # noqa: PLC0415
    from cachetools import cached as remembered  # noqa: PLC0415

    # By the wall clock: the monotonic one stands still while Lambda holds the process frozen.
    cache: TTLCache[tuple[str, ...], T] = TTLCache(CACHED_ROWS, seconds, time.time)
    return remembered(cache, lock=Lock())(read)
