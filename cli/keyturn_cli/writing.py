"""Verbs that change a key: create, renew, rotate, revoke."""

import sys
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keyturn_cli import ask, options
from keyturn_cli.errors import Misused, Refused, Unanswered
from keyturn_cli.options import KeyOutput, Reason, connected
from keyturn_cli.text import plain

if TYPE_CHECKING:
    from keyturn_cli.api import Api
    from keyturn_cli.records import Issued, Item


@connected
def create(
    api: "Api",
    alias: options.Alias,
    *,
    name: options.Name = None,
    role: options.Roles = None,
    ttl_days: options.Days = None,
    metadata: options.Metadata = None,
    rotate_every_days: options.RotateEvery = None,
    or_renew: Annotated[
        bool, typer.Option("--or-renew", help="Renew the key if there is one: a single call.")
    ] = False,
    output: options.KeyAs = KeyOutput.KEY,
) -> None:
    """Make a key for an alias that has none.

    Its name is the alias unless given, and it has no roles but those given. Whether the alias has
    a key is looked up before the call that makes it. Should somebody make one in between, theirs
    is renewed, with your name and roles, and standard error says so.
    """
    there = None if or_renew else api.with_alias(alias)
    if there is not None:
        raise Refused(
            f"{there.alias} has a key already ({there.id}, {there.status})",
            "`keyturn renew` keeps its string and all that you do not name; with --or-renew, "
            "name and roles become those given here.",
        )
    body = {"alias": alias, "name": name or alias, "roles": role or []}
    issued = api.create_or_renew(body | _given(ttl_days, metadata, rotate_every_days))
    hand_over(issued, output, "Renewed: the alias had a key." if issued.renewed else "Created.")


@connected
def renew(
    api: "Api",
    key: options.Named,
    *,
    name: options.Name = None,
    role: options.Roles = None,
    ttl_days: options.Days = None,
    metadata: options.Metadata = None,
    rotate_every_days: options.RotateEvery = None,
    yes: options.Yes = False,
    output: options.KeyAs = KeyOutput.KEY,
) -> None:
    """Make a key valid anew, its string the same.

    What is not named stays; it is read before the call, so of two who change a key at once the
    later decides. A revoked key works again: that is asked first.
    """
    item = api.find(key)
    if item.status == "revoked" and item.revoke_reason != "compromised":  # those are refused
        ask.confirmed(
            f"{_called(item)} is revoked ({item.revoke_reason}). Renewed, every copy of its string "
            "works again. Renew it?",
            yes=yes,
        )
    body: dict[str, Any] = {
        "alias": item.alias,
        "name": name or item.name,
        "roles": item.roles if role is None else role,
        "ttl_days": item.ttl_days,
    }
    issued = api.create_or_renew(body | _given(ttl_days, metadata, rotate_every_days))
    hand_over(issued, output, "Renewed.")


@connected
def rotate(
    api: "Api",
    key: options.Named,
    *,
    grace_seconds: Annotated[
        int | None,
        typer.Option(min=0, metavar="SECONDS", help="How long the old string works yet."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Though the grace of the last rotation still runs.")
    ] = False,
    rotation_id: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A repeat under the same is no other one.")
    ] = None,
    yes: options.Yes = False,
    output: options.KeyAs = KeyOutput.KEY,
) -> None:
    """Give a key a new string; the old one has a grace.

    Where the answer is lost it is asked for again: the rotation has an id, and happens once. With
    --force or without a grace, whoever uses an old string is shut out at once: asks first.
    """
    item = api.find(key)
    if force or grace_seconds == 0:
        ask.confirmed(f"{_called(item)}: {_shut_out(item, grace_seconds)} Rotate it?", yes=yes)
    rotation_id = rotation_id or uuid.uuid4().hex
    body: dict[str, Any] = {"rotation_id": rotation_id, "force": force}
    if grace_seconds is not None:
        body["grace_seconds"] = grace_seconds
    try:
        issued = api.rotate(item.id, body)
    except Unanswered as failed:
        failed.then += f" A repeat with --rotation-id {rotation_id} rotates once at most."
        raise
    hand_over(issued, output, "Rotated.")


@connected
def revoke(
    api: "Api",
    key: options.Named,
    *,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.UNSPECIFIED,
    yes: options.Yes = False,
) -> None:
    """End a key at once.

    Renewing makes it work again; once its string is said to be compromised, only rotating does.
    """
    item = api.find(key)
    own = " is the key you are calling with. It" if item.id in api.server.key.split("_") else ""
    ask.confirmed(f"{_called(item)}{own} stops working at once. Revoke it?", yes=yes)
    api.revoke(item.id, reason.value)
    sys.stderr.write(f"Revoked {plain(item.alias)}.\n")


def hand_over(issued: "Issued", output: KeyOutput, said: str) -> None:
    """Write an answer with a key in it: the key once, on standard output."""
    from keyturn_cli import show

    if issued.key is None:
        said += " Its string was imported as a hash: only its holder has it."
    elif output is not KeyOutput.JSON:
        said += " Keep the key: only `keyturn renew` shows it again."
    sys.stderr.write(f"{said}\n")
    if output is KeyOutput.JSON:
        show.as_json(issued)
        return
    sys.stderr.write("\n")
    show.record(issued, show.BRIEF, err=output is KeyOutput.KEY)
    if issued.key is not None:
        sys.stderr.write("\n")
        sys.stdout.write(f"{plain(issued.key)}\n")


def _given(
    ttl_days: int | None, metadata: Sequence[str] | None, rotate_every_days: int | None
) -> dict[str, Any]:
    """Return the fields that were named; the others are the server's to decide."""
    given: dict[str, Any] = {} if ttl_days is None else {"ttl_days": ttl_days}
    if metadata:
        pairs = [each.partition("=") for each in metadata]
        if not all(equals for _, equals, _ in pairs):
            raise Misused("--metadata takes NAME=VALUE")
        given["metadata"] = {name: value for name, _, value in pairs}
    if rotate_every_days is not None:
        given["rotate_every_days"] = rotate_every_days or None
    return given


def _called(item: "Item") -> str:
    return f"{item.alias} ({item.id}, {item.name})"


def _shut_out(item: "Item", grace_seconds: int | None) -> str:
    """Say which strings end with the rotation, and when the older one was last seen."""
    from keyturn_cli.show import when

    ends = "the current string" if grace_seconds == 0 else ""
    if item.previous_expires_at:
        seen = item.previous_last_seen_at
        before = f"the string before{f' (last seen {when(seen)})' if seen else ''}"
        ends = f"{ends} and {before}" if ends else before
    return f"{ends} stops working at once." if ends else "no grace is running."
