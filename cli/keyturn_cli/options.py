"""What verbs take; and `connected`, which gives a verb the server that follows from it."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from keyturn_cli import profiles


class Output(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


class KeyOutput(StrEnum):
    """How an answer with a key is written; as `key`, standard output gets the key alone."""

    KEY = "key"
    TABLE = "table"
    JSON = "json"


class Status(StrEnum):
    """What a key can be."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why a key is revoked; as compromised, it can never be renewed, only rotated."""

    UNSPECIFIED = "unspecified"
    SUPERSEDED = "superseded"
    CESSATION = "cessation"
    COMPROMISED = "compromised"


class Format(StrEnum):
    """How records are written to a file."""

    JSONL = "jsonl"
    CSV = "csv"


Named = Annotated[str, typer.Argument(metavar="KEY", help="Its id or its alias, never its string.")]
Alias = Annotated[
    str, typer.Argument(metavar="ALIAS", help="What the key is for; there is one key for each.")
]
Name = Annotated[str | None, typer.Option(metavar="TEXT", help="What people call it.")]
Roles = Annotated[
    list[str] | None, typer.Option("--role", metavar="ROLE", help="Give it again for another one.")
]
Days = Annotated[int | None, typer.Option(min=1, metavar="DAYS", help="Until it expires.")]
Metadata = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Give it again for another one.")
]
RotateEvery = Annotated[
    int | None, typer.Option(min=0, metavar="DAYS", help="Rotate by itself; 0, never.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Prefix = Annotated[str, typer.Option(metavar="TEXT", help="Only aliases that start so.")]
OfStatus = Annotated[Status | None, typer.Option(help="Only those.")]
As = Annotated[Output, typer.Option("--output", "-o", help="How to write it.")]
KeyAs = Annotated[
    KeyOutput, typer.Option("--output", "-o", help="key: standard output gets the key alone.")
]
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where the API is.", show_default="KEYTURN_URL, or profile"),
]
Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", envvar="KEYTURN_PROFILE", help="URL and key of `keyturn login`."),
]
KeyStdin = Annotated[
    bool, typer.Option("--key-stdin", help="Your own key is a line of standard input.")
]

StackName = Annotated[str, typer.Option(metavar="NAME", help="What is deployed.")]
Region = Annotated[
    str | None,
    typer.Option(metavar="NAME", envvar="AWS_REGION", help="Where, unless as configured."),
]
AwsProfile = Annotated[str | None, typer.Option(metavar="NAME", help="Of your AWS configuration.")]


def connected(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb a server to call as its first argument, and the options that say which."""

    def run(
        *,
        url: Url = None,
        profile: Profile = None,
        key_stdin: KeyStdin = False,
        **own: Any,  # noqa: ANN401 - what the verb says
    ) -> None:
        server = profiles.server(url, profile, key_stdin=key_stdin)
        from keyturn_cli.api import Api

        with Api(server) as api:
            verb(api, **own)

    (_, *own), (*shared, _) = (inspect.signature(each).parameters.values() for each in (verb, run))
    every = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    setattr(run, "__signature__", inspect.Signature(every))  # noqa: B010 - what typer reads
    run.__annotations__ = {each.name: each.annotation for each in every}
    run.__doc__ = verb.__doc__
    return run
