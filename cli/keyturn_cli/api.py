"""The service's routes, as far as the verbs ask for them."""

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import quote

from keyturn_cli.errors import Misused, NotFound, Unanswered
from keyturn_cli.profiles import Server
from keyturn_cli.records import Events, Issued, Item, Message, Page, Usage, Verdict
from keyturn_cli.wire import Wire

_ID_LENGTH = 17
_PAGE = 100  # the most that a page holds


class Api:
    """A server's keys, as whoever holds this key may see and change them.

    Every method raises a `Failed` where there is no answer, or another one.
    """

    def __init__(self, server: Server) -> None:
        """Connect when first asked; use it in a `with`."""
        self.server = server
        self._wire = Wire(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def find(self, named: str) -> Item:
        """Read the key with this id or, where there is none, with this alias.

        Raises:
            NotFound: neither.
        """
        if len(named) == _ID_LENGTH and named.isascii() and named.isalnum():
            with suppress(NotFound):
                return self._item(named)
        item = self.with_alias(named)
        if item is None:
            raise NotFound(
                f"no key has the id or the alias {named!r}",
                "`keyturn list` shows those there are; one that is a moment old may be missing.",
            )
        return self._item(item.id)

    def with_alias(self, alias: str) -> Item | None:
        """Return the key of an alias, as a list shows it: eventually consistent."""
        stored = unicodedata.normalize("NFC", alias.strip())
        if not stored:
            raise Misused("an alias is not empty")
        # In the order of aliases, the one that is its own prefix comes first.
        page = self._wire.ask(Page, "GET", "", query={"alias_prefix": stored, "limit": 1})
        return page.items[0] if page.items and page.items[0].alias == stored else None

    def items(self, prefix: str, status: str) -> Iterator[Item]:
        """Yield every key of a list, page by page; eventually consistent."""
        asked: dict[str, object] = {"limit": _PAGE}
        asked |= {"alias_prefix": prefix} if prefix else {}
        asked |= {"status": status} if status else {}
        seen = set()
        while True:
            page = self._wire.ask(Page, "GET", "", query=asked)
            yield from page.items
            if page.cursor is None:
                return
            if page.cursor in seen:
                raise Unanswered("the list has no end: the server repeats itself")
            seen.add(page.cursor)
            asked["cursor"] = page.cursor

    def create_or_renew(self, body: Mapping[str, object]) -> Issued:
        """Make the key of an alias, or renew it: only the answer tells which. Sent once."""
        lost = (
            "Whether it is done is not known. The same again is safe for what is stored; but "
            "should somebody revoke the key in between, it would make it active again."
        )
        return self._wire.ask(Issued, "POST", "", body=body, lost=lost)

    def rotate(self, id: str, body: Mapping[str, object]) -> Issued:
        """Give a key a new string. A rotation's id in `body` makes the repeats harmless."""
        return self._wire.ask(Issued, "POST", f"/{_part(id)}/rotate", body=body)

    def revoke(self, id: str, reason: str) -> Message:
        """End a key. Sent once."""
        lost = (
            "Whether it is done is not known. Do it again: exit code 4 then means that it is done."
        )
        path, query = f"/{_part(id)}", {"reason": reason}
        return self._wire.ask(Message, "DELETE", path, query=query, lost=lost)

    def verify(self, key: str, roles: list[str]) -> Verdict:
        """Ask whether a key is valid, and has one of these roles, if any are named."""
        return self._wire.ask(Verdict, "POST", "/verify", body={"key": key, "roles": roles})

    def usage(self, id: str, days: int) -> Usage:
        """Read how often a key was let in and refused, by day."""
        return self._wire.ask(Usage, "GET", f"/{_part(id)}/usage", query={"days": days})

    def events(self, id: str, limit: int) -> Events:
        """Read what happened to a key, the newest first."""
        return self._wire.ask(Events, "GET", f"/{_part(id)}/events", query={"limit": limit})

    def own(self) -> Item:
        """Read the key that calls."""
        return self._wire.ask(Item, "GET", "/self")

    def _item(self, id: str) -> Item:
        return self._wire.ask(Item, "GET", f"/{_part(id)}")


def _part(id: str) -> str:
    return quote(id, safe="")
